//! `sweep tokens create`.

use serde_json::json;
use sweep_shared::access::Role;
use sweep_shared::wire::v1;

use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::moment::Zone;
use crate::output;
use crate::settings::Span;

const EXAMPLES: &str = "\
The token goes to standard output, alone, and is shown this once: the coordinator keeps a hash of it. Whoever \
has it acts in the user's name until it expires or is revoked. It names the coordinator by its fingerprint; \
copy all of it.

Examples:
  sweep tokens create --user ada > token
  sweep tokens create --role viewer --expires 30d --note dashboard";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Whose token it is [default: yours]
    #[arg(long, value_name = "NAME", default_value = "")]
    user: String,
    /// What it may do, at most what its user may: admin, user, viewer [default: its user's role]
    #[arg(long, value_name = "ROLE")]
    role: Option<Role>,
    /// How long it counts, like 12h or 30d [default: 90d]
    #[arg(long, value_name = "TIME")]
    expires: Option<Span>,
    /// What it is for, to recognise it by in `sweep tokens list`
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live(context).await?;
    let request = v1::CreateTokenRequest {
        kind: "user".to_owned(),
        user: args.user,
        role: args.role.map(|role| role.to_string()).unwrap_or_default(),
        note: args.note,
        lifetime_s: args.expires.map_or(0, |span| span.0.as_secs()),
        uses: 0,
    };
    let made = connection.client.create_token(request).await;
    connection.close().await;
    let made = made?;
    if context.json {
        output::json(&json!({ "id": made.id, "token": made.token, "expires_ms": made.expires_ms }))?;
        return Ok(Exit::Done);
    }
    let until = crate::answer::instant(made.expires_ms).map(|at| Zone::here().full(at)).unwrap_or_default();
    output::note(&format!(
        "token {}, until {until}. Keep it like a password: `sweep login URL` where you work asks for it",
        made.id
    ));
    output::print(&made.token)?;
    Ok(Exit::Done)
}
