//! Sweeps, their jobs, and their results.

use sweep_shared::ids::SweepId;
use sweep_shared::states::JobState;

use super::{answer, number};
use crate::store::read::{Listing, Order};
use crate::views::Paged;
use crate::views::jobs::{self, Job};
use crate::views::results::{self, Results, Sorting};
use crate::views::sweeps::{self as views, Sweep, SweepDetail};
use crate::web::Web;
use crate::web::api::problem::Problem;
use crate::web::call::{Answer, Call};
use crate::web::trouble::Trouble;

const PAGE: u32 = 100;
const MOST: u32 = 1000;
/// Each is looked at one by one.
const MOST_SWEEPS: u32 = 100;

/// All sweeps, the newest first.
#[utoipa::path(get, path = "/api/v1/sweeps", tag = "sweeps",
    params(
        ("offset" = Option<u32>, Query, description = "Behind so many"),
        ("limit" = Option<u32>, Query, description = "At most so many; 20 by default, 100 at most"),
    ),
    responses((status = 200, body = Paged<Sweep>), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(in crate::web) async fn sweeps(web: Web, call: Call) -> Answer {
    let (offset, limit) = (number(&call, "offset", 0, u32::MAX)?, number(&call, "limit", 20, MOST_SWEEPS)?);
    Ok(answer(views::list(&web.0.api, offset, limit).await?))
}

/// One sweep with its stages.
#[utoipa::path(get, path = "/api/v1/sweeps/{sweep}", tag = "sweeps",
    params(("sweep" = String, Path, description = "`s3`, or `3`")),
    responses((status = 200, body = SweepDetail), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(in crate::web) async fn sweep(web: Web, call: Call) -> Answer {
    Ok(answer(views::detail(&web.0.api, SweepId(call.number("sweep")?)).await?))
}

/// The jobs of a sweep: filtered, sorted, in pages.
#[utoipa::path(get, path = "/api/v1/sweeps/{sweep}/jobs", tag = "sweeps",
    params(
        ("sweep" = String, Path, description = "`s3`, or `3`"),
        ("stage" = Option<String>, Query, description = "Of this stage only"),
        ("state" = Option<String>, Query, description = "In this state only: `running`, `failed`, …"),
        ("q" = Option<String>, Query, description = "With this text in stage and label, or in the message"),
        ("sort" = Option<String>, Query, description = "`stage`, `label`, `seed`, `state` or `changed`; otherwise in the plan's order"),
        ("desc" = Option<String>, Query, description = "Anything: from the end"),
        ("offset" = Option<u32>, Query, description = "Behind so many"),
        ("limit" = Option<u32>, Query, description = "At most so many; 100 by default, 1000 at most"),
    ),
    responses((status = 200, body = Paged<Job>), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(in crate::web) async fn sweep_jobs(web: Web, call: Call) -> Answer {
    let sweep = SweepId(call.number("sweep")?);
    web.0.store.sweep_name(sweep).await?;
    let state = call.fields.some("state");
    if let Some(word) = state
        && word.parse::<JobState>().is_err()
    {
        return Err(Trouble::BadQuestion(format!("state must be a job's state, and is {word:?}")));
    }
    let listing = Listing {
        stage: call.fields.some("stage"),
        state,
        text: call.fields.get("q"),
        job: None,
        order: order(call.fields.get("sort"))?,
        reverse: call.fields.some("desc").is_some(),
        offset: number(&call, "offset", 0, u32::MAX)?,
        limit: number(&call, "limit", PAGE, MOST)?,
    };
    Ok(answer(jobs::list(&web.0.api, sweep, &listing).await?))
}

fn order(word: &str) -> Result<Order, Trouble> {
    if word.is_empty() {
        return Ok(Order::Plan);
    }
    let wrong = || format!("sort must be stage, label, seed, state or changed, and is {word:?}");
    Order::by(word).ok_or_else(|| Trouble::BadQuestion(wrong()))
}

/// What came out of a sweep: a row for each point, its seeds folded into mean and deviation.
#[utoipa::path(get, path = "/api/v1/sweeps/{sweep}/results", tag = "sweeps",
    params(
        ("sweep" = String, Path, description = "`s3`, or `3`"),
        ("stage" = Option<String>, Query, description = "Of this stage only"),
        ("sort" = Option<String>, Query, description = "A metric; otherwise in the plan's order"),
        ("desc" = Option<String>, Query, description = "Anything: from the largest"),
        ("offset" = Option<u32>, Query, description = "Behind so many"),
        ("limit" = Option<u32>, Query, description = "At most so many; 100 by default, 1000 at most"),
    ),
    responses((status = 200, body = Results), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(in crate::web) async fn sweep_results(web: Web, call: Call) -> Answer {
    let (api, sweep) = (&web.0.api, SweepId(call.number("sweep")?));
    web.0.store.sweep_name(sweep).await?;
    let table = api.tables.whole(&web.0.store, sweep).await?;
    let sorting = Sorting {
        by: call.fields.get("sort"),
        reverse: call.fields.some("desc").is_some(),
        stage: call.fields.some("stage"),
        offset: number(&call, "offset", 0, u32::MAX)? as usize,
        limit: number(&call, "limit", PAGE, MOST)? as usize,
    };
    Ok(answer(results::page(api, &table, &sorting).await?))
}
