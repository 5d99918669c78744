//! One attempt's life, as one task: fetch what it needs, ask for its memory, start the runner, listen to it, deliver
//! what it made, say how it ended.
//!
//! [`run`] is the whole story; the parts are `folder` (where it happens), `room` (on the disk), `prepare` (inputs and
//! `job.json`), `launch` (program and environment), `secrets` (what of it only this machine knows), `supervise` (the runner
//! from its start to its end), `watchdog` (whether it has hung), `peak` (how much memory it takes), `outputs` and `staged`
//! (files on their way), `verdict` (what the end means) and `log` (what is kept of stdout and stderr).

mod context;
mod folder;
mod launch;
mod lines;
mod log;
mod outputs;
mod peak;
mod prepare;
mod room;
mod secrets;
mod staged;
mod supervise;
mod verdict;
mod watchdog;

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use sweep_shared::ids::Token;
use sweep_shared::resources::Usage;
use sweep_shared::spec::{Protocol, StageKind};
use sweep_shared::states::FailureClass;
use tokio::sync::watch;
use tokio::task::{spawn_blocking, spawn_local};

pub use context::{Context, News, Tell};
pub use folder::{folder_path, log_path};
pub use log::LogTail;

use crate::devices::Tenancy;
use crate::process::{Exit, leftovers};
use crate::report::{End, Success};
use crate::session::{Assign, HangAfter, Outcome, Stop, now};
use folder::Folder;
use outputs::{OutputError, Outputs};
use peak::Peak;
use supervise::{Supervised, Terms};
use verdict::Verdict;
use watchdog::Watchdog;

/// What an attempt was asked to do before its natural end. `None` while nobody asked.
pub type StopSignal = watch::Receiver<Option<Stop>>;

/// Why an attempt is over before its runner is, or instead of it.
#[derive(Debug)]
enum Early {
    Refused(String),
    Ended(End),
}

impl Early {
    fn failure(class: FailureClass, message: impl Into<String>) -> Self {
        Self::Ended(End::failure(class, message))
    }

    /// This machine's disk.
    fn disk(what: &str, error: &io::Error) -> Self {
        Self::failure(disk_class(error), format!("{what}: {error}"))
    }
}

/// A full disk is worth another agent; anything else is ours.
fn disk_class(error: &io::Error) -> FailureClass {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FailureClass::DiskFull,
        _ => FailureClass::Internal,
    }
}

/// Makes the attempt and tells how it ended.
pub async fn run(context: Rc<Context>, assign: Assign, threads: u32, mut stop: StopSignal, tell: Tell) {
    let began = Instant::now();
    let mut usage = Usage::default();
    let end = match make(&context, &assign, threads, &mut stop, &tell, &mut usage.peak_memory_bytes).await {
        Ok(end) | Err(Early::Ended(end)) => end,
        Err(Early::Refused(reason)) => {
            folder::remove_if_empty(&context, assign.token);
            tell.say(News::Outcome(Outcome::Refused(reason)));
            return;
        }
    };
    folder::remove_if_empty(&context, assign.token);
    folder::keep_only_log(&context, assign.token);
    usage.run_s = began.elapsed().as_secs_f64();
    tell.say(News::Outcome(Outcome::Ended(end, usage)));
}

async fn make(
    context: &Rc<Context>,
    assign: &Assign,
    threads: u32,
    stop: &mut StopSignal,
    tell: &Tell,
    peak_bytes: &mut u64,
) -> Result<End, Early> {
    room::check(context, assign)?;
    let folder = Rc::new(Folder::create(context, assign.token).map_err(|e| Early::disk("the attempt's folder", &e))?);
    let began = Instant::now();
    let prepared = prepare::prepare(context, &folder, assign, tell);
    let prepared = unless_stopped(stop, prepared).await?;
    let admitted = context.devices.admit(assign.token, assign.device, assign.memory_bytes);
    let place = unless_stopped(stop, async { admitted.await.map_err(Early::Refused) }).await?;
    prepare::write_job(context, &folder, assign, prepared, place.limits, threads)?;
    let mut launched = launch::launch(context, &folder, assign, place.limits, threads)?;
    place.spawned(launched.members.clone());
    let mut outputs = Outputs::new(Rc::clone(context), Rc::clone(&folder), tell.clone(), is_command(assign));
    let peak = Peak::new(context, assign.token, assign.device, launched.members.clone());
    let hang_after = if protocol(assign) == Protocol::Exit { HangAfter::Never } else { assign.hang_after };
    let terms = Terms { grace: context.options.grace, stuck: context.options.stuck };
    let watchdog = Watchdog::new(hang_after, context.options.patience, now());
    let mut runner = Supervised { outputs: &mut outputs, folder: &folder, tell, watchdog };
    let told = tokio::select! {
        told = supervise::until_ended(&mut launched, &mut runner, stop, &terms) => told,
        never = peak.watch() => match never {},
    };
    let (ended, told) = supervise::collect(launched, told, &mut runner, &terms).await?;
    *peak_bytes = peak.bytes(&ended);
    if was_terminated(ended.exit) {
        // Not by us, as far as is known. Who stops all of a machine, as Slurm an allocation, tells runner and agent alike, and the
        // runner may be gone before the agent has heard.
        let _not_asked = tokio::time::timeout(HEARSAY, asked(stop)).await;
    }
    let asked = stop.borrow().clone();
    if asked.is_some() || began.elapsed() > LONG {
        kill_escaped(context, assign.token).await;
    }
    vacate(place, tell).await;
    match verdict::verdict(protocol(assign), ended.exit, told, asked.as_ref(), || log::last_lines(&folder.log_path())) {
        Verdict::Succeeded => succeed(assign, outputs, stop, tell).await,
        Verdict::Ended(end) => {
            let end = blame_device(context, assign, end).await;
            Ok(stop_short(end, outputs, stop, tell).await)
        }
    }
}

/// Gives the place back. Where the device's memory does not come back at once, the slot is held by a task of its own.
async fn vacate(place: Tenancy, tell: &Tell) {
    if let Some(leaving) = place.vacate().await {
        tell.say(News::Holding);
        let tell = tell.clone();
        spawn_local(async move {
            leaving.wait().await;
            tell.say(News::Released);
        });
    }
}

/// A runner that failed on a faulty GPU failed by that: the job's next attempt goes elsewhere.
async fn blame_device(context: &Context, assign: &Assign, end: End) -> End {
    use FailureClass::{DeviceError, Diverged, Internal, OutOfMemory};
    match end {
        End::Failure { class: class @ (Internal | OutOfMemory | Diverged), message } => {
            match context.devices.fault(assign.device).await {
                Some(fault) => {
                    let device = sweep_shared::resources::named(assign.device);
                    End::failure(DeviceError, format!("{device}: {fault}; the runner's end: {message}"))
                }
                None => End::failure(class, message),
            }
        }
        other => other,
    }
}

/// How long word of a stop that has reached a runner may take to reach its agent.
const HEARSAY: Duration = Duration::from_secs(2);

/// Whether it ended by SIGTERM, or as shells say that what they ran did.
fn was_terminated(exit: Exit) -> bool {
    matches!(exit, Exit::Signal(libc::SIGTERM) | Exit::Status(SHELLS_TERMINATED))
}

const SHELLS_TERMINATED: i32 = 128 + libc::SIGTERM;

/// Looking through all processes for what left the runner's group takes longer than a short job does.
const LONG: Duration = Duration::from_secs(1);

async fn kill_escaped(context: &Context, token: Token) {
    let agent = context.agent.clone();
    let killed = spawn_blocking(move || leftovers::kill_attempt(&agent, &token.to_string())).await;
    if let Ok(killed @ 1..) = killed {
        tracing::warn!(%token, killed, "killed processes that had left their runner's group");
    }
}

/// The runner succeeded: its files have to arrive. An Interrupt changes nothing any more.
async fn succeed(assign: &Assign, mut outputs: Outputs, stop: &mut StopSignal, tell: &Tell) -> Result<End, Early> {
    if let StageKind::Command(command) = &assign.spec.kind {
        for name in &command.outputs {
            outputs.add_named(name).map_err(missing_output)?;
        }
    }
    if outputs.is_empty() {
        return Ok(End::Success(Success::default()));
    }
    tell.say(News::Gone);
    tokio::select! {
        delivered = outputs.deliver() => delivered.map(End::Success).map_err(undelivered),
        end = killed(stop) => Ok(end),
    }
}

/// Any other end. The last checkpoint still matters to whoever continues, unless nobody will.
async fn stop_short(end: End, outputs: Outputs, stop: &mut StopSignal, tell: &Tell) -> End {
    if matches!(end, End::Cancelled) || matches!(&*stop.borrow(), Some(Stop::Kill(_))) || !outputs.has_checkpoint() {
        return end;
    }
    tell.say(News::Gone);
    tokio::select! {
        () = outputs.deliver_checkpoint() => end,
        end = killed(stop) => end,
    }
}

fn missing_output(error: OutputError) -> Early {
    Early::failure(error.class(), format!("the command ended with status 0, but {error}"))
}

fn undelivered(error: OutputError) -> Early {
    Early::failure(error.class(), error.to_string())
}

/// Work that ends early, whichever way the attempt is asked to stop: nothing has been started yet.
async fn unless_stopped<T>(stop: &mut StopSignal, work: impl Future<Output = Result<T, Early>>) -> Result<T, Early> {
    tokio::select! {
        biased;
        done = work => done,
        asked = asked(stop) => Err(Early::Ended(match asked {
            Stop::Cancel => End::Cancelled,
            Stop::Interrupt(reason) | Stop::Kill(reason) => End::Interrupted(reason),
        })),
    }
}

/// Resolves when the attempt is asked to stop.
async fn asked(stop: &mut StopSignal) -> Stop {
    match stop.wait_for(Option::is_some).await {
        Ok(asked) => asked.clone().expect("waited for it"),
        // The agent's loop is gone, and this task goes with it.
        Err(_) => std::future::pending().await,
    }
}

/// Resolves when nothing of the attempt is waited for any more.
async fn killed(stop: &mut StopSignal) -> End {
    let hard = |asked: &Option<Stop>| matches!(asked, Some(Stop::Cancel | Stop::Kill(_)));
    match stop.wait_for(hard).await.as_deref() {
        Ok(Some(Stop::Kill(reason))) => End::Interrupted(reason.clone()),
        Ok(_) => End::Cancelled,
        Err(_) => std::future::pending().await,
    }
}

fn is_command(assign: &Assign) -> bool {
    matches!(assign.spec.kind, StageKind::Command(_))
}

fn protocol(assign: &Assign) -> Protocol {
    match &assign.spec.kind {
        StageKind::Command(command) => command.protocol,
        _ => Protocol::Events,
    }
}
