//! `sweep logs JOB`.

use futures_util::StreamExt as _;
use sweep_shared::ids::JobId;

use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::naming::{self, JobName};
use crate::output;
use crate::signals::Signals;

const EXAMPLES: &str = "\
Examples:
  sweep logs j17                what its newest attempt wrote
  sweep logs j17 -f             and what it writes from now on, until it ends
  sweep logs j17 --attempt 1    an earlier attempt";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The job: j17, or its stage where the latest sweep has only one of it
    job: JobName,
    /// Go on until the job is over
    #[arg(long, short)]
    follow: bool,
    /// Which attempt [default: the newest]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    attempt: u32,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    if context.json {
        return Err(Failure::usage("a log is text: `sweep logs` has no --json"));
    }
    let mut connection = Connection::live_or_inside(context).await?;
    // With nobody running, nothing more will come.
    let follow = args.follow && !connection.is_inside();
    let job = naming::job(&mut connection.client, &args.job).await?;
    let wanted = Wanted { job, attempt: args.attempt, follow };
    let mut signals = Signals::listen()?;
    let exit = tokio::select! {
        done = copy(&mut connection, wanted) => done.map(|()| Exit::Done),
        () = signals.next() => Ok(Exit::Interrupted),
    };
    connection.close().await;
    exit
}

/// What is read.
#[derive(Clone, Copy)]
struct Wanted {
    job: JobId,
    attempt: u32,
    follow: bool,
}

/// Copies the log to standard output. A connection that breaks is made again and continues where it broke.
async fn copy(connection: &mut Connection, wanted: Wanted) -> Outcome<()> {
    let mut at = Position::default();
    loop {
        match copy_once(connection, wanted, &mut at).await {
            Err(failure) if wanted.follow && failure.exit == Exit::Unreachable => {
                output::note("the connection to the coordinator is lost; waiting for it to come back");
                while connection.reconnect().await.is_err() {
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                }
            }
            other => return other,
        }
    }
}

/// How much of which attempt's log was printed.
#[derive(Debug, Default)]
struct Position {
    attempt: u32,
    bytes: u64,
}

impl Position {
    /// What of these bytes, which begin at `offset` of the attempt's log, is new.
    fn unseen<'a>(&mut self, attempt: u32, offset: u64, data: &'a [u8]) -> &'a [u8] {
        if attempt != self.attempt {
            *self = Self { attempt, bytes: 0 };
        }
        let end = offset + data.len() as u64;
        let skip = self.bytes.saturating_sub(offset).min(data.len() as u64) as usize;
        self.bytes = self.bytes.max(end);
        &data[skip..]
    }
}

async fn copy_once(connection: &mut Connection, wanted: Wanted, at: &mut Position) -> Outcome<()> {
    let mut stream = connection.client.logs(wanted.job, wanted.attempt, wanted.follow).await?;
    let (mut attempt, mut offset) = (0, 0);
    while let Some(reply) = stream.next().await {
        let reply = reply?;
        if reply.attempt != attempt {
            if attempt != 0 || (at.attempt != 0 && at.attempt != reply.attempt) {
                output::note(&format!("--- attempt {} ---", reply.attempt));
            }
            (attempt, offset) = (reply.attempt, 0);
        }
        output::write(at.unseen(attempt, offset, &reply.data))?;
        offset += reply.data.len() as u64;
        if output::closed() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_beginning_is_printed_once() {
        let mut at = Position::default();
        assert_eq!(at.unseen(1, 0, b"hello "), b"hello ");
        // Connected again: the log comes from its beginning.
        assert_eq!(at.unseen(1, 0, b"hel"), b"");
        assert_eq!(at.unseen(1, 3, b"lo world"), b"world");
        assert_eq!(at.unseen(2, 0, b"again"), b"again");
    }
}
