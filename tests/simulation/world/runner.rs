//! Simulated runners: epochs that take simulated time, a checkpoint after each, and a result that is the end of the `chain`
//! that they compute. A runner that goes on from another's checkpoint must come to the same end, so a lost, mixed-up or stale
//! checkpoint shows in the result. They obey as `worker/src/attempt` does.

use std::collections::VecDeque;

use sweep_shared::event::Epoch;
use sweep_shared::ids::{ContentHash, Token};
use sweep_shared::resources::{DeviceClass, Usage};
use sweep_shared::spec::{Protocol, StageKind};
use sweep_shared::states::FailureClass;
use sweep_worker::simulation::{Assign, Checkpoint, End, Input, News, Outcome, Stop};

use super::chain::{State, epochs, first_state, next_state, read_checkpoint, tag};
use super::transfer::Purpose;
use super::{Event, World};

/// One attempt's task.
pub struct Run {
    pub assign: Box<Assign>,
    pub device: (DeviceClass, u32),
    pub exclusive: bool,
    pub stage: Stage,
    /// Counts what was planned for it, so that what was planned before counts no more.
    pub serial: u64,
    pub began: u64,
    pub stop: Option<Stop>,
    pub inputs: Vec<Vec<u8>>,
    pub tag: ContentHash,
    pub state: State,
    pub epoch: u32,
    pub step: u64,
    pub lane: Lane,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// These are still to be fetched; then those checkpoints may be gone on from.
    Fetching(VecDeque<Wanted>),
    /// For memory.
    Asking,
    Starting,
    Training,
    /// SIGTERM was sent.
    Stopping,
    /// Its processes are gone; this end is told when its files are there.
    Delivering(Box<End>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    Input(ContentHash),
    /// The files of one checkpoint; only one each here.
    Checkpoint(ContentHash),
}

/// Checkpoints on their way: one is being uploaded, of those that wait only the newest.
#[derive(Default)]
pub struct Lane {
    pub uploading: Option<Checkpoint>,
    pub waiting: Option<Checkpoint>,
}

impl Run {
    pub fn protocol(&self) -> Protocol {
        match &self.assign.spec.kind {
            StageKind::Command(command) => command.protocol,
            _ => Protocol::Events,
        }
    }

    /// Its batches are in parts already, since whole ones did not fit: it may well run out of memory again.
    pub fn is_short_of_memory(&self) -> bool {
        self.assign.micro_batches > 1
    }

    pub fn is_training(&self) -> bool {
        self.stage == Stage::Training
    }

    pub fn holds_slot(&self) -> bool {
        !matches!(self.stage, Stage::Delivering(_))
    }

    pub fn has_checkpoints(&self) -> bool {
        self.lane.uploading.is_some() || self.lane.waiting.is_some()
    }
}

impl World {
    /// The agent begins an attempt.
    pub fn start_run(&mut self, host: usize, assign: Assign) {
        let token = assign.token;
        self.truth.begins(token, self.now);
        let mut wanted: VecDeque<Wanted> =
            assign.inputs.iter().flatten().filter_map(|file| file.hash.clone()).map(Wanted::Input).collect();
        let checkpoints = assign.checkpoints.iter().flat_map(|checkpoint| &checkpoint.files);
        wanted.extend(checkpoints.filter_map(|file| file.hash.clone()).map(Wanted::Checkpoint));
        let run = Run {
            device: assign.device,
            exclusive: assign.exclusive,
            stage: Stage::Fetching(wanted),
            serial: 0,
            began: self.now,
            stop: None,
            inputs: Vec::new(),
            tag: tag(&assign.spec),
            state: [0; 32],
            epoch: 0,
            step: 0,
            lane: Lane::default(),
            assign: Box::new(assign),
        };
        let Some(process) = self.process(host) else { return };
        process.runs.insert(token, run);
        self.fetch_next(host, token);
    }

    fn process(&mut self, host: usize) -> Option<&mut super::host::Process> {
        let born = self.hosts[host].running()?.born;
        self.hosts[host].process(born)
    }

    pub fn run_of(&mut self, host: usize, token: Token) -> Option<&mut Run> {
        self.process(host)?.runs.get_mut(&token)
    }

    fn fetch_next(&mut self, host: usize, token: Token) {
        let Some(run) = self.run_of(host, token) else { return };
        let Stage::Fetching(wanted) = &mut run.stage else { return };
        match wanted.front().cloned() {
            Some(wanted) => self.begin_transfer(host, Purpose::Fetch { token, wanted }),
            None => {
                run.stage = Stage::Asking;
                self.plan_run(host, token, 100..=4_000);
            }
        }
    }

    /// A blob that the attempt needs is here, or cannot be had.
    pub fn fetched(&mut self, host: usize, token: Token, wanted: &Wanted, bytes: Option<Vec<u8>>) {
        let Some(run) = self.run_of(host, token) else { return };
        let Stage::Fetching(queue) = &mut run.stage else { return };
        queue.pop_front();
        match (wanted, bytes) {
            (Wanted::Input(_), Some(bytes)) => run.inputs.push(bytes),
            (Wanted::Input(hash), None) => {
                let reason = format!("fetching an input: the coordinator does not have blob {hash}");
                return self.over(host, token, Outcome::Refused(reason));
            }
            // The newest comes first; an older one counts where no newer could be had.
            (Wanted::Checkpoint(_), Some(bytes)) if run.epoch == 0 && run.step == 0 => {
                if let Some((_, epoch, step, state)) = read_checkpoint(&bytes).filter(|read| read.0 == run.tag.as_str())
                {
                    (run.epoch, run.step, run.state) = (epoch, step, state);
                }
            }
            (Wanted::Checkpoint(_), _) => {}
        }
        self.fetch_next(host, token);
    }

    fn launch(&mut self, host: usize, token: Token) {
        let refuses = self.dice.chance(4);
        let Some(run) = self.run_of(host, token) else { return };
        if refuses {
            let reason = "the device has too little memory free".to_owned();
            return self.over(host, token, Outcome::Refused(reason));
        }
        run.stage = Stage::Starting;
        if run.epoch == 0 && run.step == 0 {
            run.state = first_state(&run.tag, run.inputs.iter().map(Vec::as_slice));
        }
        self.plan_run(host, token, 3_000..=6_000);
    }

    fn plan_run(&mut self, host: usize, token: Token, range: std::ops::RangeInclusive<u64>) {
        let Some(process) = self.process(host) else { return };
        let born = process.born;
        let Some(run) = process.runs.get_mut(&token) else { return };
        run.serial += 1;
        let serial = run.serial;
        self.plan_in(range, Event::Run { host, born, token, serial });
    }

    /// What a runner was doing has come to its end.
    pub fn runner(&mut self, host: usize, born: u64, token: Token, serial: u64) {
        if self.hosts[host].process(born).is_none() {
            return;
        }
        let Some(run) = self.run_of(host, token).filter(|run| run.serial == serial) else { return };
        match run.stage {
            Stage::Asking => self.launch(host, token),
            Stage::Starting => self.begun(host, token),
            Stage::Training => self.epoch_over(host, token),
            Stage::Stopping => self.stopped(host, token),
            Stage::Fetching(_) | Stage::Delivering(_) => {}
        }
    }

    fn begun(&mut self, host: usize, token: Token) {
        let Some(run) = self.run_of(host, token) else { return };
        run.stage = Stage::Training;
        let (epoch, step) = (run.epoch, run.step);
        if (epoch, step) != (0, 0) {
            self.truth.of(token).resumed = Some((epoch, step));
            self.coverage.note("runner", "went on from a checkpoint");
            self.feed(host, Input::News(token, News::Resumed { epoch, step }));
        }
        let quick = self.dice.chance(50);
        match self.run_of(host, token) {
            Some(run) if quick && run.protocol() == Protocol::Exit => self.succeed(host, token),
            _ => self.train(host, token),
        }
    }

    fn train(&mut self, host: usize, token: Token) {
        let pace = self.hosts[host].pace;
        let Some(run) = self.run_of(host, token) else { return };
        if run.epoch >= epochs(&run.assign.spec) {
            return self.succeed(host, token);
        }
        if !self.calm && self.dice.chance(2) {
            self.coverage.note("fault", "runner hangs");
            return self.plan_run(host, token, 120_000..=1_200_000);
        }
        self.plan_run(host, token, pace / 2..=pace * 3 / 2);
    }

    fn epoch_over(&mut self, host: usize, token: Token) {
        let short = self.run_of(host, token).is_some_and(|run| run.is_short_of_memory());
        let failing = match self.calm {
            true => 0,
            false if short => 60,
            false => self.hosts[host].failing,
        };
        if self.dice.chance(failing) {
            return self.fails(host, token);
        }
        let Some(run) = self.run_of(host, token) else { return };
        run.epoch += 1;
        run.step = 0;
        run.state = next_state(&run.tag, run.state, run.epoch);
        let (epoch, total, protocol) = (run.epoch, epochs(&run.assign.spec), run.protocol());
        if protocol == Protocol::Events {
            self.truth.of(token).epochs.insert(epoch);
            let told = Epoch { epoch, epochs: total, phase: "train".to_owned(), metrics: Default::default() };
            self.feed(host, Input::News(token, News::Epoch(told)));
            self.checkpoint(host, token);
        }
        self.train(host, token);
    }

    fn fails(&mut self, host: usize, token: Token) {
        let trains = self.run_of(host, token).is_some_and(|run| matches!(run.assign.spec.kind, StageKind::Train(_)));
        let drawn = self.dice.pick(CLASSES).expect("there are some");
        let class = if trains && self.dice.chance(70) { FailureClass::OutOfMemory } else { drawn };
        self.coverage.note("fault", format!("runner fails: {class}"));
        self.end_with(host, token, End::failure(class, "it was drawn"));
    }

    /// Any end but success: the newest checkpoint still matters to whoever continues.
    fn end_with(&mut self, host: usize, token: Token, end: End) {
        let Some(run) = self.run_of(host, token) else { return };
        if !run.has_checkpoints() || matches!(end, End::Cancelled) {
            return self.ended(host, token, end);
        }
        run.stage = Stage::Delivering(Box::new(end));
        self.feed(host, Input::News(token, News::Gone));
    }

    pub fn ended(&mut self, host: usize, token: Token, end: End) {
        let Some(began) = self.run_of(host, token).map(|run| run.began) else { return };
        let usage = Usage::ran((self.now - began) as f64 / 1e3);
        self.over(host, token, Outcome::Ended(end, usage));
    }

    fn over(&mut self, host: usize, token: Token, outcome: Outcome) {
        let Some(process) = self.process(host) else { return };
        process.runs.remove(&token);
        process.transfers.retain(|_, transfer| transfer.token() != Some(token));
        let word = match &outcome {
            Outcome::Refused(_) => "refused",
            Outcome::Ended(End::Success(_), _) => "succeeded",
            Outcome::Ended(End::Failure { .. }, _) => "failed",
            Outcome::Ended(End::Interrupted(_), _) => "interrupted",
            Outcome::Ended(End::Cancelled, _) => "cancelled",
        };
        self.truth.ends(token, word);
        self.feed(host, Input::News(token, News::Outcome(outcome)));
    }

    /// The attempt is asked to stop.
    pub fn ask_run(&mut self, host: usize, token: Token, stop: Stop) {
        let deaf = self.dice.chance(20);
        let Some(run) = self.run_of(host, token).filter(|run| stop.replaces(run.stop.as_ref())) else { return };
        run.stop = Some(stop.clone());
        match (stop, &run.stage) {
            (Stop::Cancel, _) => self.ended(host, token, End::Cancelled),
            (Stop::Kill(reason), _) => self.ended(host, token, End::Interrupted(reason)),
            (Stop::Interrupt(_), Stage::Fetching(_) | Stage::Asking) if deaf => {
                let reason = "the device has too little memory free".to_owned();
                self.over(host, token, Outcome::Refused(reason));
            }
            (Stop::Interrupt(reason), Stage::Fetching(_) | Stage::Asking) => {
                self.ended(host, token, End::Interrupted(reason));
            }
            (Stop::Interrupt(_), Stage::Starting | Stage::Training) => {
                run.stage = Stage::Stopping;
                let grace = if deaf { 10_000..=10_000 } else { 100..=5_000 };
                self.plan_run(host, token, grace);
            }
            (Stop::Interrupt(_), Stage::Stopping | Stage::Delivering(_)) => {}
        }
    }

    /// The runner has obeyed: mostly with a checkpoint in the middle of an epoch.
    fn stopped(&mut self, host: usize, token: Token) {
        let short = self.run_of(host, token).is_some_and(|run| run.is_short_of_memory());
        if self.dice.chance(if short { 80 } else { 20 }) {
            return self.fails(host, token);
        }
        let (writes, step) = (self.dice.chance(80), self.dice.within(1..=100));
        let Some(run) = self.run_of(host, token) else { return };
        let reason = match &run.stop {
            Some(Stop::Interrupt(reason)) => reason.clone(),
            _ => "told to stop".to_owned(),
        };
        if writes && run.protocol() == Protocol::Events && run.epoch < epochs(&run.assign.spec) {
            run.step += step;
            self.checkpoint(host, token);
        }
        self.end_with(host, token, End::Interrupted(reason));
    }

    /// Somebody kills a runner.
    pub fn kill_runner(&mut self, host: usize) {
        let Some(process) = self.process(host) else { return };
        let busy: Vec<Token> =
            process.runs.iter().filter(|(_, run)| run.holds_slot()).map(|(token, _)| *token).collect();
        let Some(token) = self.dice.pick(&busy) else { return };
        self.coverage.note("fault", "runner killed");
        self.end_with(host, token, End::failure(FailureClass::Internal, "killed by SIGKILL, not by sweep"));
    }
}

/// What a runner may fail with.
const CLASSES: &[FailureClass] = &[
    FailureClass::Internal,
    FailureClass::Internal,
    FailureClass::OutOfMemory,
    FailureClass::OutOfMemory,
    FailureClass::Diverged,
    FailureClass::BadInput,
    FailureClass::DiskFull,
    FailureClass::DeviceError,
];
