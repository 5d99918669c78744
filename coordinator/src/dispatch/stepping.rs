//! The loop taken step by step, for the simulation.

use std::time::Duration;

use super::handle::Input;
use super::service::{Broken, Dispatcher, MOST_PER_TURN};
use super::turn::Work;
use crate::simulation::witness;
use crate::store::report::{Recorded, Report};

impl Dispatcher {
    /// One step without waiting: takes what is there, and looks at the clock where `tick` says so.
    pub(crate) async fn step_now(&mut self, tick: bool, mut batch: Vec<Input>) -> Result<(), Broken> {
        let mut work = Work::default();
        while batch.len() < MOST_PER_TURN
            && let Ok(input) = self.inputs.try_recv()
        {
            batch.push(input);
        }
        while let Ok(changes) = self.changes.try_recv() {
            self.changed(&mut work, Ok(changes));
        }
        while let Ok(question) = self.questions.get_mut().asked.try_recv() {
            let now = self.look();
            self.answer_question(question, now);
        }
        work.tick = tick;
        self.step(work, &mut batch).await
    }

    /// Waits for an input, or for a question, which is answered at once.
    pub(crate) async fn receive(&mut self, batch: &mut Vec<Input>) {
        let question = tokio::select! {
            biased;
            _ = self.inputs.recv_many(batch, MOST_PER_TURN) => return,
            question = self.questions.get_mut().next() => question,
        };
        if let Some(question) = question {
            let now = self.look();
            self.answer_question(question, now);
        }
    }

    /// When a turn is due by itself, on the monotonic clock; besides the tick.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.accepts.due()
    }
}

/// The names of reports, to be noted once it is known which had an effect.
pub struct Names(Vec<Option<(String, u64)>>);

impl Names {
    pub fn of(reports: &[Report]) -> Self {
        Self(reports.iter().map(|report| report.spooled.clone()).collect())
    }

    pub fn note(self, answers: &[Recorded]) {
        for (name, answer) in self.0.into_iter().zip(answers) {
            if let (Some(name), Recorded::Effective) = (name, answer) {
                witness::recorded(name);
            }
        }
    }
}
