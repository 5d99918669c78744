//! `sweep watch [SWEEP]`, and the watching half of `sweep submit --watch`.

use std::io::IsTerminal as _;

use sweep_shared::ids::SweepId;

use super::ending;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::follow::{Ended, Patience, Until, follow, lost};
use crate::naming::{self, SweepName};
use crate::signals::Signals;
use crate::{output, paint, progress, screen};

const EXAMPLES: &str = "\
On a terminal: jobs, devices, learning curves, logs and reasons on the whole screen; ? shows the keys, q leaves. \
Leaving does not stop the sweep, and a restart of the coordinator is waited for. Elsewhere, and with --plain: \
a line for each change, until the sweep is over.

Examples:
  sweep watch             the latest sweep
  sweep watch s3
  sweep watch --plain     bars and lines, and the results at the end
  sweep watch > log       lines only";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The sweep: s3, or its name [default: the latest]
    sweep: Option<SweepName>,
    /// Lines and bars instead of the whole screen; ends with the sweep
    #[arg(long)]
    plain: bool,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let named = naming::sweep(&mut connection.client, args.sweep.as_ref()).await?;
    let (sweep, _) = connection.client.status(named).await?;
    let nobody = connection.is_inside() && !sweep.is_over();
    let exit = if !args.plain && has_screen(context) {
        on_screen(context, &mut connection, sweep.id, nobody).await
    } else if sweep.is_over() {
        ending::report(context, &mut connection, &sweep, &format!("sweep retry {}", sweep.id)).await
    } else if nobody {
        Err(Failure::unreachable(format!("nobody works on {} now, so there is nothing to watch", sweep.id))
            .hint("run `sweep local PLAN` again, or start `sweep serve` and `sweep agent`"))
    } else {
        watch(context, &mut connection, sweep.id).await
    };
    connection.close().await;
    exit
}

/// Whether the whole screen can be drawn on, and is not wanted for something else.
fn has_screen(context: &Context) -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    let terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    terminal && !dumb && !context.json && !context.quiet
}

async fn on_screen(context: &Context, connection: &mut Connection, sweep: SweepId, nobody: bool) -> Outcome {
    let remark =
        nobody.then_some("nobody works on it now: `sweep local PLAN` again, or `sweep serve` and `sweep agent`");
    screen::show(connection, sweep, paint::out(), remark).await?;
    // The coordinator may be away; whoever leaves has seen that.
    match connection.client.status(Some(sweep)).await {
        Ok((after, _)) if after.is_over() => {
            ending::report(context, connection, &after, &format!("sweep retry {sweep}")).await
        }
        _ => {
            left(sweep, nobody);
            Ok(Exit::Interrupted)
        }
    }
}

fn left(sweep: SweepId, nobody: bool) {
    if !nobody {
        output::note(&format!("{sweep} goes on without you; come back with `sweep watch {sweep}`"));
    }
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
            left(sweep, false);
            Ok(Exit::Interrupted)
        }
    }
}
