//! `sweep agent`.

use sweep_worker::{Agent, AgentError, Options, Shutdown};

use crate::connect::{Address, named_token};
use crate::context::Context;
use crate::exit::{self, Exit, Failure, Outcome};
use crate::output;
use crate::settings::DEFAULT_LISTEN;
use crate::signals::Signals;

const EXAMPLES: &str = "\
Without --coordinator the one on this machine is meant: the one that runs on SWEEP_HOME, else port 7433. \
A coordinator that is away is waited for; running jobs go on meanwhile.

Ctrl-C or SIGTERM stops in good order (running jobs write a checkpoint and go back to the queue); once \
more kills them.

Examples:
  sweep agent --slots 2
  sweep agent --coordinator 127.0.0.1:9000 --token-file token";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Jobs to run at once, per GPU where there are GPUs [default: 1; env: SWEEP_SLOTS]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub slots: Option<u32>,
}

pub async fn run(context: &Context, _: Args) -> Outcome {
    let mut signals = Signals::listen()?;
    let (address, token) = coordinator(context)?;
    let agent = Agent::new(options(context, address.url(), token)).map_err(failure)?;
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
    let exit = match &error {
        AgentError::Home { .. } | AgentError::Locked { .. } | AgentError::Address(_) | AgentError::Rules(_) => {
            Exit::Usage
        }
        AgentError::Refused(_) => Exit::Unreachable,
        AgentError::Crashed => Exit::Internal,
    };
    let locked = matches!(error, AgentError::Locked { .. });
    let failure = Failure::from(error).exit(exit);
    if locked {
        failure.hint("one agent per SWEEP_HOME; --slots lets it run several jobs, --home makes room for another")
    } else {
        failure
    }
}

/// The coordinator to work for: the one that was named, else the one on this home, else the one that `sweep serve` would
/// start there.
fn coordinator(context: &Context) -> Outcome<(Address, String)> {
    let home = context.home();
    let endpoint = home.endpoint()?;
    if let (None, Some(endpoint), Some(token)) = (&context.settings.coordinator.value, endpoint, home.token()?) {
        return Ok((endpoint.address.parse()?, token));
    }
    let address = context.settings.coordinator.value.as_deref().unwrap_or(DEFAULT_LISTEN).parse()?;
    let token = named_token(context, &address)?;
    Ok((address, token))
}
