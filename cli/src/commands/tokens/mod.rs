//! `sweep tokens`: what users show instead of a password.

mod create;
mod revoke;

use std::time::SystemTime;

use serde_json::{Value, json};

use super::status::unix_ms;
use crate::answer::TokenRow;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::moment::Zone;
use crate::{output, terminal};

const EXAMPLES: &str = "\
Examples:
  sweep tokens create --user ada > token     where the coordinator runs
  sweep login https://desk --token-file token    where ada works
  sweep tokens list
  sweep tokens revoke 7";

#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum Command {
    /// Make a token with which a user can use the coordinator from anywhere
    Create(create::Args),
    /// List tokens: one's own, as an administrator everybody's
    List(List),
    /// Have a token count no more, and end what goes on in its name
    Revoke(revoke::Args),
}

#[derive(Debug, clap::Args)]
pub struct List {
    /// Those that expired or were revoked, too
    #[arg(long)]
    all: bool,
}

pub async fn run(context: &Context, command: Command) -> Outcome {
    match command {
        Command::Create(args) => create::run(context, args).await,
        Command::List(args) => list(context, args).await,
        Command::Revoke(args) => revoke::run(context, args).await,
    }
}

async fn list(context: &Context, args: List) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let tokens = connection.client.tokens(args.all).await;
    connection.close().await;
    let tokens = tokens?;
    if context.json {
        output::json(&tokens.iter().map(object).collect::<Value>())?;
    } else if tokens.is_empty() {
        output::note(
            "no token counts; `sweep tokens create` makes one for a user, `sweep agents invite` one for an agent",
        );
    } else {
        output::print(&table(&tokens, &Zone::here(), SystemTime::now()))?;
    }
    Ok(Exit::Done)
}

fn object(token: &TokenRow) -> Value {
    json!({
        "id": token.id,
        "kind": token.kind,
        "user": token.user,
        "role": token.role,
        "note": token.note,
        "created_ms": unix_ms(token.created),
        "expires_ms": unix_ms(token.expires),
        "revoked_ms": unix_ms(token.revoked),
        "used_ms": unix_ms(token.used),
        "uses": token.uses.map(|(uses, _)| uses),
        "uses_left": token.uses.map(|(_, left)| left),
    })
}

fn table(tokens: &[TokenRow], zone: &Zone, now: SystemTime) -> String {
    let mut table = terminal::table(["id", "for", "state", "last used", "note"], terminal::width());
    for token in tokens {
        let whom = match token.kind.as_str() {
            "join" => format!("agents (by {})", token.user),
            _ => format!("{} ({})", token.user, token.role),
        };
        let used = token.used.map_or_else(|| "never".to_owned(), |at| zone.full(at));
        table.add_row([token.id.to_string(), whom, state(token, zone, now), used, token.note.clone()]);
    }
    table.trim_fmt()
}

fn state(token: &TokenRow, zone: &Zone, now: SystemTime) -> String {
    let uses = match token.uses {
        Some((_, 0)) => return "used up".to_owned(),
        Some((uses, left)) => format!(", {left} of {uses} uses left"),
        None => String::new(),
    };
    match (token.revoked, token.expires) {
        (Some(at), _) => format!("revoked {}", zone.full(at)),
        (None, Some(at)) if at <= now => format!("expired {}", zone.full(at)),
        (None, Some(at)) => format!("until {}{uses}", zone.full(at)),
        (None, None) => format!("counts{uses}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_has_become_of_a_token_is_said() {
        let now = SystemTime::now();
        let hour = Duration::from_hours(1);
        let token = TokenRow {
            id: 7,
            kind: "join".to_owned(),
            user: "ada".to_owned(),
            role: "agent".to_owned(),
            note: String::new(),
            created: None,
            expires: Some(now + hour),
            revoked: None,
            used: None,
            uses: Some((2, 1)),
        };
        let said = |token: &TokenRow| state(token, &Zone::here(), now);
        assert!(said(&token).starts_with("until ") && said(&token).ends_with(", 1 of 2 uses left"));
        assert_eq!(said(&TokenRow { uses: Some((2, 0)), ..token.clone() }), "used up");
        assert!(said(&TokenRow { expires: Some(now - hour), ..token.clone() }).starts_with("expired "));
        assert!(said(&TokenRow { revoked: Some(now), ..token }).starts_with("revoked "));
    }
}
