//! `sweep list`.

use serde_json::Value;

use super::status::summary;
use crate::answer::Sweep;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::{format, output, terminal};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many
    #[arg(long, short = 'n', default_value_t = 20)]
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
        output::print(&table(&sweeps))?;
    }
    Ok(Exit::Done)
}

fn table(sweeps: &[Sweep]) -> String {
    let mut table = terminal::table(["sweep", "name", "state", "done", "failed", "time"], terminal::width());
    for sweep in sweeps {
        let failed = sweep.count(sweep_shared::states::JobState::Failed);
        table.add_row([
            sweep.id.to_string(),
            sweep.name.clone(),
            sweep.pause().map_or_else(|| sweep.state.as_str().replace('_', " "), |_| "paused".to_owned()),
            format!("{}/{}", sweep.over(), sweep.total()),
            if failed == 0 { String::new() } else { failed.to_string() },
            sweep.age().map(format::duration).unwrap_or_default(),
        ]);
    }
    table.trim_fmt()
}
