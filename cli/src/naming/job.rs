//! A job by its id or its stage.

use std::collections::BTreeSet;
use std::str::FromStr;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::plan::nearest;

use super::listed;
use crate::answer::{Job, Sweep};
use crate::exit::{Failure, Outcome};

/// `j17`, `17`, or a stage of the latest sweep, with as much of the choice behind it as is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobName {
    Id(JobId),
    Stage(String),
}

impl FromStr for JobName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(id) = text.parse::<JobId>() {
            return Ok(Self::Id(id));
        }
        if text.starts_with('s') && text.parse::<SweepId>().is_ok() {
            return Err(format!("{text} is a sweep; a job is meant here, like j12, or a stage of the latest sweep"));
        }
        if text.trim().is_empty() {
            Err("it is empty; jobs look like j12".to_owned())
        } else {
            Ok(Self::Stage(text.to_owned()))
        }
    }
}

/// Candidates that are named.
const NAMED: usize = 4;

/// The only job of this stage, or the only one whose name begins so: `student model=kd-conv4`.
pub fn choose(sweep: &Sweep, jobs: &[Job], name: &str) -> Outcome<JobId> {
    let exact: Vec<&Job> = jobs
        .iter()
        .filter(|job| [job.stage.clone(), job.name(false), job.name(true)].iter().any(|n| n == name))
        .collect();
    let alike = || jobs.iter().filter(|job| job.name(true).starts_with(name)).collect::<Vec<_>>();
    let meant = if exact.is_empty() { alike() } else { exact };
    match meant.as_slice() {
        [only] => Ok(only.id),
        [] => Err(unknown(sweep, jobs, name)),
        several => {
            let seeds = several.windows(2).any(|pair| pair[0].seed != pair[1].seed);
            let names = several.iter().map(|job| format!("{} ({})", job.id, job.name(seeds))).collect();
            Err(Failure::usage(format!("{name:?} can mean {}", listed(names, NAMED)))
                .hint("name one of them by its id"))
        }
    }
}

fn unknown(sweep: &Sweep, jobs: &[Job], name: &str) -> Failure {
    let stages: BTreeSet<&str> = jobs.iter().map(|job| job.stage.as_str()).collect();
    let failure = Failure::usage(format!("{} {} has no stage {name:?}", sweep.id, sweep.name));
    match nearest(name, stages.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean {near}? `sweep status` shows the jobs")),
        None => {
            let stages = stages.into_iter().map(str::to_owned).collect();
            failure.hint(format!(
                "its stages are {}; jobs of other sweeps are named by their ids, like j12",
                listed(stages, 8)
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::{tests_job, tests_sweep};
    use sweep_shared::states::JobState;

    fn jobs() -> Vec<Job> {
        let of = |id, stage: &str, label: &str| Job {
            stage: stage.into(),
            label: label.into(),
            ..tests_job(id, JobState::Ready)
        };
        vec![of(1, "teacher", ""), of(2, "student", "model=kd-conv4"), of(3, "student", "model=kd-conv5")]
    }

    #[test]
    fn a_stage_with_one_job_or_enough_of_the_choice_means_that_job() {
        let id = |name| choose(&tests_sweep(), &jobs(), name).unwrap();
        assert_eq!((id("teacher"), id("teach"), id("student model=kd-conv5")), (JobId(1), JobId(1), JobId(3)));
    }

    #[test]
    fn several_are_named_and_a_misspelt_stage_is_told_what_was_meant() {
        let refused = |name| choose(&tests_sweep(), &jobs(), name).unwrap_err().text();
        let several = refused("student");
        assert!(several.contains("j2 (student model=kd-conv4) and j3 (student model=kd-conv5)"), "{several}");
        assert!(refused("teecher").contains("did you mean teacher?"), "{}", refused("teecher"));
        assert!(refused("zzz").contains("its stages are student and teacher"), "{}", refused("zzz"));
    }

    #[test]
    fn a_sweep_is_no_job() {
        assert_eq!("j17".parse(), Ok(JobName::Id(JobId(17))));
        assert_eq!("17".parse(), Ok(JobName::Id(JobId(17))));
        assert_eq!("student".parse(), Ok(JobName::Stage("student".into())));
        assert!("s1".parse::<JobName>().unwrap_err().contains("s1 is a sweep"));
    }
}
