//! `sweep gc`.

use serde_json::{Value, json};
use sweep_shared::wire::v1;

use crate::answer::Garbage;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::naming::{self, SweepName};
use crate::settings::Span;
use crate::{format, output, terminal};

const EXAMPLES: &str = "\
What goes is what the settings do not keep (`sweep config show`, retention): checkpoints of jobs that failed or were cancelled, \
after 7 days; logs of jobs that succeeded, after 30 days. Files of points (networks, ONNX) go only with --points, and then only \
where every job that reads them has succeeded; their numbers stay, but no later sweep can take the job over. Nothing goes of \
work that is not over. `sweep serve` does the same by itself, without points. The audit log (`sweep events`) tells what went.

Examples:
  sweep gc --dry-run                       what would go, and why
  sweep gc                                 let it go
  sweep gc --older-than 0s --sweep s3      all that is not needed of one sweep that is over
  sweep gc --points --older-than 60d       and networks of jobs that ended two months ago";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only show it
    #[arg(long)]
    dry_run: bool,
    /// Let go of what belongs to jobs that ended so long ago, instead of what the settings say
    #[arg(long, value_name = "TIME")]
    older_than: Option<Span>,
    /// Only of this sweep
    #[arg(long, value_name = "SWEEP")]
    sweep: Option<SweepName>,
    /// Files of points, too: networks, ONNX [default age: 30d]
    #[arg(long)]
    points: bool,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let sweep = naming::sweep(&mut connection.client, args.sweep.as_ref()).await?;
    let request = v1::GcRequest {
        dry_run: args.dry_run,
        older_than_ms: args.older_than.map(|span| span.0.as_millis() as u64),
        sweep: sweep.map_or(0, |sweep| sweep.0),
        points: args.points,
    };
    let (items, deleted) = connection.client.collect_garbage(request).await?;
    connection.close().await;
    if context.json {
        output::json(&document(&items, args.dry_run, deleted))?;
    } else if items.is_empty() {
        output::print("everything that is there is kept")?;
    } else {
        output::print(&format!("{}\n\n{}", table(&items, terminal::width()), total(&items, args.dry_run)))?;
    }
    Ok(Exit::Done)
}

fn table(items: &[Garbage], width: Option<u16>) -> String {
    let mut table = terminal::table(["sweep", "job", "", "what", "size", "why"], width);
    for item in items {
        // `2 checkpoints`, `1 log`
        let what = format::plural(item.count as usize, item.what.trim_end_matches('s'));
        table.add_row([
            item.sweep.to_string(),
            item.job.to_string(),
            item.name.clone(),
            what,
            format::bytes(item.bytes as f64),
            item.why.clone(),
        ]);
    }
    table.trim_fmt()
}

fn bytes(items: &[Garbage]) -> u64 {
    items.iter().map(|item| item.bytes).sum()
}

fn total(items: &[Garbage], dry_run: bool) -> String {
    let size = format::bytes(bytes(items) as f64);
    if dry_run {
        format!("{size} would come free; nothing was changed")
    } else {
        format!("{size} come free (files that were asked for within the last 10 minutes go a little later)")
    }
}

fn document(items: &[Garbage], dry_run: bool, deleted: u64) -> Value {
    let item = |item: &Garbage| {
        json!({
            "sweep": item.sweep.to_string(),
            "job": item.job.to_string(),
            "name": item.name,
            "what": item.what,
            "count": item.count,
            "size_bytes": item.bytes,
            "why": item.why,
        })
    };
    json!({
        "dry_run": dry_run,
        "size_bytes": bytes(items),
        "deleted_files": deleted,
        "items": items.iter().map(item).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_shared::ids::{JobId, SweepId};

    #[test]
    fn what_goes_is_shown_with_its_size_and_why() {
        let item = |job, what: &str, count, bytes| Garbage {
            sweep: SweepId(1),
            job: JobId(job),
            name: "base lr=0.1".to_owned(),
            what: what.to_owned(),
            count,
            bytes,
            why: "failed 9 days ago".to_owned(),
        };
        let items = [item(1, "checkpoints", 2, 40_000_000), item(2, "logs", 1, 2_000_000)];
        let shown = table(&items, None);
        for words in ["2 checkpoints", "40.0 MB", "1 log", "failed 9 days ago", "base lr=0.1"] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
        assert!(total(&items, true).contains("42.0 MB would come free"));
        let document = document(&items, false, 3);
        assert_eq!((&document["size_bytes"], &document["items"][0]["job"]), (&json!(42_000_000), &json!("j1")));
    }
}
