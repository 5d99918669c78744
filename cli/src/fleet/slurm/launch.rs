//! `sweep agents launch --slurm`.

use std::time::Duration;

use serde_json::json;

use super::fleet::Fleet;
use super::follow;
use super::login::Login;
use super::script::{Plan, script};
use super::size::{More, There};
use super::spec::Spec;
use super::submit::submit;
use crate::connect::{Connection, Token};
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::fleet::invitation::Invitation;
use crate::fleet::reachable;
use crate::format::plural;
use crate::output;

/// How it is done.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// Show the script, submit nothing.
    pub print: bool,
    /// Stay, and look so often whether more are needed.
    pub follow: Option<Duration>,
}

/// Slurm may keep a job waiting for long, and its agent joins only then.
const TOKEN_S: u64 = 30 * 86_400;

/// What every batch script of a launch has in common.
pub struct Launch<'a> {
    pub fleet: Fleet<'a>,
    coordinator: String,
    sweep: String,
    setup: Option<String>,
}

pub async fn launch(context: &Context, text: &str, how: How) -> Outcome {
    let spec: Spec = text.parse()?;
    let setup = spec.setup.as_deref().map(read_setup).transpose()?;
    let mut connection = Connection::live(context).await?;
    let outcome = begin(context, &spec, setup, how, &mut connection).await;
    connection.close().await;
    outcome
}

async fn begin(
    context: &Context,
    spec: &Spec,
    setup: Option<String>,
    how: How,
    connection: &mut Connection,
) -> Outcome {
    let coordinator = reachable::for_others(spec.coordinator.as_deref(), connection).await?.url();
    let login = Login::of(spec);
    let sweep = match &spec.sweep {
        Some(path) => path.clone(),
        None => login.sweep().await?,
    };
    let fleet = Fleet::find(spec, &login).await?;
    let launch = Launch { fleet, coordinator, sweep, setup };
    if how.print {
        let count = spec.size.first.max(1);
        output::print(&launch.script(count, false, &launch.fleet.folder.token_file("TOKEN")))?;
        return Ok(Exit::Done);
    }
    let seen = launch.fleet.look(connection).await?;
    let there = launch.fleet.there(&seen, connection).await?;
    let more = spec.size.missing(true, spec.jobs_each(), there);
    let alive: Vec<&str> = seen.allocations.iter().map(|allocation| allocation.id.as_str()).collect();
    launch.fleet.folder.tidy(&alive).await?;
    let submitted = launch.submit(more, connection).await?;
    if context.json && how.follow.is_none() {
        output::json(&json!({ "submitted": submitted, "allocations": there.allocations + more.total() }))?;
    } else {
        output::print(&said(spec, there, more, &submitted, how))?;
    }
    match how.follow {
        None => Ok(Exit::Done),
        Some(every) => follow::follow(&launch, connection, every, submitted).await,
    }
}

impl Launch<'_> {
    fn script(&self, count: u32, stay: bool, token_file: &str) -> String {
        script(&Plan {
            spec: self.fleet.spec,
            count,
            stay,
            folder: &self.fleet.folder.path,
            sweep: &self.sweep,
            coordinator: &self.coordinator,
            token_file,
            setup: self.setup.as_deref(),
        })
    }

    /// Invites so many more agents, and asks Slurm for places for them. What Slurm calls the jobs.
    pub async fn submit(&self, more: More, connection: &mut Connection) -> Outcome<Vec<String>> {
        if more.total() == 0 {
            return Ok(Vec::new());
        }
        let note = format!("agents on Slurm ({})", self.fleet.spec.name);
        let invitation = Invitation::make(&mut connection.client, more.total(), TOKEN_S, &note).await?;
        let secret = Token::parse(&invitation.token).joining()?;
        let fingerprint =
            secret.fingerprint.ok_or_else(|| Failure::internal("the coordinator speaks TLS and has no CA"))?;
        let token_file = self.fleet.folder.token_file(&secret.id.to_string());
        let submitted = async {
            self.fleet.folder.make(&fingerprint).await?;
            self.fleet.folder.write(&token_file, invitation.token.as_bytes()).await?;
            let mut submitted = Vec::new();
            for (count, stay) in [(more.stay, true), (more.leave, false)] {
                if count > 0 {
                    submitted.push(submit(self.fleet.login, &self.script(count, stay, &token_file)).await?);
                }
            }
            Ok(submitted)
        };
        match submitted.await {
            Ok(submitted) => Ok(submitted),
            Err(failure) => {
                // Nobody is to come in by it. That this fails, too, changes nothing: it is in a file of its user's, and expires.
                let _ = connection.client.revoke_token(secret.id).await;
                let _ = self.fleet.folder.remove(&token_file).await;
                Err(failure)
            }
        }
    }
}

fn read_setup(path: &str) -> Outcome<String> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("--slurm: setup={path}: {error}")).hint("it is a file with lines of shell")
    })
}

fn said(spec: &Spec, there: There, more: More, submitted: &[String], how: How) -> String {
    if more.total() == 0 {
        let why = if there.allocations == 0 { ": nothing waits for an agent" } else { "" };
        return format!(
            "{}: {} in Slurm's queue, none is missing{why}",
            spec.name,
            plural(there.allocations as usize, "allocation")
        );
    }
    let asked = format!(
        "{}: asked Slurm for {} ({})",
        spec.name,
        plural(more.total() as usize, "allocation"),
        submitted.iter().map(|job| format!("job {job}")).collect::<Vec<_>>().join(", ")
    );
    if how.follow.is_some() {
        return asked;
    }
    let handle = spec.handle();
    let space = if handle.is_empty() { "" } else { " " };
    format!(
        "{asked}\n`sweep agents status --slurm{space}{handle}` shows how they stand, `logs` what they say, `stop` ends them"
    )
}
