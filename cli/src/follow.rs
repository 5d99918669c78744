//! Watches a sweep to its end, across coordinator restarts.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use sweep_shared::ids::{JobId, SweepId};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::answer::Sweep;
use crate::connect::Connection;
use crate::exit::{Exit, Failure, Outcome};
use crate::output;
use crate::progress::{Board, Event, View};

/// What to do when the coordinator goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Wait until it is back.
    Endless,
    /// Tell the caller, who can do something about it.
    None,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The sweep is over.
    Over,
    /// This job of it is.
    JobOver(JobId),
}

impl Until {
    fn reached(self, board: &Board) -> bool {
        let over = board.sweep().is_some_and(Sweep::is_over);
        match self {
            Self::Over => over,
            Self::JobOver(job) => over || board.job(job).is_some_and(|job| job.state.is_terminal()),
        }
    }
}

/// How watching ended.
#[derive(Debug)]
pub enum Ended {
    /// What was waited for has come.
    Over(Sweep),
    /// The coordinator is gone, and so is patience.
    Lost,
}

const TICK: Duration = Duration::from_millis(100);
/// How often the coordinator is asked for something while its stream is followed.
const CALLS: Duration = Duration::from_secs(5);
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LONGEST: Duration = Duration::from_secs(5);

/// Shows the sweep until what is waited for has come. Dropping the future ends the watching and nothing else.
pub async fn follow(
    connection: &mut Connection,
    sweep: SweepId,
    view: &mut dyn View,
    patience: Patience,
    until: Until,
) -> Outcome<Ended> {
    let mut board = Board::default();
    loop {
        match watch(connection, sweep, &mut board, view, until).await {
            Ok(Some(over)) => {
                finish(connection, sweep, &mut board, view).await;
                return Ok(Ended::Over(over));
            }
            // Restarting coordinators end their streams in good order.
            Ok(None) => {}
            Err(failure) if failure.exit == Exit::Unreachable && !failure.is_lasting() => {}
            Err(failure) => return Err(failure),
        }
        if patience == Patience::None {
            return Ok(Ended::Lost);
        }
        reconnect(connection).await?;
    }
}

/// One connection's worth of watching. `None`: it ended before the sweep did.
async fn watch(
    connection: &mut Connection,
    sweep: SweepId,
    board: &mut Board,
    view: &mut dyn View,
    until: Until,
) -> Outcome<Option<Sweep>> {
    let mut events = pin!(connection.client.watch(sweep).await?);
    let mut calls = interval(CALLS);
    calls.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = events.next() => {
                let Some(event) = event else { return Ok(None) };
                let changes = board.apply(event?);
                view.changed(board, &changes);
                if let Some(sweep) = board.sweep().filter(|_| until.reached(board)) {
                    return Ok(Some(sweep.clone()));
                }
            }
            _ = calls.tick() => {
                // A stream says only at its beginning whether the coordinator can record; the answer to any call says it now.
                let mut client = connection.client.clone();
                tokio::spawn(async move { drop(client.list(1).await) });
            }
            _ = ticks.tick() => view.tick(board),
        }
    }
}

/// Shows the last of it: a slow reader may have missed how single jobs ended.
async fn finish(connection: &mut Connection, sweep: SweepId, board: &mut Board, view: &mut dyn View) {
    if let Ok((sweep, jobs)) = connection.client.status(Some(sweep)).await {
        let changes = board.apply(Event::Snapshot(sweep, jobs));
        view.changed(board, &changes);
    }
    view.close(board);
}

async fn reconnect(connection: &mut Connection) -> Outcome<()> {
    output::note("the connection to the coordinator is lost; waiting for it to come back (jobs go on)");
    let mut wait = RETRY_FIRST;
    while let Err(failure) = connection.reconnect().await {
        if failure.is_lasting() {
            return Err(failure);
        }
        tracing::debug!("cannot reconnect yet: {:#}", failure.error);
        sleep(wait).await;
        wait = (wait * 2).min(RETRY_LONGEST);
    }
    output::note("connected again");
    Ok(())
}

/// The failure of a command that was watching when the coordinator went away for good.
pub fn lost() -> Failure {
    Failure::unreachable("the coordinator went away").hint("`sweep status` tells how the sweep stands")
}
