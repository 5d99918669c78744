//! Passwords: typed twice without being shown, or read from standard input; never an argument, which others could see.

use std::io::{IsTerminal as _, Read as _};

use crate::exit::{Failure, Outcome};

/// The longest password that is read.
const LONGEST: u64 = 1024;

pub fn ask(user: &str) -> Outcome<String> {
    let password = if std::io::stdin().is_terminal() { typed(user)? } else { piped()? };
    if password.is_empty() {
        return Err(Failure::usage("no password was given"));
    }
    Ok(password)
}

fn typed(user: &str) -> Outcome<String> {
    let first = rpassword::prompt_password(format!("new password for {user}: "))?;
    if rpassword::prompt_password("once more: ")? != first {
        return Err(Failure::usage("the two passwords differ; nothing was changed"));
    }
    Ok(first)
}

/// The first line.
fn piped() -> Outcome<String> {
    let mut text = String::new();
    std::io::stdin().lock().take(LONGEST).read_to_string(&mut text)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
