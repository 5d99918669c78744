//! `sweep db backup [FILE | URL]`.

use std::path::Path;

use serde_json::json;
use sweep_coordinator::ArtifactsIn;
use sweep_coordinator::upkeep::{Backup, back_up, back_up_to, backup_name, thin};

use super::place::{Named, named, open};
use super::{failure, stamp};
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::{format, output, whole_file};

const EXAMPLES: &str = "\
The file is the whole database as it was at one moment; it appears when it is on disk, or not at all. Models, checkpoints and logs \
are not in it: copy artifacts/ after it, unless they are in a bucket already. Blobs never change, so copying again costs only the new ones.

A URL that ends in .db is one backup; in any other place, as without a name, each gets a dated name of its own.

Examples:
  sweep db backup /backup/sweep-$(date +%F).db
  rsync -a ~/.local/share/sweep/artifacts/ /backup/artifacts/
  sweep db backup s3://lab/backups --keep 30     into a bucket, and lets go of older ones
  sweep db backup                                beside the artifacts, where those are in a bucket";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Where to: a file, best on another disk, or s3://BUCKET/PREFIX [default: backups/ beside artifacts that are in a bucket]
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    to: Option<String>,
    /// Replace the file where it exists
    #[arg(long)]
    force: bool,
    /// Of the dated backups in a bucket, keep this many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let home = context.home();
    let artifacts = context.settings.artifacts.kept_in()?;
    let mut gone = Vec::new();
    let made = match named(args.to.as_deref(), &artifacts)? {
        Named::File(_) | Named::Bucket { object: Some(_), .. } if args.keep.is_some() => {
            return Err(Failure::usage("--keep is for dated backups in a bucket").hint("name s3://BUCKET/PREFIX"));
        }
        Named::File(file) => {
            whole_file::check(&file, args.force)?;
            back_up(&home, &file, args.force).await.map_err(failure)?
        }
        Named::Bucket { url, object } => {
            let bucket = open(context, &url)?;
            let name = object.unwrap_or_else(|| backup_name(&stamp()));
            let made = back_up_to(&home, &bucket, &name, args.force).await.map_err(failure)?;
            if let Some(keep) = args.keep {
                gone = thin(&bucket, keep as usize).await.map_err(failure)?;
            }
            made
        }
    };
    told(context, &made, &gone, &artifacts, &home.artifacts())
}

fn told(context: &Context, made: &Backup, gone: &[String], artifacts: &ArtifactsIn, folder: &Path) -> Outcome {
    let Backup { file, size_bytes, sweeps, jobs } = made;
    let file = file.display().to_string();
    if context.json {
        let document =
            json!({ "file": file, "size_bytes": size_bytes, "sweeps": sweeps, "jobs": jobs, "removed": gone });
        output::json(&document)?;
        return Ok(Exit::Done);
    }
    let (sweeps, jobs) = (format::plural(*sweeps as usize, "sweep"), format::plural(*jobs as usize, "job"));
    output::print(&format!("{file}: {sweeps} with {jobs}, {}", format::bytes(*size_bytes as f64)))?;
    for name in gone {
        output::note(&format!("removed {name}"));
    }
    output::note(&match artifacts {
        ArtifactsIn::Bucket(settings) => {
            format!("artifacts (models, ONNX files, checkpoints) are in {}; logs are in neither", settings.place)
        }
        _ => format!(
            "artifacts (models, ONNX files, checkpoints) and logs are not in it; copy them after it:\n  \
             rsync -a {}/ BACKUP/artifacts/",
            folder.display()
        ),
    });
    Ok(Exit::Done)
}
