//! `sweep whoami`.

use super::login::{document, who};
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
        output::json(&document(&url, &caller))?;
    } else {
        output::print(&format!("{} at {url}", who(&caller)))?;
    }
    Ok(Exit::Done)
}
