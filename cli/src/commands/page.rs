//! `sweep page`.

use serde_json::json;

use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::moment::Zone;
use crate::output;

const EXAMPLES: &str = "\
The link signs whoever opens it first in as you, once, within minutes: no password is typed. Over TLS the \
browser does not know the coordinator's own CA; compare the fingerprint with the one that `sweep serve` shows, \
or import SWEEP_HOME/tls/ca.pem from the coordinator's machine.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {}

pub async fn run(context: &Context, _: Args) -> Outcome {
    let mut connection = Connection::live(context).await?;
    let (link, address) = (connection.client.sign_in_link().await, connection.address());
    connection.close().await;
    let (link, address) = (link?, address?);
    let url = format!("{}{}", address.url(), link.path);
    if context.json {
        output::json(&json!({ "url": url, "expires_ms": link.expires_ms }))?;
        return Ok(Exit::Done);
    }
    if let Some(until) = crate::answer::instant(link.expires_ms) {
        output::note(&format!("good for one use, until {}:", Zone::here().time(until)));
    }
    output::print(&url)?;
    Ok(Exit::Done)
}
