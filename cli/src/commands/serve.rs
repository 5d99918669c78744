//! `sweep serve`.

use std::net::SocketAddr;

use serde_json::json;
use sweep_coordinator::{Coordinator, Options, Running, Tls, web};

use sweep_shared::access::Fingerprint;

use crate::connect::cannot_start;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::output;
use crate::service;
use crate::settings::{Flags, Span};
use crate::signals::Signals;

const EXAMPLES: &str = "\
State lies in SWEEP_HOME (--home); one coordinator per home. Commands and agents of the same user on this \
machine need nothing else. To be reached from other machines, listen on another address: TLS is on there. \
Agents join with a token (`sweep agents invite`), users come in with one (`sweep tokens create`).

An agent that is silent for the lease, or away for the grace after its connection was closed, may lose its \
jobs to another one; where there is no other, they stay its own.

Ctrl-C or SIGTERM stops in good order: agents keep their jobs running and reconnect later.

Examples:
  sweep serve
  sweep serve --listen 0.0.0.0:7433      reached from other machines, over TLS
  sweep serve -v                         tell what happens";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:7433; env: SWEEP_LISTEN]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Whether to speak TLS: on, off, or auto, which is on for every address but loopback [default: auto; env: SWEEP_TLS]
    #[arg(long, value_name = "WHEN")]
    pub tls: Option<Tls>,
    /// A further name or address of this host, for its certificate and for what is printed; repeatable [env: SWEEP_NAMES]
    #[arg(long = "name", value_name = "HOST")]
    pub names: Vec<String>,
    /// How long an agent may be silent before others may have its jobs, at least 5s [default: 1m; env: SWEEP_LEASE]
    #[arg(long, value_name = "TIME")]
    pub lease: Option<Span>,
    /// The same once its connection was closed [default: 15s; env: SWEEP_RECONNECT_GRACE]
    #[arg(long, value_name = "TIME")]
    pub reconnect_grace: Option<Span>,
}

impl Args {
    /// What of it are settings.
    pub fn tell(&self, flags: &mut Flags) {
        (flags.listen, flags.lease, flags.reconnect_grace) = (self.listen, self.lease, self.reconnect_grace);
        (flags.tls, flags.names) = (self.tls, self.names.clone());
    }
}

pub async fn run(context: &Context, _: Args) -> Outcome {
    let mut signals = Signals::listen()?;
    let settings = &context.settings;
    let options = Options {
        listen: settings.listen.value,
        tls: settings.tls.value,
        names: settings.names.value.clone(),
        lease: settings.lease.value.0,
        reconnect_grace: settings.reconnect_grace.value.0,
        artifacts: settings.artifacts.kept_in()?,
        cache_bytes: settings.artifacts.cache_bytes()?,
        retention: settings.retention(),
        tidies: true,
        notices: settings.notify.setup(true)?,
        web: web::Settings {
            idle: settings.page_idle.value.0,
            absolute: settings.page_absolute.value.0,
            ..Default::default()
        },
        ..Options::new(&settings.home.value)
    };
    let pulse = options.pulse.clone();
    let mut running = Coordinator::start(options).await.map_err(cannot_start)?;
    announce(context, &running)?;
    service::watch(pulse, format!("serves {}", running.url()));
    tokio::select! {
        () = signals.next() => {}
        error = running.failed() => return Err(Failure::from(error.context("the coordinator stopped by itself")).exit(Exit::Internal)),
    }
    service::stopping("stopping");
    output::note("stopping; once more to stop at once");
    tokio::select! {
        () = running.shutdown() => Ok(Exit::Done),
        () = signals.next() => Ok(Exit::Interrupted),
    }
}

fn announce(context: &Context, running: &Running) -> std::io::Result<()> {
    let home = context.settings.home.value.display();
    let (url, fingerprint) = (running.url(), running.fingerprint());
    if context.json {
        return output::json(&json!({
            "address": url,
            "fingerprint": fingerprint.map(|fingerprint| fingerprint.to_string()),
            "home": home.to_string(),
            "pid": std::process::id(),
        }));
    }
    output::print(&format!("sweep {} serves {url} from {home}", env!("CARGO_PKG_VERSION")))?;
    match fingerprint {
        Some(fingerprint) => output::print(&reached(&url, &fingerprint)),
        None => Ok(()),
    }
}

/// How others reach it.
fn reached(url: &str, fingerprint: &Fingerprint) -> String {
    format!(
        "  fingerprint of its CA (SHA-256):\n    {fingerprint}\n  \
         an agent elsewhere joins: `sweep agents invite` here prints a token, and there\n    \
         sweep agent --coordinator {url} --join-token-file FILE\n  \
         a user elsewhere logs in: `sweep tokens create --user NAME` here, and there\n    \
         sweep login {url}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_told_how_to_reach_it_within_eighty_columns() {
        let said = reached("https://desk:7433", &Fingerprint([0xab; 32]));
        assert!(
            said.contains("sweep agent --coordinator https://desk:7433 ") && said.contains(&"ab".repeat(32)),
            "{said}"
        );
        assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    }
}
