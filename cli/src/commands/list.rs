//! `sweep list`.

use std::time::SystemTime;

use serde_json::Value;

use super::status::summary;
use crate::answer::Sweep;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::moment::Zone;
use crate::{format, output, paint, terminal};

const EXAMPLES: &str = "\
Times are those of this machine's zone; --json has them in Unix milliseconds.

Examples:
  sweep list
  sweep list -n 100
  sweep list --json | jq -r '.[] | select(.state == \"active\") | .id'";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// How many of the newest
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    limit: u32,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let sweeps = connection.client.list(args.limit).await?;
    connection.close().await;
    if context.json {
        output::json(&sweeps.iter().map(|sweep| Value::Object(summary(sweep))).collect::<Value>())?;
    } else if sweeps.is_empty() {
        output::note("there are no sweeps yet; `sweep local PLAN` runs one on this machine");
    } else {
        let table = table(&sweeps, terminal::width(), &Zone::here(), SystemTime::now());
        output::print(&paint::out().table(&table))?;
    }
    Ok(Exit::Done)
}

fn table(sweeps: &[Sweep], width: Option<u16>, zone: &Zone, now: SystemTime) -> String {
    let mut table = terminal::table(["sweep", "name", "state", "done", "failed", "begun", "time"], width);
    for sweep in sweeps {
        let failed = sweep.count(sweep_shared::states::JobState::Failed);
        table.add_row([
            sweep.id.to_string(),
            sweep.name.clone(),
            sweep.pause().map_or_else(|| sweep.state.as_str().replace('_', " "), |_| "paused".to_owned()),
            format!("{}/{}", sweep.over(), sweep.total()),
            if failed == 0 { String::new() } else { failed.to_string() },
            sweep.created.map(|at| zone.ago(at, now)).unwrap_or_default(),
            sweep.age().map(format::duration).unwrap_or_default(),
        ]);
    }
    table.trim_fmt()
}
