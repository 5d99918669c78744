//! `sweep local` where another process holds the home: hand the plan over, and watch.

use super::Errand;
use crate::commands::ending;
use crate::commands::submission::submit;
use crate::connect::Connection;
use crate::exit::{Exit, Outcome};
use crate::follow::{Ended, Patience, Until, follow};
use crate::{output, progress};

/// `None`: the other process does not answer, or it went away before the end; the caller tries again.
pub async fn run(errand: &mut Errand<'_>) -> Outcome<Option<Exit>> {
    let mut connection = match Connection::live(errand.context).await {
        Ok(connection) => connection,
        Err(failure) if failure.exit == Exit::Unreachable => return Ok(None),
        Err(failure) => return Err(failure),
    };
    match with(errand, &mut connection).await {
        // Gone, or only unwilling?
        Err(failure) if failure.exit == Exit::Unreachable && connection.reconnect().await.is_err() => Ok(None),
        other => other,
    }
}

async fn with(errand: &mut Errand<'_>, connection: &mut Connection) -> Outcome<Option<Exit>> {
    let sweep = match errand.sweep {
        Some(sweep) => sweep,
        None => {
            let home = errand.context.settings.home.value.display();
            output::note(&format!("another sweep process works in {home}; handing the plan to it"));
            let submitted = submit(&mut connection.client, &errand.plan, errand.choice).await?;
            *errand.sweep.insert(submitted.sweep)
        }
    };
    if !connection.client.agents().await?.iter().any(|agent| agent.connected) {
        output::note("it has no agent connected, so nothing runs; start one with `sweep agent`");
    }
    let mut view = progress::view(errand.context.quiet, errand.context.json);
    let ended = tokio::select! {
        ended = follow(connection, sweep, view.as_mut(), Patience::None, Until::Over) => Some(ended?),
        () = errand.signals.next() => None,
    };
    drop(view);
    match ended {
        Some(Ended::Over(over)) => {
            let again = format!("{} --retry-failed", errand.command);
            ending::report(errand.context, connection, &over, &again).await.map(Some)
        }
        Some(Ended::Lost) => {
            output::note("the other sweep process is gone; going on here");
            Ok(None)
        }
        None => {
            output::note(&format!("{sweep} goes on in the other process; come back with `sweep watch {sweep}`"));
            Ok(Some(Exit::Interrupted))
        }
    }
}
