//! What breaks, drawn one after the other while times are troubled.

use super::network::Side;
use super::{Event, Step, World};
use crate::checks::{Rule, Violation};
use crate::dice::Dice;
use sweep_coordinator::simulation::Crash;
use sweep_coordinator::upkeep::{self, Depth};

/// Every kind of fault, and how often it is drawn.
const FAULTS: &[(&str, u64)] = &[
    ("coordinator dies", 2),
    ("coordinator about to die", 6),
    ("agent dies", 4),
    ("agent's machine dies", 3),
    ("agent's machine gone for ever", 1),
    ("agent drained", 3),
    ("agent stopped at once", 1),
    ("runner killed", 4),
    ("partition", 6),
    ("long partition", 4),
    ("one-way partition up", 3),
    ("one-way partition down", 3),
    ("connection cut", 4),
    ("connection half-open", 3),
    ("network slow", 2),
    ("coordinator stopped (SIGSTOP)", 3),
    ("coordinator's machine asleep", 3),
    ("agent's machine asleep", 4),
    ("wall clock set back", 2),
    ("wall clock set forward", 2),
    ("database backed up", 5),
    ("database restored", 4),
    ("unused blobs collected", 4),
    ("agent's cache lost", 2),
];

/// The names of all that must have happened in enough seeds; those that come about otherwise included.
pub fn all() -> impl Iterator<Item = &'static str> {
    let others = ["coordinator dies before a commit", "coordinator dies after a commit", "upload cut", "runner hangs"];
    FAULTS.iter().map(|(name, _)| *name).filter(|name| *name != "coordinator about to die").chain(others)
}

fn draw(dice: &mut Dice) -> &'static str {
    let total: u64 = FAULTS.iter().map(|(_, weight)| weight).sum();
    let mut left = dice.within(0..=total - 1);
    for (name, weight) in FAULTS {
        if left < *weight {
            return name;
        }
        left -= weight;
    }
    unreachable!("the weights add up")
}

impl World {
    pub async fn fault(&mut self) -> Step {
        if self.calm {
            return Ok(());
        }
        self.plan_in(1_000..=30_000, Event::Fault);
        let name = draw(&mut self.dice);
        let host = self.dice.within(0..=self.hosts.len() as u64 - 1) as usize;
        if self.befall(name, host).await? {
            self.trace.note(format_args!("{name} ({})", self.hosts[host].name));
            self.coverage.note("fault", name);
        }
        Ok(())
    }

    /// Lets a fault happen. False: it could not happen now, or is counted where it does.
    async fn befall(&mut self, name: &'static str, host: usize) -> Result<bool, Violation> {
        let running = self.hosts[host].running().is_some();
        let awake = self.office.asleep(self.now).is_none();
        match name {
            "coordinator dies" if self.office.site.is_some() && awake => {
                self.coordinator_dies().await;
                self.look().await?;
            }
            "coordinator about to die" if self.office.site.is_some() && self.office.crash == Crash::Never => {
                let at = self.dice.within(1..=3) as u32;
                self.office.crash = if self.dice.chance(50) { Crash::Before(at) } else { Crash::After(at) };
                return Ok(false);
            }
            "agent dies" | "agent's machine dies" if running => {
                self.agent_dies(host, name == "agent's machine dies");
                let pause = self.dice.pick(&[100..=3_000, 20_000..=120_000]).expect("there are some");
                self.plan_in(pause, Event::StartHost(host));
            }
            "agent's machine gone for ever" if running => {
                self.agent_dies(host, true);
                self.hosts[host].gone = true;
            }
            "agent drained" if running => self.drain_agent(host),
            "agent stopped at once" if running => {
                self.drain_agent(host);
                self.drain_agent(host);
            }
            "runner killed" => {
                self.kill_runner(host);
                return Ok(false);
            }
            "wall clock set back" | "wall clock set forward" => {
                let by = self.dice.within(10_000..=7_200_000) as i64;
                self.office.clocks.jump(if name == "wall clock set back" { -by } else { by });
            }
            "database backed up" if self.office.site.is_some() && awake => self.back_up().await,
            "database restored" => {
                if self.office.has_backup() && awake {
                    self.restore().await?;
                }
                return Ok(false);
            }
            "unused blobs collected" if awake => match &mut self.office.site {
                Some(site) => {
                    site.collect().await;
                    self.look().await?;
                }
                None => return Ok(false),
            },
            "connection half-open" if awake => {
                let Some(conn) = self.hosts[host].running().and_then(|process| process.conn) else { return Ok(false) };
                self.half_open(conn).await?;
            }
            "agent's cache lost" if !running => self.hosts[host].disk.cache.clear(),
            _ => return Ok(self.trouble_time_and_network(name, host)),
        }
        Ok(true)
    }

    fn trouble_time_and_network(&mut self, name: &'static str, host: usize) -> bool {
        let (is_whole, awake) = (self.hosts[host].path.is_whole(), self.office.asleep(self.now).is_none());
        let conn = self.hosts[host].running().and_then(|process| process.conn);
        let (short, long) = (self.dice.within(1_000..=35_000), self.dice.within(45_000..=300_000));
        match (name, conn) {
            ("partition", _) if is_whole => self.block(host, true, true, short),
            ("long partition", _) if is_whole => self.block(host, true, true, long),
            ("one-way partition up", _) if is_whole => self.block(host, true, false, short * 2),
            ("one-way partition down", _) if is_whole => self.block(host, false, true, short * 2),
            ("connection cut", Some(conn)) => {
                self.cut(conn);
            }
            ("network slow", _) => self.hosts[host].path.slowest_ms = 5_000,
            ("coordinator stopped (SIGSTOP)", _) if self.office.site.is_some() && awake => {
                self.office.sleep(self.now, short * 3, false);
                self.wait_for_signs(Side::Agent, None);
            }
            ("coordinator's machine asleep", _) if self.office.site.is_some() && awake => {
                self.office.sleep(self.now, long, true);
                self.wait_for_signs(Side::Agent, None);
            }
            ("agent's machine asleep", _) if self.hosts[host].asleep(self.now).is_none() => {
                self.hosts[host].sleep(self.now, self.now + long);
                self.wait_for_signs(Side::Coordinator, Some(host));
            }
            _ => return false,
        }
        true
    }

    /// Everything works from now on. Machines that are gone stay so, but somebody brings a new one.
    pub fn calm_down(&mut self) {
        self.calm = true;
        self.office.crash = Crash::Never;
        let now = self.now;
        for host in 0..self.hosts.len() {
            self.hosts[host].path.slowest_ms = 50;
            let since = self.hosts[host].path.since;
            self.heal(host, since);
            self.plan_in(0..=10_000, Event::StartHost(host));
        }
        let fresh = self.hosts.len();
        let host = super::host::Host::able(fresh);
        self.hosts.push(host);
        self.agenda.plan(now, Event::StartHost(fresh));
        self.plan_in(0..=10_000, Event::StartCoordinator);
        self.agenda.plan(now + 1_000, Event::Call);
    }

    /// Whether all work has ended and nothing is left behind.
    pub fn is_over(&self) -> bool {
        let seen = self.checks.seen();
        let settled =
            seen.jobs.values().all(|job| job.is_terminal()) && seen.attempts.values().all(|a| a.is_finished());
        settled
            && self.office.site.is_some()
            && !seen.sweeps.is_empty()
            && !self.truth.attempts.values().any(|made| made.alive)
    }

    /// What a user would be told of the database.
    pub async fn check_up(&self) -> Step {
        let home = self.office.home();
        let checkup = upkeep::check(&home, Depth::Quick, &sweep_coordinator::ArtifactsIn::Unsaid)
            .await
            .expect("the database can be read");
        let found: Vec<_> = checkup.parts.into_iter().filter(|part| !part.findings.is_empty()).collect();
        let what = || format!("{found:?}");
        if found.is_empty() { Ok(()) } else { Err(Violation::new(Rule::CheckupFindsNothing, what())) }
    }

    /// What must hold once everything has ended.
    pub fn check_end(&mut self) -> Step {
        let seen = self.checks.seen();
        for (id, sweep) in &seen.sweeps {
            if sweep.state == "active" {
                return Err(Violation::new(
                    Rule::EverythingEnds,
                    format!("s{id} is active, and all its jobs have ended"),
                ));
            }
        }
        Ok(())
    }
}
