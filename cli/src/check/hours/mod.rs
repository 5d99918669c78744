//! How long a plan will take: an estimate that says what it is based on and how wide it is.
//!
//! `work` counts what each job has to compute, from the plan alone. `rates` knows how fast devices have computed: jobs that
//! are alike tell best, other networks on the same class of device less well, and before anything has run there is a rule of
//! thumb. `estimate` puts the two together, job by job; `total` adds up. What can be told from none of them (a command, a
//! folder whose images nobody has counted) is unknown and stays so. docs/estimates.md has the formulas.

mod estimate;
mod past;
mod rates;
mod total;
mod work;

#[cfg(test)]
pub use estimate::Basis;
pub use estimate::{Estimate, Range, estimates};
#[cfg(test)]
pub use past::Past;
pub use past::ask;
pub use total::{Total, total};

#[cfg(test)]
pub mod tests {
    use sweep_shared::resources::DeviceClass;

    use super::*;
    use crate::answer::Pace;
    use crate::check::fixtures;

    /// Of the plan's job at this position: so many epochs of so many seconds, and a rest.
    pub fn pace(text: &str, stage: &str, epochs: u32, epoch_s: [f64; 3], rest_s: f64) -> Pace {
        let (plan, predictions) = fixtures::plan(text);
        let at = plan.jobs.iter().position(|job| job.spec.stage == stage).unwrap();
        let run = |seconds: f64| f64::from(epochs) * seconds + rest_s;
        Pace {
            likeness: predictions[at].likeness.clone(),
            device: DeviceClass::Cpu,
            attempts: 3,
            run_s: epoch_s.map(run),
            epoch_s: (epochs > 0).then_some(epoch_s),
            epochs,
            rest_s,
            spec: Some(plan.jobs[at].spec.clone()),
        }
    }

    const PLAN: &str = "data: synthetic\nstages:\n  base: { train: { model: small-cnn, epochs: 10 } }
  other: { train: { model: resnet20-cifar, epochs: 10 } }\n  say: { command: { run: [echo] } }\nmeasure: false\n";

    fn of(plan: &str, past: &Past, stage: &str) -> Option<Estimate> {
        let (plan, predictions) = fixtures::plan(plan);
        let all = estimates(&plan, &predictions, past);
        all[plan.jobs.iter().position(|job| job.spec.stage == stage).unwrap()]
    }

    #[test]
    fn what_jobs_took_that_are_alike_goes_before_everything() {
        let past = Past { paces: vec![pace(PLAN, "base", 5, [0.9, 1.0, 1.2], 4.0)], ..Past::default() };
        let base = of(PLAN, &past, "base").unwrap();
        assert_eq!(base.basis, Basis::Alike { runs: 3 });
        // Ten epochs of a second, and a rest between 4 and 8 seconds, since it had half as many epochs.
        assert!((base.seconds.likely - 16.0).abs() < 1e-9, "{base:?}");
        assert!(base.seconds.low < 13.5 && base.seconds.high >= 20.0, "{base:?}");
        assert_eq!(of(PLAN, &past, "say"), None, "nobody knows how long a command takes");
    }

    #[test]
    fn another_network_is_judged_by_what_it_computes() {
        let past = Past { paces: vec![pace(PLAN, "base", 10, [1.0, 1.0, 1.0], 2.0)], ..Past::default() };
        let other = of(PLAN, &past, "other").unwrap();
        assert_eq!(other.basis, Basis::Others { jobs: 1 });
        let base = of(PLAN, &past, "base").unwrap();
        assert!(other.seconds.likely > base.seconds.likely, "resnet20-cifar computes more: {other:?} {base:?}");
        let wide = |range: Range| range.high / range.low;
        assert!(wide(other.seconds) > wide(base.seconds) && wide(other.seconds) >= 4.0);
    }

    #[test]
    fn a_gpu_says_nothing_about_a_cpu() {
        let gpu = Pace { device: DeviceClass::Cuda, ..pace(PLAN, "base", 10, [0.1; 3], 2.0) };
        let here = of(PLAN, &Past { paces: vec![gpu.clone()], ..Past::default() }, "base").unwrap();
        assert_eq!((here.basis, here.device), (Basis::Rule, DeviceClass::Cpu));
        let there = of(PLAN, &Past { paces: vec![gpu], gpus: true, ..Past::default() }, "base").unwrap();
        assert_eq!((there.basis, there.device), (Basis::Alike { runs: 3 }, DeviceClass::Cuda));
    }

    #[test]
    fn without_any_past_it_is_a_guess_and_wide() {
        let base = of(PLAN, &Past::default(), "base").unwrap();
        assert_eq!(base.basis, Basis::Rule);
        assert!(base.seconds.high / base.seconds.low >= 10.0 && base.seconds.low > 0.0, "{base:?}");
    }

    #[test]
    fn images_that_nobody_counted_make_it_unknown_until_such_a_job_has_run() {
        let folder = PLAN.replace("data: synthetic", "data: { name: folder, path: /d }");
        assert_eq!(of(&folder, &Past::default(), "base"), None);
        let past = Past { paces: vec![pace(&folder, "base", 10, [1.0; 3], 0.0)], ..Past::default() };
        assert!((of(&folder, &past, "base").unwrap().seconds.likely - 10.0).abs() < 1e-9);
        assert_eq!(of(&folder, &past, "other"), None);
    }

    #[test]
    fn the_total_adds_up_and_the_longest_chain_is_a_bound() {
        let text = fixtures::PLAN;
        let (plan, predictions) = fixtures::plan(text);
        let all = estimates(&plan, &predictions, &Past::default());
        let whole = total(&plan, &all);
        let sum: f64 = all.iter().flatten().map(|one| one.seconds.likely).sum();
        assert!((whole.seconds.likely - sum).abs() < 1e-6);
        assert_eq!(whole.unknown, 6, "the commands");
        assert!(whole.chain_s > 0.0 && whole.chain_s < sum, "{whole:?}");
        assert!(whole.seconds.low <= whole.seconds.likely && whole.seconds.likely <= whole.seconds.high);
    }
}
