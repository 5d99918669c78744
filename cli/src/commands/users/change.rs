//! What is done to one user.

use serde_json::json;
use sweep_shared::access::Role;
use sweep_shared::wire::v1;

use super::{Command, password};
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::output;

#[derive(Debug, clap::Args)]
pub struct Add {
    /// Letters, digits, and - _ .
    name: String,
    /// viewer, user, or admin
    #[arg(long, value_name = "ROLE", default_value = "user")]
    role: Role,
    /// Ask for a password for the status page (from standard input where that is no terminal)
    #[arg(long)]
    password: bool,
}

#[derive(Debug, clap::Args)]
pub struct SetRole {
    /// The user
    name: String,
    /// viewer, user, or admin
    role: Role,
}

#[derive(Debug, clap::Args)]
pub struct Name {
    /// The user
    name: String,
}

pub async fn run(context: &Context, command: Command) -> Outcome {
    let named = |name: &str| v1::SetUserRequest { name: name.to_owned(), ..Default::default() };
    let (name, request, done) = match command {
        Command::Add(Add { name, role, password }) => {
            let password = if password { password::ask(&name)? } else { String::new() };
            let request = v1::SetUserRequest { role: role.to_string(), create: true, password, ..named(&name) };
            let done = format!("added {name} ({role}); `sweep tokens create --user {name}` makes a token");
            (name, Some(request), done)
        }
        Command::Role(SetRole { name, role }) => {
            let request = v1::SetUserRequest { role: role.to_string(), ..named(&name) };
            let done = format!("{name} has the role {role} now");
            (name, Some(request), done)
        }
        Command::Password(Name { name }) => {
            let request = v1::SetUserRequest { password: password::ask(&name)?, ..named(&name) };
            let done = format!("{name} has another password now, and is signed out everywhere");
            (name, Some(request), done)
        }
        Command::Reset2fa(Name { name }) => {
            let request = v1::SetUserRequest { reset_totp: true, ..named(&name) };
            let done = format!("{name} has no second factor any more, and is signed out everywhere");
            (name, Some(request), done)
        }
        Command::Remove(Name { name }) => {
            let done = format!("removed {name}, with all tokens and sessions");
            (name, None, done)
        }
        Command::List => unreachable!("no change"),
    };
    let mut connection = Connection::live_or_inside(context).await?;
    let changed = match request {
        Some(request) => connection.client.set_user(request).await,
        None => connection.client.remove_user(&name).await,
    };
    connection.close().await;
    changed?;
    if context.json {
        output::json(&json!({ "user": name }))?;
    } else {
        output::print(&done)?;
    }
    Ok(Exit::Done)
}
