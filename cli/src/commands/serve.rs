//! `sweep serve`.

use std::net::SocketAddr;

use serde_json::json;
use sweep_coordinator::{Coordinator, Options, Running};

use crate::connect::cannot_start;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::output;
use crate::settings::{Flags, Span};
use crate::signals::Signals;

const EXAMPLES: &str = "\
State lies in SWEEP_HOME (--home); one coordinator per home. The token that agents and users need lies \
there in the file `token`; on this machine they find it by themselves. There is no TLS yet, so it listens \
on loopback: reach it from other machines through SSH (ssh -L 7433:127.0.0.1:7433 HOST).

An agent that is silent for the lease, or away for the grace after its connection was closed, may lose its \
jobs to another one; where there is no other, they stay its own.

Ctrl-C or SIGTERM stops in good order: agents keep their jobs running and reconnect later.

Examples:
  sweep serve
  sweep serve --listen 127.0.0.1:9000
  sweep serve -v                         tell what happens";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:7433; env: SWEEP_LISTEN]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
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
    }
}

pub async fn run(context: &Context, _: Args) -> Outcome {
    let mut signals = Signals::listen()?;
    let settings = &context.settings;
    let options = Options {
        listen: settings.listen.value,
        lease: settings.lease.value.0,
        reconnect_grace: settings.reconnect_grace.value.0,
        retention: settings.retention(),
        tidies: true,
        ..Options::new(&settings.home.value)
    };
    let mut running = Coordinator::start(options).await.map_err(cannot_start)?;
    announce(context, &running)?;
    tokio::select! {
        () = signals.next() => {}
        error = running.failed() => return Err(Failure::from(error.context("the coordinator stopped by itself")).exit(Exit::Internal)),
    }
    output::note("stopping; once more to stop at once");
    tokio::select! {
        () = running.shutdown() => Ok(Exit::Done),
        () = signals.next() => Ok(Exit::Interrupted),
    }
}

fn announce(context: &Context, running: &Running) -> std::io::Result<()> {
    let home = context.settings.home.value.display();
    if context.json {
        return output::json(&json!({ "address": running.url(), "home": home.to_string(), "pid": std::process::id() }));
    }
    output::print(&format!("sweep {} serves {} from {home}", env!("CARGO_PKG_VERSION"), running.url()))
}
