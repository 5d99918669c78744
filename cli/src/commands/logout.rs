//! `sweep logout`.

use serde_json::json;

use crate::connect::{Login, Token};
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::output;

#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(context: &Context, _: Args) -> Outcome {
    let home = &context.settings.home.value;
    // One that cannot be read goes all the same.
    let login = Login::read(home).ok().flatten();
    let was = Login::remove(home)?;
    if context.json {
        output::json(&json!({ "logged_out": was, "coordinator": login.map(|login| login.address.url()) }))?;
        return Ok(Exit::Done);
    }
    output::print(&match (was, login) {
        (false, _) => "nobody was logged in".to_owned(),
        (true, Some(Login { address, token: Token::Made(secret) })) => format!(
            "logged out from {}. The token still counts: `sweep tokens revoke {}` ends that",
            address.url(),
            secret.id
        ),
        (true, Some(login)) => format!("logged out from {}", login.address.url()),
        (true, None) => "logged out".to_owned(),
    })?;
    Ok(Exit::Done)
}
