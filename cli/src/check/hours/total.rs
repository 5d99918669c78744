//! All jobs together.

use sweep_shared::plan::ExpandedPlan;

use super::estimate::{Basis, Estimate, Range};

/// The whole plan, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Total {
    /// One job after the other.
    pub seconds: Range,
    /// The longest chain of jobs that wait for each other: it takes so long, however many run at once. Likely.
    pub chain_s: f64,
    /// Jobs by what their estimates are based on, and runs or jobs that those come from.
    pub alike: (usize, u32),
    pub others: (usize, usize),
    pub rule: usize,
    pub unknown: usize,
}

pub fn total(plan: &ExpandedPlan, estimates: &[Option<Estimate>]) -> Total {
    let mut total =
        Total { seconds: Range::default(), chain_s: 0.0, alike: (0, 0), others: (0, 0), rule: 0, unknown: 0 };
    let mut ends: Vec<f64> = Vec::with_capacity(estimates.len());
    for (job, estimate) in plan.jobs.iter().zip(estimates) {
        let begins = job.inputs.iter().map(|input| ends[*input]).fold(0.0, f64::max);
        ends.push(begins + estimate.map_or(0.0, |one| one.seconds.likely));
        match estimate {
            None => total.unknown += 1,
            Some(one) => {
                total.seconds = total.seconds + one.seconds;
                match one.basis {
                    Basis::Alike { runs } => total.alike = (total.alike.0 + 1, total.alike.1.max(runs)),
                    Basis::Others { jobs } => total.others = (total.others.0 + 1, total.others.1.max(jobs)),
                    Basis::Rule => total.rule += 1,
                }
            }
        }
    }
    total.chain_s = ends.into_iter().fold(0.0, f64::max);
    total
}
