//! Putting an agent together, on the thread that it lives on.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use sweep_shared::ids::Token;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_local};

use super::link::{Link, channel};
use super::run::Run;
use super::shell::{Inbox, Note, Shell, hashes};
use super::state::State;
use crate::agent::AgentError;
use crate::attempt::{self, Context};
use crate::cache::Cache;
use crate::identity;
use crate::options::{Options, Shutdown};
use crate::probe::{Prober, cores};
use crate::process::leftovers;
use crate::report::{End, Report};
use crate::slots::Slots;
use crate::space::Space;
use crate::spool::Spool;
use crate::transfer::{Bearer, Transfers};

/// The agent, from its start to its end. Needs a `LocalSet` on a permanent thread, and the folder's lock.
pub async fn run_agent(options: Options, shutdown: Shutdown) -> Result<(), AgentError> {
    let home = options.home.clone();
    let home_error = |source| AgentError::Home { path: home.clone(), source };
    let identity = identity::next_incarnation(&options.home).map_err(home_error)?;
    let killed = leftovers::kill_older(&identity.agent, identity.incarnation);
    if killed > 0 {
        tracing::warn!(killed, "killed processes that an earlier agent had left");
    }
    let auth = Bearer::new(&options.token).ok_or_else(|| AgentError::Refused("the token is malformed".to_owned()))?;
    let connect = || channel(&options.address).map_err(|_| AgentError::Address(options.address.clone()));
    let cache = Rc::new(Cache::open(&options.home.join("cache"), options.cache_bytes).map_err(home_error)?);
    // A connection of their own: a large blob must not stand in a heartbeat's way.
    let leaving = shutdown.clone();
    let transfers = Transfers::new(connect()?, auth.clone(), Rc::clone(&cache), options.backoff, leaving);
    let (link, link_events, reopen) = Link::new(connect()?, auth, options.backoff);
    let prober = Prober::new(options.slots.unwrap_or(1).max(1)).await;
    let devices = prober.devices().await;
    let (mut spool, durable) = Spool::open(&options.home.join("spool")).map_err(home_error)?;
    let durable_seq = spool.last_seq();
    let (mut ended, cut) = inherited(&spool);
    for token in cut {
        let end = End::Interrupted("the agent was restarted".to_owned());
        spool.push(Report::finished(token, end, 0.0));
        ended.push(token);
    }
    clear_folders(&options.home.join("attempts"), &ended).map_err(home_error)?;
    let pins = |(seq, report): &(u64, Report)| (*seq, hashes(report).map(|hash| cache.pin(hash)).collect());
    let pins: VecDeque<_> = spool.unacked().map(pins).collect();
    let (news, news_inbox) = unbounded_channel();
    let (notes, notes_inbox) = unbounded_channel();
    let (heartbeats, every) = watch::channel(options.heartbeat);
    spawn_local(heartbeat(prober.clone(), every, notes.clone()));
    spawn_local(link.run());
    let log = |token: &Token| attempt::log_path(&options.home.join("attempts"), *token);
    let runs: BTreeMap<_, _> = ended.iter().map(|token| (*token, Run::new(log(token), options.log_bytes))).collect();
    let state = State::new(Slots::new(&devices, cores()), ended, Instant::now());
    let space = Space::new(&options.home);
    let context = Context::new(options, &identity, cache, transfers, prober).await.map_err(home_error)?;
    let shell = Shell {
        context: Rc::new(context),
        identity,
        state,
        spool,
        devices,
        space,
        runs,
        outgoing: None,
        welcomed: false,
        known: false,
        sent_seq: 0,
        durable_seq,
        pins,
        news,
        notes,
        heartbeats,
        reopen,
        over: None,
        removals: JoinSet::new(),
        renewed: None,
    };
    let inbox = Inbox { link: link_events, news: news_inbox, notes: notes_inbox, durable };
    shell.run(inbox, shutdown).await
}

/// Attempts that an earlier incarnation left: those whose end is in the spool, and those that have other reports there.
fn inherited(spool: &Spool) -> (Vec<Token>, Vec<Token>) {
    let mut final_seen: HashMap<Token, bool> = HashMap::new();
    for (_, report) in spool.unacked() {
        *final_seen.entry(report.token).or_insert(false) |= report.is_final();
    }
    let (ended, cut): (Vec<_>, Vec<_>) = final_seen.into_iter().partition(|(_, ended)| *ended);
    (ended.into_iter().map(|(token, _)| token).collect(), cut.into_iter().map(|(token, _)| token).collect())
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

async fn heartbeat(prober: Prober, mut every: watch::Receiver<Duration>, notes: UnboundedSender<Note>) {
    loop {
        let wait = *every.borrow_and_update();
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            // Hello has just told the same.
            Ok(()) = every.changed() => continue,
        }
        if notes.send(Note::Devices(prober.devices().await)).is_err() {
            return;
        }
    }
}
