//! Putting an agent together, on the thread that it lives on.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use sweep_shared::ids::Token;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_local};

use super::clock;
use super::decide::{Session, Setup, Terms};
use super::link::Link;
use super::run::Run;
use super::shell::{Inbox, Note, Shell};
use crate::agent::AgentError;
use crate::attempt::{self, Context};
use crate::cache::Cache;
use crate::devices::Devices;
use crate::enrol::{Enrolled, enrol, keep_renewed};
use crate::identity::{self, Identity};
use crate::luck::Luck;
use crate::options::{Options, Shutdown};
use crate::probe::{Machine, cores};
use crate::process::{Cgroups, leftovers, sweep_cgroups};
use crate::rules::RulesFile;
use crate::space::Space;
use crate::spool::{Record, Spool};
use crate::transfer::Transfers;

/// The agent, from its start to its end. Needs a `LocalSet` on a permanent thread, and the folder's lock.
pub async fn run_agent(mut options: Options, shutdown: Shutdown) -> Result<(), AgentError> {
    let home = options.home.clone();
    let home_error = |source| AgentError::Home { path: home.clone(), source };
    let identity = identity::next_incarnation(&options.home, options.labels.clone()).map_err(home_error)?;
    // Agents may share a disk, but each clears up what it finds in its own folder.
    options.scratch = options.scratch.map(|scratch| scratch.join(&identity.agent));
    let killed =
        sweep_cgroups(&options.home, &identity.agent) + leftovers::kill_older(&identity.agent, identity.incarnation);
    if killed > 0 {
        tracing::warn!(killed, "killed processes that an earlier agent had left");
    }
    let Some(Enrolled { link: to, bearer: auth }) = enrol(&options, &identity, &shutdown).await? else { return Ok(()) };
    let cache = Rc::new(Cache::open(&options.scratch().join("cache"), options.cache_bytes).map_err(home_error)?);
    // A connection of their own: a large blob must not stand in a heartbeat's way.
    let transfers = Transfers::new(to.clone(), auth.clone(), Rc::clone(&cache), options.backoff, shutdown.clone());
    let (link, link_events, connect) = Link::new(to.clone(), auth);
    let rules = RulesFile::open(options.rules.clone())?;
    let machine = tokio::task::spawn_blocking(Machine::look).await.map_err(|_| AgentError::Crashed)?;
    let local_time = Box::new(|| jiff::Zoned::now().datetime());
    let (held, xids) = Devices::new(machine, rules, options.slots.unwrap_or(1).max(1), local_time);
    let devices = held.report().await;
    let (spool, recovered, durable) = Spool::open(&options.home.join("spool")).map_err(home_error)?;
    let unacked: Vec<(u64, Record)> =
        recovered.reports.iter().map(|(seq, report)| (*seq, Record::of(report))).collect();
    let terms = Terms { leave_when_idle: options.leave_when_idle, ..Terms::new(options.backoff) };
    let setup = Setup { identity: identity.clone(), devices, cores: cores(), recovered, terms, luck: Luck::new() };
    let (session, first) = Session::new(setup, clock::now());
    clear_folders(&options.attempts(), &session.attempts()).map_err(home_error)?;
    let (news, news_inbox) = unbounded_channel();
    let (notes, notes_inbox) = unbounded_channel();
    let (heartbeats, every) = watch::channel(options.heartbeat);
    spawn_local(heartbeat(Rc::clone(&held), every, notes.clone()));
    spawn_local(Rc::clone(&held).exclude_faulty(xids));
    spawn_local(link.run());
    spawn_local(keep_renewed(to, options.clone()));
    let log = |token: Token| attempt::log_path(&options.attempts(), token);
    let runs = session.attempts().into_iter().map(|token| (token, Run::new(log(token), options.log_bytes))).collect();
    let space = Space::new(options.scratch());
    let cgroups = cgroups(&options, &identity);
    let context = Context::new(options, &identity, cache, transfers, held, cgroups).map_err(home_error)?;
    let mut shell = Shell {
        context: Rc::new(context),
        session,
        spool,
        space,
        runs,
        outgoing: None,
        pins: VecDeque::new(),
        news,
        notes,
        heartbeats,
        connect,
        over: None,
        removals: JoinSet::new(),
    };
    for (seq, record) in &unacked {
        shell.pin(*seq, record);
    }
    shell.carry_out(first);
    let inbox = Inbox { link: link_events, news: news_inbox, notes: notes_inbox, durable };
    shell.run(inbox, shutdown).await
}

/// Says once which way it is.
fn cgroups(options: &Options, identity: &Identity) -> Option<Cgroups> {
    let opened = if options.cgroups {
        Cgroups::open(&options.home, &identity.agent, identity.incarnation)
    } else {
        Err("it was told to do without".to_owned())
    };
    match opened {
        Ok(cgroups) => {
            tracing::info!(below = %cgroups.base().display(), bounds_memory = cgroups.bounds_memory(), "each attempt runs in a control group of its own");
            Some(cgroups)
        }
        Err(why) => {
            tracing::info!(why, "attempts run without control groups");
            None
        }
    }
}

/// Removes what earlier attempts left, apart from those whose logs are still to be told.
fn clear_folders(attempts: &Path, keep: &[Token]) -> std::io::Result<()> {
    fs::create_dir_all(attempts)?;
    for entry in fs::read_dir(attempts)? {
        let path = entry?.path();
        if !keep.iter().any(|token| attempt::folder_path(attempts, *token) == path) {
            fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

/// Changes are told at once, but not one by one.
const LEAST_PAUSE: Duration = Duration::from_millis(100);

async fn heartbeat(devices: Rc<Devices>, mut every: watch::Receiver<Duration>, notes: UnboundedSender<Note>) {
    loop {
        let wait = *every.borrow_and_update();
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = async { tokio::time::sleep(LEAST_PAUSE).await; devices.changed().await } => {}
            // Hello has just told the same.
            Ok(()) = every.changed() => continue,
        }
        if notes.send(Note::Devices(devices.report().await)).is_err() {
            return;
        }
    }
}
