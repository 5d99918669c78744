//! How agents stand that were brought up: what the hosts say, beside what the coordinator says. And what they last said.

use std::path::Path;
use std::time::SystemTime;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use sweep_shared::hosts::Host;

use super::host;
use super::probe::{Process, State};
use super::remote::Ssh;
use super::roster::Roster;
use super::script::Script;
use super::trouble::Trouble;
use crate::answer::Agent;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::{format, output, terminal};

const AT_ONCE: usize = 32;

/// A host as both sides see it.
struct Standing {
    host: String,
    seen: Result<State, Trouble>,
    agent: Option<Agent>,
}

pub async fn status(context: &Context, file: &Path, only: &[String]) -> Outcome {
    let roster = Roster::read(file, only)?;
    let ssh = roster.ssh()?;
    // Hosts are asked whether or not the coordinator answers: that may be what is wrong.
    let (agents, seen) = tokio::join!(agents(context), async {
        let ssh = &ssh;
        let looks = roster.fleet.hosts.iter().map(|host| async move { look(ssh, host).await });
        futures_util::stream::iter(looks).buffered(AT_ONCE).collect::<Vec<_>>().await
    });
    let (agents, away) = match agents {
        Ok(agents) => (agents, None),
        Err(failure) => (Vec::new(), Some(failure)),
    };
    let rows: Vec<Standing> =
        roster.fleet.hosts.iter().zip(seen).map(|(host, seen)| joined(host, seen, &agents)).collect();
    if context.json {
        output::json(&rows.iter().map(object).collect::<Value>())?;
    } else {
        output::print(&table(&rows, away.is_none()))?;
    }
    if let Some(failure) = away {
        return Err(failure.context("the coordinator was not asked"));
    }
    let well = rows
        .iter()
        .all(|row| row.seen.as_ref().is_ok_and(State::runs) && row.agent.as_ref().is_some_and(|agent| agent.connected));
    Ok(if well { Exit::Done } else { Exit::Unreachable })
}

async fn agents(context: &Context) -> Outcome<Vec<Agent>> {
    let mut connection = Connection::live(context).await?;
    let agents = connection.client.agents().await;
    connection.close().await;
    agents
}

async fn look(ssh: &Ssh, host: &Host) -> Result<State, Trouble> {
    let place = host.settings.home.as_deref().unwrap_or_default();
    let remote = ssh.remote(host).await?;
    let answer = remote.ask(&Script::new(include_str!("scripts/look.sh"), place), "").await;
    remote.close().await;
    Ok(State::of(&answer?))
}

/// A host that cannot be asked is found by its name.
fn joined(host: &Host, seen: Result<State, Trouble>, agents: &[Agent]) -> Standing {
    let id = seen.as_ref().ok().and_then(|state| state.agent.as_deref());
    let bare = host.destination.rsplit('@').next().unwrap_or_default();
    let names = [host.name.as_str(), bare, bare.split('.').next().unwrap_or_default()];
    let on_host = || {
        let mut named = agents.iter().filter(|agent| names.contains(&agent.host.as_str()));
        named.next().filter(|_| named.next().is_none())
    };
    let agent = match (&seen, id) {
        (_, Some(id)) => agents.iter().find(|agent| agent.id == id),
        (Err(_), None) => on_host(),
        (Ok(_), None) => None,
    };
    Standing { host: host.name.clone(), agent: agent.cloned(), seen }
}

fn process(row: &Standing) -> String {
    match &row.seen {
        Err(trouble) => format!("unknown: {trouble}"),
        Ok(state) => match state.process {
            Process::Never => "never launched".to_owned(),
            Process::Stopped => "stopped".to_owned(),
            Process::Gone => host::ended(state).to_string(),
            Process::Running => {
                let since = state.since.and_then(|since| SystemTime::now().duration_since(since).ok());
                let runs =
                    since.map_or_else(|| "runs".to_owned(), |span| format!("runs for {}", format::duration(span)));
                match state.restarts {
                    0 => runs,
                    n => format!("{runs}, started again {}", format::plural(n as usize, "time")),
                }
            }
        },
    }
}

fn coordinator(row: &Standing) -> String {
    match &row.agent {
        None => "not known".to_owned(),
        Some(agent) => crate::commands::presence(agent),
    }
}

fn object(row: &Standing) -> Value {
    let state = row.seen.as_ref().ok();
    json!({
        "host": row.host,
        "process": match state.map(|state| state.process) {
            Some(Process::Running) => "running",
            Some(Process::Stopped) => "stopped",
            Some(Process::Gone) => "gone",
            Some(Process::Never) => "never",
            None => "unknown",
        },
        "since_ms": state.and_then(|state| crate::commands::unix_ms(state.since)),
        "restarts": state.map(|state| state.restarts),
        "launcher": state.and_then(|state| state.launcher.as_ref()),
        "version": state.and_then(|state| state.version.as_ref()),
        "agent": row.agent.as_ref().map(|agent| &agent.id).or_else(|| state.and_then(|state| state.agent.as_ref())),
        "connected": row.agent.as_ref().map(|agent| agent.connected),
        "running": row.agent.as_ref().map(|agent| agent.running),
        "why": match &row.seen {
            Err(trouble) => Some(trouble.to_string()),
            Ok(state) => (state.process == Process::Gone).then(|| host::ended(state).to_string()),
        },
    })
}

fn table(rows: &[Standing], asked: bool) -> String {
    let of = |cell: &dyn Fn(&Standing) -> String| rows.iter().map(cell).collect::<Vec<_>>();
    let id = |row: &Standing| {
        let known = row.seen.as_ref().ok().and_then(|state| state.agent.clone());
        known.or_else(|| row.agent.as_ref().map(|agent| agent.id.clone())).unwrap_or_default()
    };
    let columns = vec![
        ("host", of(&|row| row.host.clone())),
        ("agent", of(&id)),
        ("on the host", of(&process)),
        ("at the coordinator", of(&|row| if asked { coordinator(row) } else { String::new() })),
        (
            "jobs",
            of(&|row| row.agent.as_ref().map(|agent| format!("{}/{}", agent.running, agent.slots)).unwrap_or_default()),
        ),
        ("version", of(&|row| row.seen.as_ref().ok().and_then(|state| state.version.clone()).unwrap_or_default())),
    ];
    terminal::columns(columns, terminal::width()).trim_fmt()
}

/// The last lines of each host's agent; with `follow`, what it says from now on.
pub async fn logs(file: &Path, only: &[String], lines: u32, follow: bool) -> Outcome {
    let roster = Roster::read(file, only)?;
    let ssh = roster.ssh()?;
    let several = roster.fleet.hosts.len() > 1;
    if several && follow {
        return Err(Failure::usage("one agent's log can be followed at a time")
            .hint(format!("name its host: --only {}", roster.fleet.hosts[0].name)));
    }
    let mut exit = Exit::Done;
    for host in &roster.fleet.hosts {
        if let Err(trouble) = print_log(&ssh, host, lines, follow, several).await {
            if !several {
                return Err(Failure::unreachable(format!("{}: {}", host.name, trouble.what)).hint(
                    trouble.remedy.unwrap_or_else(|| {
                        format!("`sweep agents status {}` shows how its agent stands", file.display())
                    }),
                ));
            }
            output::note(&format!("{}: {trouble}", host.name));
            exit = Exit::Unreachable;
        }
    }
    Ok(exit)
}

async fn print_log(ssh: &Ssh, host: &Host, lines: u32, follow: bool, several: bool) -> Result<(), Trouble> {
    let place = host.settings.home.as_deref().unwrap_or_default();
    let script = Script::new(include_str!("scripts/logs.sh"), place)
        .with("lines", &lines.to_string())
        .with("follow", if follow { "yes" } else { "no" });
    let remote = ssh.remote(host).await?;
    let prefix = if several { format!("{}: ", host.name) } else { String::new() };
    // A log that cannot be printed is nobody's loss: whoever read it has gone.
    let mut out = |line: &[u8]| drop(output::write(&[prefix.as_bytes(), line].concat()));
    let printed = remote.pass_on(&script, &mut out).await;
    remote.close().await;
    printed.map(|_| ())
}
