//! `sweep events [SWEEP|JOB]`.

mod lines;

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::status::unix_ms;
use crate::answer::Logged;
use crate::connect::{Connection, Events};
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::moment::Zone;
use crate::naming::{self, Which};
use crate::signals::Signals;
use crate::{output, terminal};
use lines::Lines;

const EXAMPLES: &str = "\
The audit log: who did what, and what became of sweeps, jobs, attempts and agents; oldest first, in the time \
zone of this machine. `sweep` as the actor means the coordinator or an agent's report. With --json --follow \
each row is a document on a line of its own.

Examples:
  sweep events                 the newest rows, whatever they are about
  sweep events s3 --limit 500
  sweep events j17             one job's life
  sweep events -f              and what happens from now on; Ctrl-C ends it";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only what concerns a sweep (s3, or its name) or a job (j17) [default: everything]
    #[arg(value_name = "SWEEP|JOB")]
    which: Option<Which>,
    /// Go on with what is added
    #[arg(long, short)]
    follow: bool,
    /// How many of the newest
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    // With nobody running, nothing more will come.
    let follow = args.follow && !connection.is_inside();
    let mut signals = Signals::listen()?;
    let mut printer = Printer::new(context.json, args.follow);
    let of = naming::some_target(&mut connection.client, args.which.as_ref()).await?;
    let wanted = Events { of, after: 0, limit: args.limit, follow };
    let exit = tokio::select! {
        done = copy(&mut connection, wanted, &mut printer) => done.map(|()| Exit::Done),
        () = signals.next() => Ok(Exit::Interrupted),
    };
    connection.close().await;
    let exit = exit?;
    printer.finish()?;
    Ok(exit)
}

/// Prints rows until there are no more. A connection that breaks is made again and goes on after the last row.
async fn copy(connection: &mut Connection, mut wanted: Events, printer: &mut Printer) -> Outcome<()> {
    loop {
        match copy_once(connection, &mut wanted, printer).await {
            // Restarting coordinators end their streams in good order.
            Ok(()) if wanted.follow && !output::closed() => {}
            Err(failure) if wanted.follow && failure.exit == Exit::Unreachable && !failure.is_lasting() => {}
            ended => return ended,
        }
        output::note("the connection to the coordinator is lost; waiting for it to come back");
        while let Err(failure) = connection.reconnect().await {
            if failure.is_lasting() {
                return Err(failure);
            }
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    }
}

async fn copy_once(connection: &mut Connection, wanted: &mut Events, printer: &mut Printer) -> Outcome<()> {
    let mut rows = connection.client.events(*wanted).await?;
    while let Some(row) = rows.next().await {
        let row = row?;
        wanted.after = row.id;
        printer.row(&row)?;
        if output::closed() {
            break;
        }
    }
    Ok(())
}

/// Text line by line; JSON as one document, or as one a line where there is no end.
enum Printer {
    Text(Lines),
    Document(Vec<Value>),
    Stream,
}

impl Printer {
    fn new(json: bool, follow: bool) -> Self {
        match (json, follow) {
            (false, _) => Self::Text(Lines::new(Zone::here(), terminal::width())),
            (true, false) => Self::Document(Vec::new()),
            (true, true) => Self::Stream,
        }
    }

    fn row(&mut self, row: &Logged) -> Outcome<()> {
        match self {
            Self::Text(lines) => output::print(&lines.of(row).join("\n"))?,
            Self::Document(rows) => rows.push(object(row)),
            Self::Stream => output::print(&object(row).to_string())?,
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Failure> {
        if let Self::Document(rows) = self {
            output::json(&rows)?;
        }
        Ok(())
    }
}

fn object(row: &Logged) -> Value {
    json!({
        "id": row.id,
        "at_ms": unix_ms(row.at),
        "actor": row.actor,
        "what": row.what,
        "sweep": row.sweep.map(|id| id.to_string()),
        "job": row.job.map(|id| id.to_string()),
        "attempt": row.attempt,
        "detail": row.detail,
    })
}
