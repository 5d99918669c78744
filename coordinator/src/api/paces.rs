//! How long work has taken, by likeness and class of device.

use sweep_shared::wire::v1;
use tonic::Status;

use super::Api;
use crate::store::read::{self, RunRow};

/// Attempts that are looked at, the newest; and groups in one answer.
const RUNS: u32 = 2000;
const MOST: usize = 300;

pub async fn paces(api: &Api) -> Result<v1::PacesReply, Status> {
    let runs = read::newest_runs(&api.store, RUNS).await?;
    Ok(v1::PacesReply { paces: grouped(runs) })
}

/// Groups in the order of their newest run.
fn grouped(runs: Vec<RunRow>) -> Vec<v1::Pace> {
    let mut groups: Vec<Vec<RunRow>> = Vec::new();
    for run in runs {
        let alike = |group: &Vec<RunRow>| (&group[0].likeness, &group[0].device) == (&run.likeness, &run.device);
        match groups.iter().position(alike) {
            Some(at) => groups[at].push(run),
            None if groups.len() < MOST => groups.push(vec![run]),
            None => {}
        }
    }
    groups.into_iter().map(pace).collect()
}

fn pace(mut runs: Vec<RunRow>) -> v1::Pace {
    let epoch_s = |run: &RunRow| if run.epochs > 0 { run.epochs_s / run.epochs as f64 } else { 0.0 };
    let mut epochs: Vec<f64> = runs.iter().map(epoch_s).collect();
    epochs.sort_by(f64::total_cmp);
    runs.sort_by(|a, b| a.run_s.total_cmp(&b.run_s));
    let (first, last, middle) = (0, runs.len() - 1, runs.len() / 2);
    v1::Pace {
        likeness: runs[middle].likeness.clone(),
        device: runs[middle].device.clone(),
        attempts: runs.len() as u32,
        least_run_s: runs[first].run_s,
        run_s: runs[middle].run_s,
        most_run_s: runs[last].run_s,
        least_epoch_s: epochs[first],
        epoch_s: epochs[middle],
        most_epoch_s: epochs[last],
        told_epochs: runs[middle].epochs as u32,
        rest_s: (runs[middle].run_s - runs[middle].epochs_s).max(0.0),
        spec_json: std::mem::take(&mut runs[middle].spec_json),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(likeness: &str, device: &str, run_s: f64, epochs: i64, epochs_s: f64) -> RunRow {
        let (likeness, device) = (likeness.to_owned(), device.to_owned());
        RunRow { likeness, device, run_s, epochs, epochs_s, spec_json: "{}".to_owned() }
    }

    #[test]
    fn runs_are_grouped_by_likeness_and_device_with_their_spread() {
        let runs = vec![
            run("train a", "cpu", 30.0, 5, 25.0),
            run("train a", "cuda", 3.0, 5, 2.0),
            run("train a", "cpu", 10.0, 5, 5.0),
            run("measure a", "cpu", 2.0, 0, 0.0),
            run("train a", "cpu", 20.0, 5, 10.0),
        ];
        let paces = grouped(runs);
        let names: Vec<_> =
            paces.iter().map(|pace| (pace.likeness.as_str(), pace.device.as_str(), pace.attempts)).collect();
        assert_eq!(names, [("train a", "cpu", 3), ("train a", "cuda", 1), ("measure a", "cpu", 1)]);
        let cpu = &paces[0];
        assert_eq!((cpu.least_run_s, cpu.run_s, cpu.most_run_s), (10.0, 20.0, 30.0));
        assert_eq!((cpu.least_epoch_s, cpu.epoch_s, cpu.most_epoch_s), (1.0, 2.0, 5.0));
        assert_eq!((cpu.told_epochs, cpu.rest_s), (5, 10.0));
        assert_eq!((paces[2].epoch_s, paces[2].told_epochs, paces[2].rest_s), (0.0, 0, 2.0));
    }

    #[test]
    fn the_answer_is_bounded() {
        let runs = (0..1000).map(|i| run(&format!("train {i}"), "cpu", 1.0, 0, 0.0)).collect();
        assert_eq!(grouped(runs).len(), MOST);
    }
}
