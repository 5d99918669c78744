//! `sweep agent`.

mod employer;

use std::path::PathBuf;

use sweep_shared::labels::Label;
use sweep_worker::{Agent, AgentError, Options, Shutdown};

use crate::context::Context;
use crate::exit::{self, Exit, Failure, Outcome};
use crate::output;
use crate::service;
use crate::settings::{Flags, Stay};
use crate::signals::Signals;

const EXAMPLES: &str = "\
Without --coordinator it works for the one that it has joined, else for the one that runs on SWEEP_HOME, else \
for port 7433 of this machine. To join one on another machine it takes a join token (`sweep agents invite` there \
prints one), once: it buys a certificate, which the agent renews by itself. A coordinator that is away is waited \
for; running jobs go on meanwhile.

It ends with exit code 3 where the coordinator does not let it in (any more), and says what to do.

Ctrl-C or SIGTERM stops in good order (running jobs write a checkpoint and go back to the queue); once \
more kills them.

Examples:
  sweep agent --slots 2
  sweep agent --coordinator https://desk --join-token-file join-token     the first time
  sweep agent --coordinator https://desk                                  the same, asking for the token
  sweep agent                                                             from then on";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Jobs to run at once, per GPU where there are GPUs [default: 1; env: SWEEP_SLOTS]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub slots: Option<u32>,
    /// What plans may ask for by `where`, as NAME=VALUE; may be given several times [env: SWEEP_LABELS, with commas]
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub labels: Vec<Label>,
    /// File with what to join with; - reads standard input [env: SWEEP_JOIN_TOKEN_FILE, or the token in SWEEP_JOIN_TOKEN]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub join_token_file: Option<PathBuf>,
    /// Leave when there was nothing to do for so long, like 10m [default: never; env: SWEEP_LEAVE_WHEN_IDLE]
    #[arg(long, value_name = "TIME")]
    pub leave_when_idle: Option<Stay>,
    /// Folder on a fast disk of this machine, for what is needed only while jobs run [default: in SWEEP_HOME; env: SWEEP_SCRATCH]
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub scratch: Option<PathBuf>,
    /// Look after the agent: `sweep agents launch` starts it so
    #[arg(long, value_name = "DIR", hide = true)]
    pub keep: Option<PathBuf>,
}

impl Args {
    /// What of them are settings.
    pub fn tell(&self, flags: &mut Flags) {
        flags.slots = self.slots;
        flags.join_token_file.clone_from(&self.join_token_file);
        flags.leave_when_idle = self.leave_when_idle;
        flags.scratch.clone_from(&self.scratch);
        flags.labels.clone_from(&self.labels);
    }
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    if let Some(folder) = args.keep {
        return crate::fleet::keep::keep(&folder).await;
    }
    let mut signals = Signals::listen()?;
    let employer = employer::find(context).await?;
    let address = employer.address.url();
    let mut options = options(context, address.clone(), employer.token);
    options.join_token = employer.join_token;
    let pulse = options.pulse.clone();
    options.leave_when_idle = context.settings.leave_when_idle.value.0;
    options.scratch.clone_from(&context.settings.scratch.value);
    let agent = Agent::new(options).map_err(failure)?;
    service::watch(pulse, format!("works for {address}"));
    output::note(&format!("agent for the coordinator at {address}"));
    let shutdown = Shutdown::new();
    let mut running = tokio::spawn(agent.run(shutdown.clone()));
    let mut asked = 0;
    loop {
        tokio::select! {
            ended = &mut running => {
                ended?.map_err(failure)?;
                return Ok(if asked > 1 { Exit::Interrupted } else { Exit::Done });
            }
            () = signals.next() => {
                asked += 1;
                service::stopping("running jobs write a checkpoint");
                ask(&shutdown, asked);
            }
        }
    }
}

/// The two steps of stopping an agent.
pub fn ask(shutdown: &Shutdown, times: u32) {
    if times == 1 {
        output::note("stopping: running jobs write a checkpoint; once more (Ctrl-C) to stop at once");
        shutdown.drain();
    } else {
        output::note("stopping at once");
        shutdown.kill();
    }
}

/// What an agent on this machine is told, here and in `sweep local`.
pub fn options(context: &Context, url: String, token: String) -> Options {
    let settings = &context.settings;
    let home = settings.home.value.join("agent");
    let mut options = Options::new(home, url, settings.datasets.value.clone());
    options.token = token;
    options.slots = settings.slots.value;
    options.labels.clone_from(&settings.labels.value);
    options.rules = Some(settings.home.value.join("agent.toml"));
    if let Some(secrets) = &settings.secrets.value {
        options.secrets.clone_from(secrets);
    }
    options.grace = settings.grace.value.0;
    options.patience = settings.patience.value.0;
    options.weights_url.clone_from(&settings.weights_url.value);
    options.runner.clone_from(&settings.runner.value);
    options
}

/// What an agent's end means.
pub fn failure(error: AgentError) -> Failure {
    if let AgentError::Home { path, source } = &error
        && exit::is_disk_full(source)
    {
        let hint = exit::disk_full_hint(path);
        return Failure::from(error).exit(Exit::Internal).hint(hint);
    }
    if let AgentError::Link(fault) = error {
        return Failure::from(fault);
    }
    let (exit, hint) = match &error {
        AgentError::Home { .. } | AgentError::Address(_) | AgentError::Rules(_) => (Exit::Usage, None),
        AgentError::Locked { .. } => (
            Exit::Usage,
            Some("one agent per SWEEP_HOME; --slots lets it run several jobs, --home makes room for another"),
        ),
        AgentError::NotJoined(_) => (Exit::Usage, Some(INVITE)),
        AgentError::NotJoining(_) | AgentError::Expired(_) | AgentError::Expelled(_) => {
            (Exit::Unreachable, Some(INVITE))
        }
        AgentError::Refused(_) | AgentError::Link(_) => (Exit::Unreachable, None),
        AgentError::Crashed => (Exit::Internal, None),
    };
    let failure = Failure::from(error).exit(exit);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

const INVITE: &str = "ask for a new join token (`sweep agents invite`, where the coordinator runs), then here: \
    sweep agent --coordinator URL --join-token-file FILE";
