//! All hosts at once.

use std::path::Path;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use sweep_shared::access::Role;
use sweep_shared::hosts::Host;

use super::board::{Board, Line};
use super::bundle::Bundle;
use super::host::{Done, Launch, Up, our_host};
use super::remote::{Remote, Ssh};
use super::roster::Roster;
use super::stop;
use super::trouble::Trouble;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::fleet::invitation::Named;
use crate::signals::Signals;
use crate::{format, output, terminal};

/// Hosts that are worked on at the same time.
const AT_ONCE: usize = 32;
/// Hosts that are named where something holds for many.
const NAMED: usize = 3;

/// What became of a host.
struct Row {
    host: String,
    agent: Option<String>,
    /// Said in a word or two.
    done: &'static str,
    failed: Option<Trouble>,
    notes: Vec<String>,
}

/// `sweep agents launch` and, with `upgrade`, `sweep agents upgrade`.
pub async fn launch(context: &Context, file: &Path, only: &[String], upgrade: bool) -> Outcome {
    let roster = Roster::read(file, only)?;
    let ssh = roster.ssh()?;
    let rules: Vec<String> = roster.fleet.hosts.iter().map(|host| roster.rules(host)).collect::<Outcome<_>>()?;
    let mut connection = Connection::live(context).await?;
    // Said before half a gigabyte is copied, and not by every host.
    let caller = connection.client.who_am_i().await?;
    if caller.role != Role::Admin.as_str() {
        connection.close().await;
        return Err(Failure::unreachable(
            "agents are launched by an administrator: each host gets a token to join with",
        )
        .hint(
            "`sweep whoami` shows who you are; an administrator can give you the role: sweep users role NAME admin",
        ));
    }
    let named = Named::new(connection.address()?, roster.fleet.coordinator.as_deref())?;
    if named.others.is_none() && !connection.is_own() {
        connection.close().await;
        return Err(Failure::usage(format!("we reach the coordinator at {}, which is each machine's own", named.ours))
            .hint("say in the file of hosts how they reach it: coordinator: https://HOST:7433"));
    }
    let bundle = tokio::task::spawn_blocking(Bundle::of_this_program).await??;
    let client = connection.client.clone();
    let launch = Launch { ssh, bundle, client, named, our_host: our_host(), upgrade };
    let hosts = &roster.fleet.hosts;
    let rows = each(context, hosts, async |at, host, line| {
        let brought = launch.bring_up(host, &rules[at], line).await;
        row(host, brought, line)
    })
    .await?;
    connection.close().await;
    answer(context, rows)
}

fn row(host: &Host, brought: Result<Up, Trouble>, line: &Line) -> Row {
    let row = match brought {
        Ok(Up { done, agent, notes }) => {
            let said = match done {
                Done::Started => "runs",
                Done::Upgraded => "runs, upgraded",
                Done::Ran => "ran already",
                Done::RunsOtherwise => "ran already",
            };
            let mut notes = notes;
            if done == Done::RunsOtherwise {
                notes.push(
                    "it runs another version, or other settings than the file of hosts says now: `sweep agents upgrade` replaces it"
                        .to_owned(),
                );
            }
            Row { host: host.name.clone(), agent: Some(agent), done: said, failed: None, notes }
        }
        Err(trouble) => failed(host, trouble),
    };
    line.end(&row.failed.as_ref().map_or_else(|| row.done.to_owned(), |trouble| format!("failed: {trouble}")));
    row
}

fn failed(host: &Host, trouble: Trouble) -> Row {
    Row { host: host.name.clone(), agent: None, done: "failed", failed: Some(trouble), notes: Vec::new() }
}

/// `sweep agents stop`.
pub async fn stop_all(context: &Context, file: &Path, only: &[String], now: bool) -> Outcome {
    let roster = Roster::read(file, only)?;
    let ssh = roster.ssh()?;
    let rows = each(context, &roster.fleet.hosts, async |_, host, line| {
        let stopped = stopped(&ssh, host, line, now).await;
        let row = match stopped {
            Ok(ran) => {
                let done = if ran { "stopped" } else { "ran not" };
                Row { host: host.name.clone(), agent: None, done, failed: None, notes: Vec::new() }
            }
            Err(trouble) => failed(host, trouble),
        };
        line.end(&row.failed.as_ref().map_or_else(|| row.done.to_owned(), |trouble| format!("failed: {trouble}")));
        row
    })
    .await?;
    answer(context, rows)
}

async fn stopped(ssh: &Ssh, host: &Host, line: &Line, now: bool) -> Result<bool, Trouble> {
    line.say("connecting");
    let remote: Remote = ssh.remote(host).await?;
    line.say(if now { "its agent is told to end at once" } else { "its agent writes checkpoints and ends" });
    let stopped = stop::agent(&remote, now).await;
    remote.close().await;
    stopped
}

/// Does this on every host, with a line for each. Told to stop, it leaves hosts as they are: the same command goes on from there.
async fn each<F>(context: &Context, hosts: &[Host], work: F) -> Outcome<Vec<Row>>
where
    F: AsyncFn(usize, &Host, &Line) -> Row,
{
    let board = Board::new(hosts.iter().map(|host| host.name.as_str()), context.quiet);
    let lines: Vec<Line> = hosts.iter().map(|host| board.line(&host.name)).collect();
    let mut signals = Signals::listen()?;
    let work = &work;
    let all = hosts.iter().enumerate().map(|(at, host)| {
        let line = &lines[at];
        async move { (at, work(at, host, line).await) }
    });
    let mut all = futures_util::stream::iter(all).buffer_unordered(AT_ONCE);
    let mut rows = Vec::new();
    loop {
        tokio::select! {
            row = all.next() => match row {
                Some(row) => rows.push(row),
                None => break,
            },
            () = signals.next() => {
                // The programs that were started end with their handles; what they began on hosts can be gone on with.
                drop(all);
                drop(board);
                let told = format!("interrupted with {} done of {}", rows.len(), format::plural(hosts.len(), "host"));
                return Err(Failure::usage(told).exit(Exit::Interrupted).hint("the same command goes on where this one stopped"));
            }
        }
    }
    rows.sort_by_key(|(at, _)| *at);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// The table, and whether all is well.
fn answer(context: &Context, rows: Vec<Row>) -> Outcome {
    if context.json {
        output::json(&rows.iter().map(object).collect::<Value>())?;
    } else {
        output::print(&table(&rows))?;
    }
    for note in notes(&rows) {
        output::note(&note);
    }
    let failed = rows.iter().filter(|row| row.failed.is_some()).count();
    if failed == 0 {
        return Ok(Exit::Done);
    }
    output::note(&format!(
        "{failed} of {} failed; the same command goes on with them",
        format::plural(rows.len(), "host")
    ));
    Ok(Exit::Unreachable)
}

/// What is worth knowing, once for all hosts that it holds for.
fn notes(rows: &[Row]) -> Vec<String> {
    let mut notes: Vec<(&str, Vec<&str>)> = Vec::new();
    for (row, note) in rows.iter().flat_map(|row| row.notes.iter().map(move |note| (row, note))) {
        match notes.iter_mut().find(|(text, _)| text == note) {
            Some((_, hosts)) => hosts.push(&row.host),
            None => notes.push((note, vec![&row.host])),
        }
    }
    let who = |hosts: &[&str]| match hosts.len() {
        many if many > NAMED => format!("{} and {} more", hosts[..NAMED].join(", "), many - NAMED),
        _ => hosts.join(", "),
    };
    notes.into_iter().map(|(note, hosts)| format!("{}: {note}", who(&hosts))).collect()
}

fn object(row: &Row) -> Value {
    json!({
        "host": row.host,
        "agent": row.agent,
        "outcome": row.done,
        "failed": row.failed.as_ref().map(|trouble| &trouble.what),
        "remedy": row.failed.as_ref().and_then(|trouble| trouble.remedy.as_ref()),
        "notes": row.notes,
    })
}

fn table(rows: &[Row]) -> String {
    let of = |cell: fn(&Row) -> String| rows.iter().map(cell).collect::<Vec<_>>();
    let columns = vec![
        ("host", of(|row| row.host.clone())),
        ("agent", of(|row| row.agent.clone().unwrap_or_default())),
        ("outcome", of(|row| row.done.to_owned())),
        ("why, and what to do", of(|row| row.failed.as_ref().map(ToString::to_string).unwrap_or_default())),
    ];
    terminal::columns(columns, terminal::width()).trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_for_many_hosts_is_said_once() {
        let row = |host: &str, notes: &[&str]| Row {
            host: host.to_owned(),
            agent: None,
            done: "runs",
            failed: None,
            notes: notes.iter().map(ToString::to_string).collect(),
        };
        let rows = [row("a", &["x", "y"]), row("b", &[]), row("c", &["y"]), row("d", &["y"]), row("e", &["y"])];
        assert_eq!(notes(&rows), ["a: x", "a, c, d and 1 more: y"]);
    }
}
