//! Learning-rate schedules, as pure functions of the position in a fit.

use std::f64::consts::PI;

use sweep_shared::spec::ScheduleSpec;

/// Where in a fit a step is. Steps count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub step: u64,
    pub steps_per_epoch: u64,
    pub epochs: u32,
}

impl Position {
    fn total(self) -> f64 {
        (self.steps_per_epoch * u64::from(self.epochs)) as f64
    }
}

/// One-cycle starts at the maximum over this (PyTorch's `div_factor`) …
const ONE_CYCLE_START: f64 = 25.0;
/// … and ends at the start over this (PyTorch's `final_div_factor`).
const ONE_CYCLE_END: f64 = 1e4;

/// The share of the optimizer's learning rate that holds at a step, in 0..=1.
pub fn factor(schedule: &ScheduleSpec, at: Position) -> f64 {
    let step = at.step as f64;
    match schedule {
        ScheduleSpec::Constant => 1.0,
        ScheduleSpec::Cosine { warmup_epochs } => cosine(step, warmup_epochs * at.steps_per_epoch as f64, at.total()),
        ScheduleSpec::OneCycle { warmup_share } => one_cycle(step, *warmup_share, at.total()),
        ScheduleSpec::Multistep { milestones, gamma } => {
            let epoch = at.step / at.steps_per_epoch.max(1);
            let passed = milestones.iter().filter(|&&m| u64::from(m) <= epoch).count();
            gamma.powi(passed as i32)
        }
    }
}

/// Rises linearly over `warmup` steps (the first step already moves), then half a cosine that would reach 0 at `total`.
fn cosine(step: f64, warmup: f64, total: f64) -> f64 {
    if step < warmup {
        return (step + 1.0).min(warmup) / warmup;
    }
    let share = (step - warmup) / (total - warmup).max(1.0);
    0.5 * (1.0 + (PI * share.min(1.0)).cos())
}

/// Smith & Topin 2018 as PyTorch's `OneCycleLR` has it: cosine up, cosine down. Momentum is left alone.
fn one_cycle(step: f64, warmup_share: f64, total: f64) -> f64 {
    let (start, end) = (1.0 / ONE_CYCLE_START, 1.0 / (ONE_CYCLE_START * ONE_CYCLE_END));
    let peak = (warmup_share * total - 1.0).max(0.0);
    if step <= peak && peak > 0.0 {
        return anneal(start, 1.0, step / peak);
    }
    let left = total - 1.0 - peak;
    if left <= 0.0 { 1.0 } else { anneal(1.0, end, ((step - peak) / left).min(1.0)) }
}

fn anneal(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) / 2.0 * (1.0 + (PI * share).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(step: u64) -> Position {
        Position { step, steps_per_epoch: 10, epochs: 10 }
    }

    fn close(schedule: &ScheduleSpec, step: u64, expected: f64) {
        let found = factor(schedule, at(step));
        assert!((found - expected).abs() < 1e-9, "{schedule:?} at {step}: {found} instead of {expected}");
    }

    #[test]
    fn constant_is_constant() {
        close(&ScheduleSpec::Constant, 0, 1.0);
        close(&ScheduleSpec::Constant, 99, 1.0);
    }

    #[test]
    fn cosine_warms_up_and_falls_to_almost_nothing() {
        let schedule = ScheduleSpec::Cosine { warmup_epochs: 1.0 };
        close(&schedule, 0, 0.1);
        close(&schedule, 9, 1.0);
        close(&schedule, 10, 1.0);
        close(&schedule, 55, 0.5);
        assert!(factor(&schedule, at(99)) < 0.001);
        close(&ScheduleSpec::Cosine { warmup_epochs: 0.0 }, 0, 1.0);
        close(&ScheduleSpec::Cosine { warmup_epochs: 0.0 }, 50, 0.5);
    }

    #[test]
    fn one_cycle_matches_pytorch() {
        // torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=100, pct_start=0.3): the corners of its two phases.
        let schedule = ScheduleSpec::OneCycle { warmup_share: 0.3 };
        close(&schedule, 0, 0.04);
        close(&schedule, 29, 1.0);
        close(&schedule, 99, 4e-6);
        close(&schedule, 64, f64::midpoint(1.0, 4e-6));
    }

    #[test]
    fn multistep_multiplies_at_each_milestone() {
        let schedule = ScheduleSpec::Multistep { milestones: vec![3, 6], gamma: 0.1 };
        close(&schedule, 29, 1.0);
        close(&schedule, 30, 0.1);
        close(&schedule, 60, 0.01);
    }

    #[test]
    fn every_schedule_stays_within_bounds_even_for_one_step() {
        let all = [
            ScheduleSpec::Constant,
            ScheduleSpec::Cosine { warmup_epochs: 5.0 },
            ScheduleSpec::Cosine { warmup_epochs: 0.0 },
            ScheduleSpec::OneCycle { warmup_share: 0.0 },
            ScheduleSpec::OneCycle { warmup_share: 0.3 },
            ScheduleSpec::OneCycle { warmup_share: 1.0 },
            ScheduleSpec::Multistep { milestones: vec![], gamma: 0.1 },
        ];
        for (steps_per_epoch, epochs) in [(1, 1), (1, 2), (3, 1), (7, 4)] {
            for schedule in &all {
                for step in 0..steps_per_epoch * u64::from(epochs) {
                    let value = factor(schedule, Position { step, steps_per_epoch, epochs });
                    assert!((0.0..=1.0).contains(&value), "{schedule:?} {step}/{steps_per_epoch}x{epochs}: {value}");
                }
            }
        }
    }
}
