//! `sweep tokens revoke ID`.

use serde_json::json;

use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The token's number (`sweep tokens list`; it stands in the token, too: swu_7_…)
    id: i64,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let changed = connection.client.revoke_token(args.id).await;
    connection.close().await;
    let changed = changed?;
    if context.json {
        output::json(&json!({ "id": args.id, "changed": changed }))?;
    } else if changed == 0 {
        output::print(&format!("token {} counted no more already", args.id))?;
    } else {
        output::print(&format!("token {} counts no more", args.id))?;
    }
    Ok(Exit::Done)
}
