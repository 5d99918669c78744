//! `sweep whoami`.

use serde_json::json;

use super::login::who;
use super::status::unix_ms;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::output;

#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(context: &Context, _: Args) -> Outcome {
    let mut connection = Connection::live(context).await?;
    let (caller, address) = (connection.client.who_am_i().await, connection.address());
    connection.close().await;
    let (caller, url) = (caller?, address?.url());
    if context.json {
        output::json(&json!({
            "coordinator": url,
            "name": caller.name,
            "role": caller.role,
            "expires_ms": unix_ms(caller.expires),
        }))?;
    } else {
        output::print(&format!("{} at {url}", who(&caller)))?;
    }
    Ok(Exit::Done)
}
