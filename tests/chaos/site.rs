//! A cluster with one agent and one sweep, for stories in which something is done by hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{Map, Value};
use sweep_tests::{PATIENCE, epoch, text};

use crate::cluster::{self, Cluster, agent_name};
use crate::ledger::{self, Checkpoint};
use crate::table;
use crate::witness::{News, Witness};

/// One job that trains for some seconds: whoever does something after its fifth epoch still meets it.
pub const PLAN: &str = "name: story
data: { name: synthetic, train: 1000, validation: 100, test: 200 }
measure: false
stages:
  base: { train: { model: small-cnn, epochs: 12, batch: 64 } }
";

/// A cluster with one agent and one sweep.
pub struct Site {
    pub folder: tempfile::TempDir,
    pub cluster: Cluster,
    pub witness: Witness,
}

impl Site {
    pub fn submit(plan: &str) -> Self {
        Self::submit_in(tempfile::tempdir().unwrap(), plan)
    }

    /// In a folder that holds something for its jobs already.
    pub fn submit_in(folder: tempfile::TempDir, plan: &str) -> Self {
        let cluster = Cluster::start(folder.path(), 1).unwrap();
        fs::write(folder.path().join("plan.yaml"), plan).unwrap();
        let witness = submit(&cluster, folder.path());
        Self { folder, cluster, witness }
    }

    /// The same plan once more, as a sweep of its own, which is then watched instead.
    pub fn submit_again(&mut self) {
        self.witness = submit(&self.cluster, self.folder.path());
    }

    /// Watches the same sweep anew.
    pub fn watch_again(&mut self) {
        self.witness = watch(&self.cluster, self.folder.path());
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub fn agent(&self) -> PathBuf {
        self.folder.path().join(agent_name(0)).join("agent")
    }

    pub fn log_of_agent(&self) -> String {
        fs::read_to_string(cluster::log(self.folder.path(), &agent_name(0))).unwrap()
    }

    pub fn cached(&self, hash: &str) -> PathBuf {
        self.agent().join("cache").join(&hash[..2]).join(hash)
    }

    pub fn stored(&self, hash: &str) -> PathBuf {
        self.home().join("artifacts").join(&hash[..2]).join(hash)
    }

    /// Waits until the job has come so far.
    #[track_caller]
    pub fn reaches(&self, least: u32) {
        self.tells(|line| epoch(line) >= Some(least));
    }

    /// Waits until the user is told so.
    #[track_caller]
    pub fn tells(&self, wanted: impl Fn(&str) -> bool) {
        assert_eq!(self.witness.wait_for(wanted, PATIENCE), News::Enough);
    }

    /// Kills everybody once there are several checkpoints, and answers those, newest first. One that only the agent's spool knew
    /// of when it died is forgotten, or else it would be the newest once both are back.
    pub fn killed_in_the_middle(&mut self) -> Vec<Checkpoint> {
        self.reaches(4);
        self.cluster.kill_all();
        fs::remove_dir_all(self.agent().join("spool")).unwrap();
        let checkpoints = ledger::checkpoints(&self.home()).unwrap();
        assert!(checkpoints.len() >= 2, "{checkpoints:?}");
        checkpoints
    }

    /// Starts everybody again and waits for the end. The jobs of the sweep, and its table.
    pub fn finish(&mut self) -> (Vec<Value>, Vec<Map<String, Value>>) {
        self.cluster.restart_all();
        self.end()
    }

    /// The same for a cluster that runs.
    pub fn end(&mut self) -> (Vec<Value>, Vec<Map<String, Value>>) {
        let over = self.witness.wait(u64::MAX, PATIENCE);
        let ask = |question: &str| self.cluster.ask(&[question]).unwrap().unwrap();
        let status = ask("status");
        assert_eq!(over, News::Over, "{status:#}");
        let table = table::comparable(ask("results"));
        self.cluster.end_agents().unwrap();
        self.cluster.end_coordinator().unwrap();
        let Value::Array(jobs) = status["jobs"].clone() else { panic!("{status:#}") };
        assert!(jobs.iter().all(|job| job["state"] == "succeeded"), "{status:#}");
        (jobs, table)
    }
}

impl Drop for Site {
    /// What failed can be looked at.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("everything of it lies in {}", self.folder.path().display());
            self.folder.disable_cleanup(true);
        }
    }
}

fn submit(cluster: &Cluster, folder: &Path) -> Witness {
    let submitted = cluster.user().args(["submit", "--no-reuse"]).arg(folder.join("plan.yaml")).output().unwrap();
    assert!(submitted.status.success(), "{}", text(&submitted));
    watch(cluster, folder)
}

fn watch(cluster: &Cluster, folder: &Path) -> Witness {
    Witness::start(cluster.user().arg("watch"), &folder.join("logs/watch"))
}

/// What PLAN comes to where nothing happens.
pub fn undisturbed() -> &'static [Map<String, Value>] {
    static TABLE: OnceLock<Vec<Map<String, Value>>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let site = Site::submit(PLAN);
        assert_eq!(site.witness.wait(u64::MAX, PATIENCE), News::Over);
        table::comparable(site.cluster.ask(&["results"]).unwrap().unwrap())
    })
}
