//! Failed jobs: which, why, and what can be done.

use serde_json::{Value, json};
use sweep_shared::ids::JobId;
use sweep_shared::states::FailureClass;
use sweep_shared::words::{one_line, plural};

use crate::store::notices::FailedJob;

/// Jobs that are told one by one.
pub const NAMED: u32 = 5;
/// Of a job's last words.
const MESSAGE: usize = 160;

/// One line for each job; the rest is counted. `all`: how many failed.
pub fn lines(jobs: &[FailedJob], all: usize) -> Vec<String> {
    let mut lines: Vec<String> = jobs
        .iter()
        .map(|job| {
            let why = one_line(&job.message, MESSAGE);
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            format!("{} {} failed, {}{why}", JobId(job.job), name(job), class_words(&job.class))
        })
        .collect();
    let left = all.saturating_sub(jobs.len());
    if left > 0 && !jobs.is_empty() {
        lines.push(format!("… and {}.", plural(left, "more failed job")));
    }
    lines
}

/// Stage, label and seed: `pruned input=base seed 2`.
pub fn name(job: &FailedJob) -> String {
    let mut name = job.stage.clone();
    if !job.label.is_empty() {
        name = format!("{name} {}", job.label);
    }
    if job.seed == 0 { name } else { format!("{name} seed {}", job.seed) }
}

/// What can be done, for each class once. `retry`: the command that tries again.
pub fn advice(classes: &[(String, i64)], retry: &str) -> Vec<String> {
    let of = |(class, _): &(String, i64)| class.parse::<FailureClass>().ok();
    classes.iter().filter_map(of).map(|class| of_class(class, retry)).collect()
}

fn of_class(class: FailureClass, retry: &str) -> String {
    match class {
        FailureClass::OutOfMemory => format!(
            "Out of memory, smaller batches and larger devices tried: give it a larger device, a smaller network or a smaller \
             `batch`, then `{retry}`."
        ),
        FailureClass::Diverged => {
            "Diverged, and would again: lower the learning rate or set `precision: fp32`, and submit the \
                                   plan with `--amend`."
                .to_owned()
        }
        FailureClass::BadInput => {
            format!("Bad input, and would fail again as it is: mend the plan or what it reads, then `{retry}`.")
        }
        FailureClass::DiskFull => format!("The agent's disk is full: make room there, then `{retry}`."),
        FailureClass::DeviceError => {
            format!("The device failed: look at it (`nvidia-smi`, the kernel's log), then `{retry}`.")
        }
        FailureClass::Lost => format!(
            "Its agents vanished under it again and again, perhaps because of it: look at their memory and temperature, then \
             `{retry}`."
        ),
        FailureClass::TimedOut => {
            format!("It took longer than its `max_hours`: `{retry}` allows as many again, `--amend` more.")
        }
        FailureClass::Internal => {
            format!("All tries were spent: its log (link, or `sweep logs`) says why; then `{retry}`.")
        }
    }
}

/// `out of memory`
pub fn class_words(class: &str) -> String {
    class.replace('_', " ")
}

/// `3 out of memory, 1 diverged`
pub fn count(classes: &[(String, i64)]) -> String {
    let each: Vec<String> = classes.iter().map(|(class, n)| format!("{n} {}", class_words(class))).collect();
    each.join(", ")
}

pub fn facts(jobs: &[FailedJob]) -> Value {
    let of = |job: &FailedJob| {
        json!({
            "job": JobId(job.job).to_string(),
            "stage": job.stage,
            "label": job.label,
            "seed": job.seed,
            "class": job.class,
            "message": one_line(&job.message, MESSAGE),
        })
    };
    jobs.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: i64, class: &str, message: &str) -> FailedJob {
        let (class, message) = (class.to_owned(), message.to_owned());
        FailedJob { job: id, stage: "pruned".to_owned(), label: "input=base".to_owned(), seed: 2, class, message }
    }

    #[test]
    fn each_job_is_named_with_its_last_words_and_the_rest_is_counted() {
        let jobs = [job(3, "out_of_memory", "CUDA out of memory.\nTried to allocate"), job(4, "internal", "")];
        assert_eq!(
            lines(&jobs, 9),
            [
                "j3 pruned input=base seed 2 failed, out of memory: CUDA out of memory. Tried to allocate",
                "j4 pruned input=base seed 2 failed, internal",
                "… and 7 more failed jobs.",
            ]
        );
        assert_eq!(lines(&jobs, 2).len(), 2);
    }

    #[test]
    fn there_is_advice_for_every_class_and_each_is_given_once() {
        let all: Vec<_> = FailureClass::ALL.iter().map(|class| (class.as_str().to_owned(), 2)).collect();
        let advice = advice(&all, "sweep retry s3");
        assert_eq!(advice.len(), FailureClass::ALL.len());
        assert!(advice.iter().all(|line| line.contains("`sweep retry s3`") || line.contains("--amend")), "{advice:?}");
        assert_eq!(count(&all[..2]).matches("2 ").count(), 2);
    }
}
