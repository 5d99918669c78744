//! How long the jobs of a stage take, learnt from those that ended.

use std::collections::HashMap;
use std::time::Duration;

use sweep_shared::ids::SweepId;

/// The newest attempt's share in the running mean.
const SHARE: f64 = 0.2;

#[derive(Debug, Default)]
pub struct Pace {
    mean_s: HashMap<SweepId, HashMap<String, f64>>,
}

impl Pace {
    pub fn took(&mut self, sweep: SweepId, stage: &str, run_s: f64) {
        if !run_s.is_finite() || run_s < 0.0 {
            return;
        }
        let stages = self.mean_s.entry(sweep).or_default();
        match stages.get_mut(stage) {
            // A sudden long one counts at once: queueing behind it would cost most.
            Some(mean) => *mean = (*mean + SHARE * (run_s - *mean)).max(run_s * SHARE),
            None => drop(stages.insert(stage.to_owned(), run_s)),
        }
    }

    pub fn expected(&self, sweep: SweepId, stage: &str) -> Option<Duration> {
        let mean = self.mean_s.get(&sweep)?.get(stage)?;
        Duration::try_from_secs_f64(*mean).ok()
    }
}
