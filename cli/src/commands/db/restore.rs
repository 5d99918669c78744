//! `sweep db restore FILE`.

use std::path::PathBuf;

use serde_json::json;
use sweep_coordinator::upkeep::{Restored, Wish, restore};

use super::failure;
use crate::connect::actor;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::{format, output};

const EXAMPLES: &str = "\
The backup is looked through first, brought up to date and put in place whole; the database that was there stays beside it. A new \
generation begins: agents that come back kill what they still run of the old one, forget what it had acknowledged, and their jobs \
go on from the checkpoints that the backup knows. What was done since the backup is done again.

Examples:
  sweep db restore /backup/sweep-2026-11-29.db";

/// Files that are gone and named one by one.
const SHOWN: usize = 10;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What `sweep db backup` wrote
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let wish = Wish { from: args.file, actor: actor::here(), stamp };
    let restored = restore(&context.home(), &wish).await.map_err(failure)?;
    if context.json {
        let Restored { database, kept, sweeps, jobs, freed, missing } = restored;
        output::json(&json!({
            "database": database.display().to_string(),
            "kept": kept.map(|kept| kept.display().to_string()),
            "sweeps": sweeps,
            "jobs": jobs,
            "freed": freed,
            "missing": missing,
        }))?;
        return Ok(Exit::Done);
    }
    output::print(&text(&wish, &restored))?;
    Ok(Exit::Done)
}

fn text(wish: &Wish, restored: &Restored) -> String {
    let Restored { database, kept, sweeps, jobs, freed, missing } = restored;
    let (sweeps, jobs) = (format::plural(*sweeps as usize, "sweep"), format::plural(*jobs as usize, "job"));
    let mut lines = vec![format!("{} is {} now: {sweeps} with {jobs}", database.display(), wish.from.display())];
    if let Some(kept) = kept {
        lines.push(format!("the database that was there is kept as {}", kept.display()));
    }
    lines.push(format!(
        "a new generation has begun: agents that come back kill what they still run of the old one ({} of the backup's), \
         and the jobs go on from the checkpoints that the backup knows; what was done since is done again",
        format::plural(*freed, "attempt")
    ));
    if !missing.is_empty() {
        lines.push(format!("{} that the backup names are gone since:", format::plural(missing.len(), "file")));
        lines.extend(missing.iter().take(SHOWN).map(|file| format!("  {file}")));
        if missing.len() > SHOWN {
            lines.push("  … (`sweep db check` has all of them)".to_owned());
        }
    }
    lines.push("start `sweep serve` (or `sweep local PLAN`) again".to_owned());
    lines.join("\n")
}
