//! `sweep db backup FILE`.

use std::path::PathBuf;

use serde_json::json;
use sweep_coordinator::upkeep::{Backup, back_up};

use super::failure;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::{format, output, whole_file};

const EXAMPLES: &str = "\
The file is the whole database as it was at one moment; it appears when it is on disk, or not at all. Models, checkpoints and logs \
are not in it: copy artifacts/ after it. Blobs never change, so copying again costs only the new ones.

Examples:
  sweep db backup /backup/sweep-$(date +%F).db
  rsync -a ~/.local/share/sweep/artifacts/ /backup/artifacts/";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Where to; best on another disk
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Replace the file where it exists
    #[arg(long)]
    force: bool,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    whole_file::check(&args.file, args.force)?;
    let home = context.home();
    let made = back_up(&home, &args.file, args.force).await.map_err(failure)?;
    let Backup { file, size_bytes, sweeps, jobs } = made;
    if context.json {
        let file = file.display().to_string();
        output::json(&json!({ "file": file, "size_bytes": size_bytes, "sweeps": sweeps, "jobs": jobs }))?;
        return Ok(Exit::Done);
    }
    let (sweeps, jobs) = (format::plural(sweeps as usize, "sweep"), format::plural(jobs as usize, "job"));
    output::print(&format!("{}: {sweeps} with {jobs}, {}", file.display(), format::bytes(size_bytes as f64)))?;
    output::note(&format!(
        "artifacts (models, ONNX files, checkpoints) and logs are not in it; copy them after it:\n  \
         rsync -a {}/ BACKUP/artifacts/",
        home.artifacts().display()
    ));
    Ok(Exit::Done)
}
