//! `sweep agents revoke AGENT`.

use serde_json::json;

use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::output;

const EXAMPLES: &str = "\
Its certificates count no more from this moment on, and its connections end: the agent stops its runners and \
ends (exit code 3), its jobs go back to the queue and begin elsewhere from their last checkpoint. To have the \
machine work again, invite it again. To send a machine home that you trust, `sweep agents drain` loses no work.

Examples:
  sweep agents revoke desk-1a2b3c4d
  sweep agents revoke desk             the only agent on that host";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The agent's id (`sweep agents certificates` lists them), or its host
    agent: String,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let revoked = connection.client.revoke_agent(&args.agent).await;
    connection.close().await;
    let revoked = revoked?;
    if context.json {
        output::json(&json!({ "agent": args.agent, "revoked": revoked }))?;
    } else {
        output::print(&match revoked {
            0 => format!("{}: none of its certificates counted any more", args.agent),
            _ => format!("{}: it is not let in any more, and its jobs go back to the queue", args.agent),
        })?;
    }
    Ok(Exit::Done)
}
