//! One job with everything that is known of it.

use sweep_shared::ids::JobId;

use super::answer;
use crate::views::job::{self as views, JobDetail};
use crate::web::Web;
use crate::web::api::problem::Problem;
use crate::web::call::{Answer, Call};

/// A job, its attempts, what it waits for, what it told, and what came out.
#[utoipa::path(get, path = "/api/v1/jobs/{job}", tag = "jobs",
    params(("job" = String, Path, description = "`j12`, or `12`")),
    responses((status = 200, body = JobDetail), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(in crate::web) async fn job(web: Web, call: Call) -> Answer {
    Ok(answer(views::one(&web.0.api, JobId(call.number("job")?)).await?))
}
