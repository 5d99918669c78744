//! When a sweep will be done, from how long its jobs have taken so far.

use std::collections::BTreeMap;

/// A stage, as far as what is left of it is estimated.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Left {
    /// Jobs that have not begun.
    pub waiting: u32,
    /// Of each running job the fraction that is done, and for how long it has run, in seconds.
    pub running: Vec<(f64, f64)>,
    /// What a job has taken on average, in seconds; `None`: none has succeeded yet.
    pub mean_s: Option<f64>,
}

/// Below this a fraction says nothing of how long the rest takes.
const TOLD: f64 = 0.02;

/// Seconds until the last job ends, if as many go on beside each other as run now. `None` where nothing runs, or nothing is known.
pub fn left_s(stages: &BTreeMap<String, Left>) -> Option<f64> {
    let running: usize = stages.values().map(|stage| stage.running.len()).sum();
    if running == 0 {
        return None;
    }
    let known: Vec<f64> = stages.values().filter_map(mean).collect();
    // A stage that has not begun is taken for one like the others.
    let usual = (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)?;
    let mut work = 0.0;
    let mut longest: f64 = 0.0;
    for stage in stages.values() {
        let mean = mean(stage).unwrap_or(usual);
        work += f64::from(stage.waiting) * mean;
        for &(fraction, ran) in &stage.running {
            let left = rest(fraction, ran, mean);
            work += left;
            longest = longest.max(left);
        }
    }
    Some((work / running as f64).max(longest))
}

fn mean(stage: &Left) -> Option<f64> {
    stage.mean_s.or_else(|| {
        let told: Vec<f64> =
            stage.running.iter().filter(|(done, _)| *done >= TOLD).map(|(done, ran)| ran / done).collect();
        (!told.is_empty()).then(|| told.iter().sum::<f64>() / told.len() as f64)
    })
}

/// Of one that runs: by its own pace, once it has told of one.
fn rest(fraction: f64, ran: f64, mean: f64) -> f64 {
    if fraction >= TOLD { ran / fraction * (1.0 - fraction).max(0.0) } else { (mean - ran).max(0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, waiting, running, mean.
    type Told<'a> = (&'a str, u32, &'a [(f64, f64)], Option<f64>);

    fn stages(stages: &[Told<'_>]) -> BTreeMap<String, Left> {
        let left = |(name, waiting, running, mean_s): &Told<'_>| {
            ((*name).to_owned(), Left { waiting: *waiting, running: running.to_vec(), mean_s: *mean_s })
        };
        stages.iter().map(left).collect()
    }

    #[test]
    fn what_waits_takes_what_its_like_took_shared_by_those_that_run() {
        let all = stages(&[("train", 6, &[(0.5, 50.0), (0.5, 50.0)], Some(100.0)), ("measure", 10, &[], Some(2.0))]);
        assert_eq!(left_s(&all), Some((600.0 + 100.0 + 20.0) / 2.0));
    }

    #[test]
    fn a_stage_of_which_nothing_is_known_is_taken_for_a_usual_one() {
        let all = stages(&[("train", 0, &[(0.25, 25.0)], None), ("later", 2, &[], None)]);
        assert_eq!(left_s(&all), Some(75.0 + 200.0));
    }

    #[test]
    fn the_longest_that_runs_is_waited_for() {
        let all = stages(&[("short", 0, &[(0.9, 9.0)], None), ("long", 0, &[(0.1, 10.0)], None)]);
        assert_eq!(left_s(&all), Some(90.0));
    }

    #[test]
    fn without_anything_to_go_by_nothing_is_said() {
        assert_eq!(left_s(&stages(&[("train", 5, &[], Some(10.0))])), None, "nothing runs");
        assert_eq!(left_s(&stages(&[("train", 5, &[(0.0, 3.0)], None)])), None, "nothing is told yet");
        assert_eq!(left_s(&stages(&[("train", 0, &[(0.0, 30.0)], Some(10.0))])), Some(0.0), "it is overdue");
    }
}
