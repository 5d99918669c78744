//! The status as people read it.

use std::time::SystemTime;

use sweep_shared::states::JobState;

use super::lineage;
use crate::answer::{Job, Sweep};
use crate::moment::Zone;
use crate::{format, paint, terminal};

/// A sweep with the jobs most worth seeing, at most so many.
pub fn sweep_text(sweep: &Sweep, jobs: &[Job], most: usize, width: Option<u16>) -> String {
    let head = head(sweep);
    if jobs.is_empty() {
        return head;
    }
    let shown = pick(jobs, most);
    let left = jobs.len() - shown.len();
    let more =
        if left > 0 { format!("\n{} more; --all shows them", format::plural(left, "job")) } else { String::new() };
    format!("{head}\n\n{}{more}", table(&shown, width))
}

/// One job with its attempts.
pub fn job_text(sweep: &Sweep, job: &Job, width: Option<u16>, zone: &Zone, now: SystemTime) -> String {
    let mut text = format!("{}\n", line(job));
    if let Some(paused) = sweep.pause().filter(|_| !job.state.is_terminal()) {
        let said = format!("its sweep {id} is {paused}; `sweep resume {id}` goes on", id = sweep.id);
        let room = width.map_or(usize::MAX, usize::from);
        text += &format!("{}\n", format::wrap(&said, room).join("\n"));
    }
    if !job.message.is_empty() {
        text += &format!("{}\n", job.message.trim_end());
    }
    if !job.attempts.is_empty() {
        text += &format!("\n{}\n", lineage::table(&job.attempts, width, zone, now));
    }
    text
}

/// `j17 student lr=0.1 seed=0: running, epoch 3/10, priority 5`.
pub fn line(job: &Job) -> String {
    let mut parts = vec![job.state.to_string()];
    if job.reused {
        parts.push("reused from an earlier sweep".to_owned());
    }
    parts.extend(job.failure.map(|class| class.to_string()));
    if job.epochs > 0 {
        parts.push(format!("epoch {}/{}", job.epoch, job.epochs));
    }
    if job.priority != 0 {
        parts.push(format!("priority {}", job.priority));
    }
    format!("{} {}: {}", job.id, job.name(true), parts.join(", "))
}

fn head(sweep: &Sweep) -> String {
    let state = sweep.state.as_str().replace('_', " ");
    let time = sweep.age().map(|age| format!(", {}", format::duration(age))).unwrap_or_default();
    let reused = if sweep.reused > 0 { format!(", {} reused", sweep.reused) } else { String::new() };
    let counts: Vec<String> = sweep.counts.iter().map(|(state, n)| format!("{n} {state}")).collect();
    let mut head = format!("{} {}: {state}{time}; jobs: {}{reused}", sweep.id, sweep.name, counts.join(", "));
    if let Some(paused) = sweep.pause() {
        head += &format!("\n{paused}; `sweep resume {}` goes on", sweep.id);
    }
    if sweep.priority != 0 {
        head += &format!("\npriority {}", sweep.priority);
    }
    let hours = [(sweep.gpu_hours, sweep.budget.gpu_hours, "GPU"), (sweep.cpu_hours, sweep.budget.cpu_hours, "CPU")];
    for (used, budget, class) in hours {
        if let Some(budget) = budget {
            head += &format!("\nbudget: {} of {budget} {class}-hours used", format::hours(used));
        }
    }
    head
}

/// The jobs most worth seeing, at most so many, in their own order: running, failed, then those to come.
fn pick(jobs: &[Job], most: usize) -> Vec<&Job> {
    let rank = |job: &Job| match job.state {
        JobState::Running => 0,
        JobState::Failed => 1,
        JobState::Ready | JobState::Paused => 2,
        JobState::Blocked => 3,
        _ => 4,
    };
    let mut picked: Vec<&Job> = jobs.iter().collect();
    picked.sort_by_key(|job| (rank(job), job.id));
    picked.truncate(most);
    picked.sort_by_key(|job| job.id);
    picked
}

fn table(jobs: &[&Job], width: Option<u16>) -> String {
    let seeds = jobs.windows(2).any(|pair| pair[0].seed != pair[1].seed);
    let epoch = |job: &Job| if job.epochs > 0 { format!("{}/{}", job.epoch, job.epochs) } else { String::new() };
    let time = |job: &Job| job.run_time().filter(|_| job.attempt > 0).map(format::duration).unwrap_or_default();
    // Most jobs have one, which says nothing.
    let attempt = |job: &Job| if job.attempt > 1 { job.attempt.to_string() } else { String::new() };
    let of = |cell: &dyn Fn(&Job) -> String| jobs.iter().map(|job| cell(job)).collect::<Vec<_>>();
    let columns = vec![
        ("job", of(&|job| job.id.to_string())),
        ("what", of(&|job| job.name(seeds))),
        ("state", of(&|job| job.state.to_string())),
        ("try", of(&attempt)),
        ("epoch", of(&epoch)),
        ("time", of(&time)),
        ("note", of(&note)),
    ];
    paint::out().table(&terminal::columns(columns, width).trim_fmt())
}

fn note(job: &Job) -> String {
    let mut parts = Vec::new();
    if job.reused {
        parts.push("reused".to_owned());
    }
    if job.resumed_from > 0 {
        parts.push(format!("from epoch {}", job.resumed_from));
    }
    if let Some(class) = job.failure {
        parts.push(class.to_string());
    }
    if !job.message.is_empty() {
        parts.push(format::one_line(&job.message, 120));
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::tests::{at, zone};
    use crate::progress::{tests_job, tests_sweep};
    use sweep_shared::plan::Budget;

    #[test]
    fn among_many_jobs_those_that_matter_are_shown() {
        let mut jobs: Vec<Job> = (1..=100).map(|id| tests_job(id, JobState::Succeeded)).collect();
        jobs[70].state = JobState::Failed;
        jobs[90].state = JobState::Running;
        let shown: Vec<i64> = pick(&jobs, 3).iter().map(|job| job.id.0).collect();
        assert_eq!(shown, [1, 71, 91]);
        let text = sweep_text(&tests_sweep(), &jobs, 3, Some(80));
        assert!(text.contains("97 jobs more"), "{text}");
    }

    #[test]
    fn columns_without_anything_in_them_leave_room_for_names() {
        let named = |id| Job {
            label: "input=student[model=kd-conv4 temperature=2]".into(),
            epochs: 0,
            ..tests_job(id, JobState::Blocked)
        };
        let text = sweep_text(&tests_sweep(), &[named(1), named(2)], 9, Some(80));
        assert!(text.contains("base input=student[model=kd-conv4 temperature=2]") && !text.contains("epoch"), "{text}");
        let tried = sweep_text(&tests_sweep(), &[Job { attempt: 2, ..named(1) }], 9, Some(80));
        assert!(tried.contains("try") && text.lines().all(|line| line.chars().count() <= 80), "{tried}");
    }

    #[test]
    fn why_a_sweep_is_paused_and_what_it_used_is_said() {
        let sweep = Sweep {
            paused: true,
            paused_reason: "its budget of 40 GPU-hours is spent".into(),
            priority: 5,
            gpu_hours: 40.02,
            budget: Budget { gpu_hours: Some(40.0), cpu_hours: None },
            counts: [(JobState::Ready, 2)].into(),
            ..tests_sweep()
        };
        let text = sweep_text(&sweep, &[], 9, Some(80));
        assert_eq!(
            text,
            "s1 study: active; jobs: 2 ready\npaused: its budget of 40 GPU-hours is spent; `sweep resume s1` goes on\n\
             priority 5\nbudget: 40.0 of 40 GPU-hours used"
        );
        let over = Sweep { state: sweep_shared::states::SweepState::Cancelled, ..sweep };
        assert!(!sweep_text(&over, &[], 9, None).contains("resume"));
    }

    #[test]
    fn a_job_is_shown_with_its_attempts() {
        let attempts = lineage::tests::attempts();
        let job = Job { epoch: 3, epochs: 10, priority: -2, attempts, ..tests_job(7, JobState::Running) };
        let text = job_text(&tests_sweep(), &job, Some(80), &zone(), at(200));
        assert!(text.starts_with("j7 base seed=0: running, epoch 3/10, priority -2\n\ntry"), "{text}");
        let spent = "its budget of 0.0008 CPU-hours is spent".to_owned();
        let paused = Sweep { paused: true, paused_reason: spent, ..tests_sweep() };
        let text = job_text(&paused, &job, Some(80), &zone(), at(200));
        assert!(text.contains("CPU-hours is spent;") && text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let over = Job { state: JobState::Succeeded, ..job };
        assert!(!job_text(&paused, &over, Some(80), &zone(), at(200)).contains("paused"));
    }
}
