//! Agents and their devices.

use axum::response::Response;

use super::answer;
use crate::views::Paged;
use crate::views::agents::{self as views, Agent};
use crate::web::Web;
use crate::web::api::problem::Problem;
use crate::web::call::{Answer, Call};
use crate::web::trouble::Trouble;

/// All agents that ever joined, the connected ones first.
#[utoipa::path(get, path = "/api/v1/agents", tag = "agents",
    responses((status = 200, body = Paged<Agent>), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(in crate::web) async fn agents(web: Web, _: Call) -> Answer {
    let items = views::agents(&web.0.api).await?;
    Ok(answer(Paged { total: items.len() as u64, items, offset: 0 }))
}

/// One agent.
#[utoipa::path(get, path = "/api/v1/agents/{agent}", tag = "agents",
    params(("agent" = String, Path, description = "Its name, as `sweep agents` shows it")),
    responses((status = 200, body = Agent), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(in crate::web) async fn agent(web: Web, call: Call) -> Result<Response, Trouble> {
    Ok(answer(views::agent(&web.0.api, call.named("agent")?).await?.ok_or(Trouble::NotFound)?))
}
