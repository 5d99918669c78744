//! `sweep tokens revoke ID`.

use serde_json::json;
use sweep_shared::access::Secret;

use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The token's number (`sweep tokens list`; it stands in the token, too: swu_7_…)
    #[arg(value_parser = number)]
    id: i64,
}

/// Who pastes a whole token means its number; an error would show it.
fn number(text: &str) -> Result<i64, String> {
    match text.parse::<Secret>() {
        Ok(secret) => Ok(secret.id),
        Err(_) => text.parse().map_err(|_| "it is no token's number".to_owned()),
    }
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::gatekeeper(context).await?;
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
