//! The coordinator's machine: its process, its home, its clocks, its backups.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sweep_coordinator::simulation::{Call, Crash, Reply, Said, Site, edges, witness};
use sweep_coordinator::{Home, Options};
use tempfile::TempDir;
use tonic::Status;

use super::{Event, Step, World};
use crate::checks::{Rule, Snapshot, Violation};
use crate::dice::{Dice, Drawn};
use crate::time::Clocks;

pub struct Office {
    folder: TempDir,
    options: Options,
    pub clocks: Arc<Clocks>,
    pub site: Option<Site>,
    /// Counts the coordinator's starts.
    pub run: u64,
    asleep_from: u64,
    asleep_until: u64,
    /// For how long its monotonic clock has stood still in all.
    pub slept_ms: u64,
    /// The next commits' crash.
    pub crash: Crash,
    backup: Option<PathBuf>,
    /// A restored database that may not have noticed yet.
    pub restored: bool,
}

/// Where files cost nothing, if there is such a place.
const FAST: &str = "/dev/shm";
pub const LEASE: Duration = Duration::from_secs(40);
pub const GRACE: Duration = Duration::from_secs(15);

impl Office {
    pub async fn new(dice: &mut Dice) -> Self {
        let folder = if Path::new(FAST).is_dir() { tempfile::tempdir_in(FAST) } else { tempfile::tempdir() };
        let folder = folder.expect("a temporary folder");
        let clocks = Arc::new(Clocks::default());
        let home = folder.path().join("home");
        fs::create_dir(&home).expect("the home is made");
        fs::copy(empty_database().await, home.join("sweep.db")).expect("the database is copied");
        let mut options = Options::new(home);
        options.clock = clocks.clone();
        options.luck = Arc::new(Drawn::new(dice.draw()));
        (options.lease, options.reconnect_grace) = (LEASE, GRACE);
        options.exclusive_patience = Duration::from_mins(1);
        Self {
            folder,
            options,
            clocks,
            site: None,
            run: 0,
            asleep_from: 0,
            asleep_until: 0,
            slept_ms: 0,
            crash: Crash::Never,
            backup: None,
            restored: false,
        }
    }

    pub fn home(&self) -> Home {
        Home::new(&self.options.home)
    }

    pub fn database(&self) -> PathBuf {
        self.home().database()
    }

    pub fn asleep(&self, now: u64) -> Option<u64> {
        (self.asleep_until > now).then_some(self.asleep_until)
    }

    /// The process stands still. `machine`: with it its monotonic clock.
    pub fn sleep(&mut self, now: u64, for_ms: u64, machine: bool) {
        (self.asleep_from, self.asleep_until) = (now, now + for_ms);
        if machine {
            self.slept_ms += for_ms;
            self.clocks.sleep(for_ms);
        }
    }

    /// Whether it has stood still since then.
    pub fn slept_since(&self, since: u64, now: u64) -> bool {
        self.asleep_until > now && self.asleep_from <= since
    }

    pub fn has_backup(&self) -> bool {
        self.backup.is_some()
    }
}

/// A migrated database without rows, made once: migrations are not what is tested here, and take longest.
async fn empty_database() -> &'static Path {
    static EMPTY: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    if EMPTY.get().is_none() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut options = Options::new(folder.path());
        options.clock = Arc::new(Clocks::default());
        options.luck = Arc::new(Drawn::new(0));
        let site = Site::open(&options).await.expect("an empty home can be opened");
        site.end().await;
        let path = folder.path().join("sweep.db");
        // Another thread may have been faster.
        let _ = EMPTY.set((folder, path));
    }
    &EMPTY.get().expect("it was set").1
}

impl World {
    pub async fn start_coordinator(&mut self) -> Step {
        if self.office.site.is_some() {
            return Ok(());
        }
        match Site::open(&self.office.options).await {
            Ok(site) => self.office.site = Some(site),
            Err(error) => return Err(Violation::new(Rule::NothingStumbles, format!("it does not start: {error}"))),
        }
        self.office.run += 1;
        self.checks.open(&self.office.database()).await;
        self.coverage.note("coordinator", "start");
        self.look().await?;
        self.agenda.plan(self.now + 1_000, Event::Tick(self.office.run));
        Ok(())
    }

    pub async fn tick(&mut self, run: u64) -> Step {
        if self.office.site.is_none() || self.office.run != run {
            return Ok(());
        }
        self.plan_in(900..=3_000, Event::Tick(run));
        self.step(true).await
    }

    /// The coordinator takes a step, dies in it where that is due, and what it said goes out.
    pub async fn step(&mut self, tick: bool) -> Step {
        let Some(site) = &mut self.office.site else { return Ok(()) };
        let before = site.commits();
        let stepped = site.step(tick, self.office.crash).await;
        let commits = (site.commits() - before) as u32;
        self.after(commits, stepped.is_err()).await
    }

    /// A user's call. `None`: the coordinator is not there, or died before it answered.
    pub async fn call(&mut self, call: Call) -> Result<Option<Result<Reply, Status>>, Violation> {
        let Some(site) = &mut self.office.site else { return Ok(None) };
        let before = site.commits();
        let answer = site.call(call, self.office.crash).await;
        let commits = (site.commits() - before) as u32;
        self.checks.calling = true;
        let looked = self.after(commits, answer.is_err()).await;
        self.checks.calling = false;
        looked?;
        let Ok(answer) = answer else { return Ok(None) };
        // Whom the call concerns hears of it with the dispatcher's next step.
        self.step(false).await?;
        Ok(Some(answer))
    }

    async fn after(&mut self, commits: u32, died: bool) -> Step {
        self.send_said();
        self.hear_witnesses();
        if died {
            self.coverage.note("fault", crash_word(self.office.crash));
            self.office.crash = Crash::Never;
            self.trace.note(format_args!("the coordinator dies"));
            self.coordinator_dies().await;
            self.look().await?;
        } else {
            self.office.crash = later(self.office.crash, commits);
            if commits > 0 {
                self.look().await?;
            }
        }
        Ok(())
    }

    fn hear_witnesses(&mut self) {
        let seen = witness::take();
        for trouble in seen.troubles {
            self.checks.found(Rule::NothingStumbles, format!("the dispatcher had to begin anew: {trouble}"));
        }
        for (spool, seq) in seen.recorded {
            let what = || format!("report {seq} of spool {spool} had an effect again");
            if !self.checks.recorded.insert((self.checks.seen().generation.clone(), spool.clone(), seq)) {
                self.checks.found(Rule::RecordedOnce, what());
            }
        }
        for edge in edges::take() {
            self.coverage.note(edge.what, format!("{} + {}", edge.state, edge.event));
        }
    }

    fn send_said(&mut self) {
        let Some(site) = &mut self.office.site else { return };
        for Said { session, messages, closed } in site.said() {
            let Some(conn) = self.conn_of(session) else { continue };
            for message in messages {
                self.send_down(conn, message);
            }
            if closed {
                self.coordinator_closes(conn);
            }
        }
    }

    /// The process is gone; it comes back after a while. What it had said may still arrive.
    pub async fn coordinator_dies(&mut self) {
        let Some(site) = self.office.site.take() else { return };
        site.end().await;
        let run = self.office.run;
        let open: Vec<u64> =
            self.conns.iter().filter(|(_, c)| c.run == run && c.coordinator_open).map(|(id, _)| *id).collect();
        for conn in open {
            if self.dice.chance(40) {
                self.lose_down(conn);
            }
            self.coordinator_closes(conn);
        }
        let pause = if self.calm {
            100..=5_000
        } else {
            self.dice.pick(&[100..=2_000, 100..=2_000, 20_000..=120_000]).expect("there are some")
        };
        self.plan_in(pause, Event::StartCoordinator);
    }

    /// A copy of the database as it is now.
    pub async fn back_up(&mut self) {
        if self.office.site.is_none() {
            return;
        }
        let path = self.office.folder.path().join(format!("backup-{}.db", self.now));
        self.checks.copy_database(&path).await;
        self.office.backup = Some(path);
    }

    /// The coordinator is stopped, its database replaced by the backup, and started again.
    pub async fn restore(&mut self) -> Step {
        let Some(backup) = self.office.backup.take() else { return Ok(()) };
        self.coordinator_dies().await;
        self.checks.close().await;
        let database = self.office.database();
        for beside in ["sweep.db-wal", "sweep.db-shm"] {
            // Usually gone with the last connection.
            let _ = fs::remove_file(database.with_file_name(beside));
        }
        fs::copy(backup, &database).expect("the backup is copied");
        self.office.restored = true;
        self.coverage.note("fault", "database restored");
        self.checks.forget();
        self.users.forget();
        Ok(())
    }

    /// Reads the database and compares it with what it was and with what happened.
    pub async fn look(&mut self) -> Step {
        let seen = self.checks.read().await;
        self.compare(seen)
    }

    fn compare(&mut self, seen: Snapshot) -> Step {
        if self.office.restored && self.checks.is_new_generation(&seen) {
            self.office.restored = false;
            self.coverage.note("coordinator", "new generation");
        }
        let compared = crate::checks::compare(self, &seen);
        self.checks.keep(seen);
        compared
    }
}

fn crash_word(crash: Crash) -> &'static str {
    match crash {
        Crash::Never => "coordinator dies",
        Crash::Before(_) => "coordinator dies before a commit",
        Crash::After(_) => "coordinator dies after a commit",
    }
}

/// What is left of the countdown after a step that outlived it.
fn later(crash: Crash, commits: u32) -> Crash {
    match crash {
        Crash::Never => Crash::Never,
        Crash::Before(at) => Crash::Before(at.saturating_sub(commits).max(1)),
        Crash::After(at) => Crash::After(at.saturating_sub(commits).max(1)),
    }
}
