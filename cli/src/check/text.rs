//! The report for people, at most 80 columns wide.

use std::fmt::Write as _;

use sweep_shared::spec::MeasureSpec;

use super::hours::{Range, Total};
use super::summary::{Measure, Row, Stage, Summary};
use crate::format::{self, bytes, count, plural};

/// Width of the first column.
const NAME: usize = 35;
/// Of sentences.
const WIDTH: usize = 80;
/// A stage with more choices is shown in part.
const ROWS: usize = 20;

/// Headline, one line for each choice, and what the numbers mean.
/// `gpus`: jobs run on GPUs unless the plan says otherwise.
pub fn text(summary: &Summary<'_>, gpus: bool) -> String {
    let mut text = format!("{}: {}\n\n", summary.name, headline(summary));
    let _ = writeln!(
        text,
        "{:<NAME$}{:>6}{:>7}{:>8}{:>8}{:>8}{:>8}",
        "stage", "jobs", "points", "params", "MACs", "memory", "time"
    );
    for stage in &summary.stages {
        lines(stage, &mut text);
    }
    if let Some(Measure { jobs, spec, seconds }) = &summary.measure {
        let _ = writeln!(text, "{:<NAME$}{jobs:>6}{:>39}", "measure", format::rough(*seconds));
        let _ = writeln!(text, "  {}", measured(spec));
    }
    let _ = writeln!(text, "\n{}", expected(&summary.total, gpus).join("\n"));
    let notes = notes(summary);
    if !notes.is_empty() {
        let _ = writeln!(text, "\n{}", notes.join("\n"));
    }
    text
}

fn headline(summary: &Summary<'_>) -> String {
    let seeds: Vec<String> = summary.seeds.iter().take(8).map(ToString::to_string).collect();
    let more = if summary.seeds.len() > 8 { ", …" } else { "" };
    let word = if summary.seeds.len() == 1 { "seed" } else { "seeds" };
    let points = if summary.points > 0 { format!(", {}", plural(summary.points, "point")) } else { String::new() };
    format!("{}{points}, {word} {}{more}", plural(summary.jobs, "job"), seeds.join(", "))
}

fn lines(stage: &Stage<'_>, text: &mut String) {
    let [only] = stage.rows.as_slice() else {
        let _ = writeln!(text, "{}: {}", stage.name, stage.kind);
        for row in stage.rows.iter().take(ROWS) {
            line(&format!("  {}", row.label), row, text);
        }
        let left = stage.rows.len().saturating_sub(ROWS);
        if left > 0 {
            let _ = writeln!(text, "  … and {left} more (--json lists all)");
        }
        return;
    };
    let own = matches!(stage.kind, "train" | "distill");
    let network = only.prediction.network.as_deref().filter(|_| own).map(|n| format!(" {n}")).unwrap_or_default();
    let from = only.input.map(|input| format!(" ← {input}")).unwrap_or_default();
    line(&format!("{}: {}{network}{from}", stage.name, stage.kind), only, text);
}

/// The name, wrapped where it is long, with the numbers on its first line.
fn line(name: &str, row: &Row<'_>, text: &mut String) {
    let mut parts = wrapped(name).into_iter();
    let prediction = row.prediction;
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let _ = writeln!(
        text,
        "{:<NAME$}{:>6}{:>7}{:>8}{:>8}{:>8}{:>8}",
        parts.next().unwrap_or_default(),
        row.jobs,
        shown((row.points > 0).then(|| row.points.to_string())),
        shown(prediction.parameters.map(|n| count(n as f64))),
        shown(prediction.macs.map(|n| count(n as f64))),
        shown((row.memory_bytes > 0).then(|| bytes(row.memory_bytes as f64))),
        shown(row.seconds.map(format::rough)),
    );
    for part in parts {
        let _ = writeln!(text, "{part}");
    }
}

/// Breaks at spaces, and inside a word that is too long by itself.
fn wrapped(name: &str) -> Vec<String> {
    let indent = name.len() - name.trim_start().len();
    let mut lines = vec![" ".repeat(indent)];
    for word in name.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let line = lines.last_mut().expect("there is always a line");
            let gap = usize::from(!line.trim().is_empty());
            let room = (NAME - 1).saturating_sub(line.chars().count() + gap);
            if word.len() <= room {
                line.push_str(&" ".repeat(gap));
                line.extend(word);
                break;
            }
            if gap == 0 {
                line.extend(word.drain(..room.max(1)));
            }
            lines.push(" ".repeat(indent + 2));
        }
    }
    lines
}

fn measured(spec: &MeasureSpec) -> String {
    let batches: Vec<String> = spec.batches.iter().map(ToString::to_string).collect();
    let threads = plural(spec.threads as usize, "thread");
    format!("latency of each point at batch {}, {threads}, alone on its host", batches.join(", "))
}

/// How long it takes, how sure that is, and what it is based on.
fn expected(total: &Total, gpus: bool) -> Vec<String> {
    let known = total.alike.0 + total.others.0 + total.rule;
    let unknown = match (total.unknown, known) {
        (0, _) => String::new(),
        (_, 0) => "Time: unknown. Nothing like it has run yet, and it cannot be counted.".to_owned(),
        (n, _) => format!(" Of {} it is unknown (-), which is not in it.", plural(n, "job")),
    };
    if known == 0 {
        return format::wrap(&unknown, WIDTH);
    }
    let rough = format::rough;
    let (Range { low, likely, high }, device) = (total.seconds, if gpus { "a GPU" } else { "a CPU" });
    let mut text = format!(
        "Time: about {} on {device}, one job after the other ({} to {}); ",
        rough(likely),
        rough(low),
        rough(high)
    );
    text += &format!("at least {}, however many run at once.{unknown} Based on ", rough(total.chain_s));
    let mut bases = Vec::new();
    if let (n @ 1.., runs) = total.alike {
        bases.push(format!(
            "earlier runs of such work for {} (up to {} each)",
            plural(n, "job"),
            plural(runs as usize, "run")
        ));
    }
    if let (n @ 1.., jobs) = total.others {
        bases.push(format!("how fast {} computed for {}", plural(jobs, "other job"), plural(n, "job")));
    }
    if total.rule > 0 {
        bases.push(format!("a rule of thumb for {}, which may be wrong by a factor of 4", plural(total.rule, "job")));
    }
    text += &format!("{}.", bases.join("; "));
    format::wrap(&text, WIDTH)
}

fn notes(summary: &Summary<'_>) -> Vec<String> {
    let rows = || summary.stages.iter().flat_map(|s| &s.rows);
    let mut notes = Vec::new();
    if summary.shared > 0 {
        let (choices, verb) =
            (plural(summary.shared as usize, "choice"), if summary.shared == 1 { "equals" } else { "equal" });
        notes.push(format!("Equal work is done once: {choices} {verb} a job that is listed already."));
    }
    let hours = [(summary.budget.gpu_hours, "GPU"), (summary.budget.cpu_hours, "CPU")];
    let hours: Vec<String> = hours.iter().filter_map(|(h, class)| Some(format!("{} {class}-hours", (*h)?))).collect();
    if !hours.is_empty() {
        notes.push(format!("Budget: {}; when it is spent, the sweep is paused.", hours.join(" and ")));
    }
    if rows().any(|r| r.memory_bytes > 0) {
        notes.push("Params and MACs (per image) are those of the whole network; memory is the peak".to_owned());
        notes.push("that is predicted for the job's process, in RAM unless its device is `cuda`.".to_owned());
    }
    if rows().any(|r| r.prediction.network.is_some() && r.prediction.parameters.is_none()) {
        notes.push("-: what pruning leaves is known once it has run.".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::super::{fixtures, summary::summary};
    use super::*;

    fn report(plan: &str) -> String {
        let (plan, predictions) = fixtures::plan(plan);
        text(&summary(&plan, &predictions, &fixtures::estimates(&plan, &predictions)), false)
    }

    #[test]
    fn it_fits_80_columns_and_names_every_stage() {
        let text = report(fixtures::PLAN);
        assert!(text.starts_with("study: 30 jobs, 14 points, seeds 0, 1\n"), "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        for part in
            ["base: train small-cnn", "  model=kd-conv4", "thin: prune", "say: command", "measure", "2 choices equal"]
        {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
        let base = text.lines().find(|l| l.starts_with("base")).unwrap();
        assert!(base.contains(" k ") && base.contains(" M ") && base.contains(" MB "), "{base}");
        assert!(base.trim_end().ends_with(" s") || base.trim_end().ends_with("min"), "{base}");
        assert!(text.contains("Of 6 jobs it is unknown (-)") && text.contains("a rule of thumb for 24 jobs"), "{text}");
        let thin = text.lines().find(|l| l.contains("input=student[model=kd-conv4]")).unwrap();
        assert!(thin.contains("  - "), "what pruning leaves is not known: {thin}");
    }

    #[test]
    fn a_thousand_choices_are_shown_in_part() {
        let values: Vec<String> = (0..1000).map(|i| i.to_string()).collect();
        let plan =
            format!("stages: {{ a: {{ command: {{ run: [x] }}, matrix: {{ i: [{}] }} }} }}\n", values.join(", "));
        let text = report(&plan);
        assert!(text.lines().count() < 30 && text.contains("… and 980 more"), "{text}");
    }

    #[test]
    fn what_nobody_knows_is_not_made_up() {
        let text = report("stages: { a: { command: { run: [x] } } }\n");
        assert!(text.contains("\nTime: unknown.") && !text.contains("Based on"), "{text}");
    }

    #[test]
    fn a_budget_is_told() {
        let text = report("budget: { gpu_hours: 40, cpu_hours: 0.5 }\nstages: { a: { command: { run: [x] } } }\n");
        let line = "Budget: 40 GPU-hours and 0.5 CPU-hours; when it is spent, the sweep is paused.\n";
        assert!(text.contains(line) && line.chars().count() <= 81, "{text}");
    }

    #[test]
    fn long_names_are_wrapped_not_cut() {
        let name = format!("  mode=qat input=pruned[student[model=kd-conv5 temperature=8] s0.77] {}", "x".repeat(90));
        let lines = wrapped(&name);
        assert!(lines.iter().all(|l| l.chars().count() < NAME), "{lines:?}");
        let joined: String = lines.concat().split_whitespace().collect();
        assert_eq!(joined, name.split_whitespace().collect::<String>());
    }
}
