//! `sweep login URL`.

use serde_json::json;
use sweep_link::Address;

use super::status::unix_ms;
use crate::answer::Caller;
use crate::connect::{Client, Login, Reach, Token};
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::moment::Zone;
use crate::output;

const EXAMPLES: &str = "\
Asks for a token (`sweep tokens create`, where the coordinator runs, makes one), tries it, and keeps both in \
SWEEP_HOME/login.json, for you alone. From then on commands mean that coordinator; --coordinator, \
SWEEP_COORDINATOR and sweep.toml go before it. The fingerprint in the token tells the coordinator from others.

Examples:
  sweep login https://desk
  sweep login https://desk --token-file token
  cat token | sweep login https://desk";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The coordinator, like https://desk:7433
    url: String,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let address: Address = args.url.parse()?;
    let token = match context.given_token()? {
        Some(token) => token,
        None => Token::ask(&format!("token for {address}: "))?,
    };
    let reach = Reach::named(&address, &token)?;
    let caller = Client::connect(&reach).await?.who_am_i().await?;
    let home = &context.settings.home.value;
    Login::write(home, reach.link.address(), &token)?;
    let url = reach.link.address().url();
    if context.json {
        output::json(&document(&url, &caller))?;
    } else {
        output::print(&format!("logged in at {url} as {}", who(&caller)))?;
    }
    Ok(Exit::Done)
}

/// The same for scripts.
pub fn document(url: &str, caller: &Caller) -> serde_json::Value {
    json!({
        "coordinator": url,
        "name": caller.name,
        "role": caller.role,
        "expires_ms": unix_ms(caller.expires),
    })
}

/// `ada (user), until 2027-02-27 12:00:00`.
pub fn who(caller: &Caller) -> String {
    let until = caller.expires.map(|at| format!(", until {}", Zone::here().full(at))).unwrap_or_default();
    format!("{} ({}){until}", caller.name, caller.role)
}
