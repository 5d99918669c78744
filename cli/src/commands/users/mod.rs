//! `sweep users`: who may use the coordinator, and in which role.

mod change;
mod password;

use serde_json::{Value, json};

use super::status::unix_ms;
use crate::answer::User;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::moment::Zone;
use crate::{output, terminal};

const EXAMPLES: &str = "\
Roles: a viewer looks on; a user submits sweeps, and changes its own; an admin may do everything. Commands \
come in with a token (`sweep tokens create --user NAME`); the password is for the status page. Whoever may \
read this SWEEP_HOME is an administrator on this machine, with neither.

Examples:
  sweep users add ada
  sweep users add boss --role viewer --password
  sweep users role ada admin";

#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum Command {
    /// Add a user
    Add(change::Add),
    /// List the users
    List,
    /// Give a user another role
    Role(change::SetRole),
    /// Give a user another password for the status page; asks for it
    Password(change::Name),
    /// Forget the second factor of a user who lost it
    #[command(name = "reset-2fa")]
    Reset2fa(change::Name),
    /// Remove a user, with all tokens and sessions
    Remove(change::Name),
}

pub async fn run(context: &Context, command: Command) -> Outcome {
    if let Command::List = command {
        return list(context).await;
    }
    change::run(context, command).await
}

async fn list(context: &Context) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let users = connection.client.users().await;
    connection.close().await;
    let users = users?;
    if context.json {
        output::json(&users.iter().map(object).collect::<Value>())?;
    } else if users.is_empty() {
        output::note("there are no users; `sweep users add NAME` adds one");
    } else {
        output::print(&table(&users, &Zone::here()))?;
    }
    Ok(Exit::Done)
}

fn object(user: &User) -> Value {
    json!({
        "name": user.name,
        "role": user.role,
        "created_ms": unix_ms(user.created),
        "has_password": user.has_password,
        "has_2fa": user.has_totp,
        "signed_in_ms": unix_ms(user.signed_in),
    })
}

fn table(users: &[User], zone: &Zone) -> String {
    let mut table = terminal::table(["user", "role", "password", "second factor", "signed in"], terminal::width());
    let yes = |has: bool| if has { "yes" } else { "no" }.to_owned();
    for user in users {
        let signed_in = user.signed_in.map_or_else(|| "never".to_owned(), |at| zone.full(at));
        table.add_row([user.name.clone(), user.role.clone(), yes(user.has_password), yes(user.has_totp), signed_in]);
    }
    table.trim_fmt()
}
