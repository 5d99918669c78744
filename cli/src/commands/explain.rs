//! `sweep explain JOB`.

use std::time::SystemTime;

use serde_json::json;

use super::status::{job_object, line, lineage};
use crate::answer::Explanation;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::moment::Zone;
use crate::naming::{self, JobName};
use crate::{format, output, terminal};

const EXAMPLES: &str = "\
Tells why a job waits (or what it does, or how it ended), what happens next, and the attempts at it so far.

Examples:
  sweep explain j17
  sweep explain teacher     the only job of that stage in the latest sweep
  sweep explain j17 --json";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The job: j17, or its stage where the latest sweep has only one of it
    job: JobName,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let job = naming::job(&mut connection.client, &args.job).await?;
    let explanation = connection.client.explain(job).await?;
    connection.close().await;
    if context.json {
        let Explanation { job, reasons, next } = &explanation;
        output::json(&json!({ "job": job_object(job), "reasons": reasons, "next": next }))?;
    } else {
        output::print(&text(&explanation, terminal::width(), &Zone::here(), SystemTime::now()))?;
    }
    Ok(Exit::Done)
}

fn text(explanation: &Explanation, width: Option<u16>, zone: &Zone, now: SystemTime) -> String {
    let Explanation { job, reasons, next } = explanation;
    let mut lines = vec![line(job)];
    lines.extend(listed(reasons, "", width));
    lines.extend(listed(next, "Next: ", width));
    if !job.attempts.is_empty() {
        lines.push(format!("\n{}", lineage::table(&job.attempts, width, zone, now)));
    }
    lines.join("\n")
}

/// Sentences as indented lines, the first behind a word.
fn listed(sentences: &[String], first: &str, width: Option<u16>) -> Vec<String> {
    let room = width.map_or(usize::MAX, |width| usize::from(width).saturating_sub(2));
    let mut lines = Vec::new();
    for (i, sentence) in sentences.iter().enumerate() {
        let begin = if i == 0 { first } else { "" };
        for (j, piece) in format::wrap(&format!("{begin}{sentence}"), room).into_iter().enumerate() {
            lines.push(format!("{}{piece}", if j == 0 { "  " } else { "    " }));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Job;
    use crate::moment::tests::{at, zone};
    use crate::progress::tests_job;
    use sweep_shared::states::JobState;

    #[test]
    fn sentences_are_wrapped_and_the_attempts_follow() {
        let attempts = lineage::tests::attempts();
        let job = Job { attempts, ..tests_job(7, JobState::Ready) };
        let reasons =
            vec!["It waits for a slot: both slots of the only agent are busy, and two jobs go before it.".into()];
        let next = vec!["It starts by itself.".into(), "`sweep priority j7 5` puts it first.".into()];
        let text = text(&Explanation { job, reasons, next }, Some(60), &zone(), at(200));
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
        let begin = "j7 base seed=0: ready, epoch 0/5\n  It waits for a slot: both slots of the only agent are";
        assert!(text.starts_with(begin), "{text}");
        assert!(text.contains("\n  Next: It starts by itself.\n  `sweep priority"), "{text}");
        assert!(text.contains("\n\ntry"), "{text}");
    }
}
