//! The audit log.

use super::{answer, number};
use crate::views::events::{self as views, Events};
use crate::web::Web;
use crate::web::api::problem::Problem;
use crate::web::call::{Answer, Call};
use crate::web::routes::events::query;
use crate::web::trouble::Trouble;

const PAGE: u32 = 100;
const MOST: u32 = 1000;

/// What happened, the newest first. `before` in the answer is what to ask for as `before` to get older ones.
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    params(
        ("of" = Option<String>, Query, description = "About this sweep (`s3`) or job (`j12`) only"),
        ("what" = Option<String>, Query, description = "Of this kind only: `failed`, `agent_joined`, …"),
        ("actor" = Option<String>, Query, description = "By this user only; `sweep`: the coordinator and its agents"),
        ("before" = Option<i64>, Query, description = "Before the event of this number only"),
        ("limit" = Option<u32>, Query, description = "At most so many; 100 by default, 1000 at most"),
    ),
    responses((status = 200, body = Events), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(in crate::web) async fn events(web: Web, call: Call) -> Answer {
    let limit = number(&call, "limit", PAGE, MOST)?.max(1);
    let query = query(&call.fields, limit).map_err(Trouble::BadQuestion)?;
    Ok(answer(views::events(&web.0.api, &query).await?))
}
