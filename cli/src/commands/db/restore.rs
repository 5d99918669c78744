//! `sweep db restore FILE`.

use std::path::PathBuf;

use serde_json::json;
use sweep_coordinator::bucket::Bucket;
use sweep_coordinator::upkeep::{Restored, Wish, backups, restore, restore_from};

use super::place::{Named, named, open};
use super::{failure, stamp};
use crate::connect::actor;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::{format, output};

const EXAMPLES: &str = "\
The backup is looked through first, brought up to date and put in place whole; the database that was there stays beside it. A new \
generation begins: agents that come back kill what they still run of the old one, forget what it had acknowledged, and their jobs \
go on from the checkpoints that the backup knows. What was done since the backup is done again.

Examples:
  sweep db restore /backup/sweep-2026-11-29.db
  sweep db restore --latest              of those beside artifacts that are in a bucket
  sweep db restore s3://lab/backups/sweep-20261129T231500Z.db";

/// Files that are gone and named one by one.
const SHOWN: usize = 10;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What `sweep db backup` wrote: a file, or the URL of one backup in a bucket
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    from: Option<String>,
    /// The newest backup in a place in a bucket [default place: backups/ beside artifacts that are in a bucket]
    #[arg(long)]
    latest: bool,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let artifacts = context.settings.artifacts.kept_in()?;
    if args.from.is_none() && !args.latest {
        return Err(Failure::usage("which backup?")
            .hint("name a file or a URL (`sweep db backups` lists those in a bucket), or --latest"));
    }
    let named = named(args.from.as_deref(), &artifacts)?;
    let wish = Wish { from: PathBuf::new(), said: String::new(), artifacts, actor: actor::here(), stamp: stamp() };
    let home = context.home();
    let (said, restored) = match named {
        Named::File(_) | Named::Bucket { object: Some(_), .. } if args.latest => {
            return Err(
                Failure::usage("--latest is for a place in a bucket").hint("name s3://BUCKET/PREFIX, or nothing")
            );
        }
        Named::File(from) => {
            let said = from.display().to_string();
            (said.clone(), restore(&home, &Wish { from, said, ..wish }).await.map_err(failure)?)
        }
        Named::Bucket { url, object } => {
            let bucket = open(context, &url)?;
            let object = match object {
                Some(object) => object,
                None if args.latest => newest(&bucket, &url).await?,
                None => {
                    return Err(Failure::usage(format!("{url} is a place for backups, not one of them"))
                        .hint("name one of those that `sweep db backups` lists, or give --latest"));
                }
            };
            let said = format!("{url}/{object}");
            let wish = Wish { said: said.clone(), ..wish };
            (said, restore_from(&home, &bucket, &object, wish).await.map_err(failure)?)
        }
    };
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
    output::print(&text(&said, &restored))?;
    Ok(Exit::Done)
}

async fn newest(bucket: &Bucket, url: &str) -> Outcome<String> {
    let found = backups(bucket).await.map_err(failure)?;
    found
        .into_iter()
        .next()
        .map(|object| object.name)
        .ok_or_else(|| Failure::usage(format!("there are no backups in {url}")))
}

fn text(said: &str, restored: &Restored) -> String {
    let Restored { database, kept, sweeps, jobs, freed, missing } = restored;
    let (sweeps, jobs) = (format::plural(*sweeps as usize, "sweep"), format::plural(*jobs as usize, "job"));
    let mut lines = vec![format!("{} is {} now: {sweeps} with {jobs}", database.display(), said)];
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
