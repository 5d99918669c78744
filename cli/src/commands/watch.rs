//! `sweep watch [SWEEP]`, and the watching half of `sweep submit --watch`.

use sweep_shared::ids::SweepId;

use super::ending;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::follow::{Ended, Patience, Until, follow, lost};
use crate::signals::Signals;
use crate::{output, progress};

const EXAMPLES: &str = "\
Ctrl-C stops watching; the sweep goes on. A restart of the coordinator is waited for.

Examples:
  sweep watch         the latest sweep
  sweep watch s3
  sweep watch > log   plain lines instead of bars";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The sweep [default: the latest]
    sweep: Option<SweepId>,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let (sweep, _) = connection.client.status(args.sweep).await?;
    let exit = if sweep.is_over() {
        ending::report(context, &mut connection, &sweep, &format!("sweep retry {}", sweep.id)).await
    } else if connection.is_inside() {
        Err(Failure::unreachable(format!("nobody works on {} now, so there is nothing to watch", sweep.id))
            .hint("run `sweep local PLAN` again, or start `sweep serve` and `sweep agent`"))
    } else {
        watch(context, &mut connection, sweep.id).await
    };
    connection.close().await;
    exit
}

/// Watches to the end, or until the user leaves.
pub async fn watch(context: &Context, connection: &mut Connection, sweep: SweepId) -> Outcome {
    let mut signals = Signals::listen()?;
    let mut view = progress::view(context.quiet, context.json);
    let ended = tokio::select! {
        ended = follow(connection, sweep, view.as_mut(), Patience::Endless, Until::Over) => Some(ended?),
        () = signals.next() => None,
    };
    drop(view);
    match ended {
        Some(Ended::Over(over)) => ending::report(context, connection, &over, &format!("sweep retry {sweep}")).await,
        Some(Ended::Lost) => Err(lost()),
        None => {
            output::note(&format!("{sweep} goes on without you; come back with `sweep watch {sweep}`"));
            Ok(Exit::Interrupted)
        }
    }
}
