//! `sweep agents invite`.

use serde_json::json;
use sweep_link::Address;
use sweep_shared::wire::v1;

use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::moment::Zone;
use crate::output;
use crate::settings::Span;

const EXAMPLES: &str = "\
The token goes to standard output, alone, so that it can be kept in a file; what to do with it, to standard \
error. It buys an agent a certificate and is good for nothing else. It names this coordinator by its \
fingerprint, so that the agent joins no other.

Examples:
  sweep agents invite > join-token         then copy the file to the other machine
  sweep agents invite --uses 8 --expires 7d";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// How many agents may join with it; 0: any number
    #[arg(long, value_name = "N", default_value_t = 1)]
    uses: u32,
    /// How long it can be used, like 2h or 7d [default: 1d]
    #[arg(long, value_name = "TIME")]
    expires: Option<Span>,
    /// What it is for, to recognise it by in `sweep tokens list`
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live(context).await?;
    let address = connection.address()?;
    if !address.is_tls() {
        connection.close().await;
        return Err(Failure::usage(
            "this coordinator speaks no TLS and is reached from its own machine only: no agent elsewhere can join it",
        )
        .hint("start it with `sweep serve --listen 0.0.0.0:7433`; an agent on its own machine needs no token"));
    }
    let address = elsewhere(&address);
    let request = v1::CreateTokenRequest {
        kind: "join".to_owned(),
        note: args.note,
        uses: args.uses,
        lifetime_s: args.expires.map_or(0, |span| span.0.as_secs()),
        ..Default::default()
    };
    let made = connection.client.create_token(request).await;
    connection.close().await;
    let made = made?;
    if context.json {
        output::json(&json!({
            "id": made.id,
            "token": made.token,
            "expires_ms": made.expires_ms,
            "uses": args.uses,
            "coordinator": address,
        }))?;
        return Ok(Exit::Done);
    }
    let until = crate::answer::instant(made.expires_ms).map(|at| Zone::here().full(at)).unwrap_or_default();
    output::note(&said(&address, args.uses, &until));
    output::print(&made.token)?;
    Ok(Exit::Done)
}

fn said(address: &str, uses: u32, until: &str) -> String {
    let whom = match uses {
        0 => "any number of agents".to_owned(),
        1 => "one agent".to_owned(),
        n => format!("{n} agents"),
    };
    format!(
        "lets {whom} join, until {until}.\nOn the other machine, with the token in a file:\n\
         \n  sweep agent --coordinator {address} --join-token-file FILE\n\
         \nor without --join-token-file, and paste it when asked.\nThe next time `sweep agent` is enough.\n"
    )
}

/// As other machines may call it: by this host's name where we reach it on this machine.
fn elsewhere(address: &Address) -> String {
    if !address.is_loopback() {
        return address.url();
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = Some(host.trim()).filter(|host| !host.is_empty()).unwrap_or("HOST");
    format!("https://{host}:{}", address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_for_the_other_machine_is_said_whole() {
        let said = said("https://desk:7433", 1, "2026-11-30 12:00:00");
        assert!(said.contains("\n  sweep agent --coordinator https://desk:7433 --join-token-file FILE\n"), "{said}");
        assert!(said.contains("one agent") && said.contains("until 2026-11-30 12:00:00"), "{said}");
        assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    }

    #[test]
    fn others_do_not_call_this_machine_localhost() {
        assert_eq!(elsewhere(&"https://desk:9".parse().unwrap()), "https://desk:9");
        let ours = elsewhere(&"https://127.0.0.1:9".parse().unwrap());
        assert!(ours.starts_with("https://") && ours.ends_with(":9") && !ours.contains("127.0.0.1"), "{ours}");
    }
}
