//! `sweep db check [--full]`.

use serde_json::{Value, json};
use sweep_coordinator::upkeep::{Checkup, Depth, check};

use super::failure;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::{format, output};

const EXAMPLES: &str = "\
It looks at SQLite's pages, at references between rows, at what must hold between sweeps, jobs, attempts and points, \
and whether the files that rows name are in artifacts/, or in the bucket where they are kept. It changes nothing, and works beside a running coordinator.

Examples:
  sweep db check          in seconds
  sweep db check --full   and every index, and every byte of every file

Ends with 0 where all is well, with 1 where something was found.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Read every index and the bytes of every file, too
    #[arg(long)]
    full: bool,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let depth = if args.full { Depth::Full } else { Depth::Quick };
    let checkup = check(&context.home(), depth, &context.settings.artifacts.kept_in()?).await.map_err(failure)?;
    if context.json {
        output::json(&document(&checkup, args.full))?;
    } else {
        output::print(&text(&checkup))?;
    }
    Ok(if checkup.is_sound() { Exit::Done } else { Exit::FailedJobs })
}

fn text(checkup: &Checkup) -> String {
    let mut lines = Vec::new();
    for part in &checkup.parts {
        if part.findings.is_empty() {
            lines.push(format!("ok    {}", part.holds));
        } else {
            lines.push(format!("WRONG {}:", part.holds));
            lines.extend(part.findings.iter().map(|found| format!("        {found}")));
        }
    }
    let schema = checkup.schema;
    if schema.is_older() {
        lines.push(format!(
            "note  its schema is at step {}; the next start brings it to {} (rules between rows are looked at after that)",
            schema.version, schema.known
        ));
    }
    let (files, size) = (checkup.blobs.files as usize, format::bytes(checkup.blobs.bytes as f64));
    let of = format!("{} with {} ({size})", checkup.database.display(), format::plural(files, "file"));
    if checkup.is_sound() {
        lines.push(format!("{of}: sound"));
    } else {
        lines.push(format!("{of}: not sound"));
        lines.push(ADVICE.to_owned());
    }
    lines.join("\n")
}

const ADVICE: &str = "\
What can be done: keep a copy of SWEEP_HOME as it is. Put a backup back with `sweep db restore FILE`. Files that are gone or \
damaged cost only the points or checkpoints that they belong to; the jobs can be done again with --no-reuse.";

fn document(checkup: &Checkup, full: bool) -> Value {
    let parts: Vec<Value> = checkup
        .parts
        .iter()
        .map(|part| json!({ "holds": part.holds, "sound": part.findings.is_empty(), "findings": part.findings }))
        .collect();
    json!({
        "database": checkup.database.display().to_string(),
        "full": full,
        "sound": checkup.is_sound(),
        "schema": { "version": checkup.schema.version, "known": checkup.schema.known },
        "files": { "count": checkup.blobs.files, "size_bytes": checkup.blobs.bytes },
        "checks": parts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_coordinator::upkeep::{BlobsSeen, Part, Schema};

    #[test]
    fn what_is_wrong_is_told_in_words_with_what_can_be_done() {
        let part = |holds: &str, found: &[&str]| Part {
            holds: holds.to_owned(),
            findings: found.iter().map(|found| (*found).to_owned()).collect(),
        };
        let mut checkup = Checkup {
            database: "/h/sweep.db".into(),
            schema: Schema { version: 2, known: 2 },
            parts: vec![part("the file is whole", &[])],
            blobs: BlobsSeen { files: 2, bytes: 2000 },
        };
        assert_eq!(text(&checkup), "ok    the file is whole\n/h/sweep.db with 2 files (2.00 KB): sound");
        checkup.parts.push(part("files are there", &["model.onnx of j3 is gone"]));
        checkup.schema.version = 1;
        let told = text(&checkup);
        for words in
            ["WRONG files are there:\n        model.onnx of j3 is gone", "step 1", "not sound", "sweep db restore"]
        {
            assert!(told.contains(words), "{words}: {told}");
        }
        let document = document(&checkup, true);
        assert_eq!(
            (&document["sound"], &document["checks"][1]["findings"][0]),
            (&json!(false), &json!("model.onnx of j3 is gone"))
        );
    }
}
