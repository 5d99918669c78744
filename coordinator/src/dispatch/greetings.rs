//! Agents come and go.

use std::time::Duration;

use sweep_shared::ids::Token;
use sweep_shared::wire::v1::coordinator_message::Body as Answer;
use sweep_shared::wire::{PROTOCOL_VERSION, v1};

use super::fleet::{Agent, Greeting, SessionId};
use super::handle::AgentNow;
use super::service::{Broken, Dispatcher};
use super::{outbox, translate};
use crate::planted::{self, Bug};
use crate::store::agents::NoteDevices;
use crate::store::{self, Greeted, NewGeneration};

impl Dispatcher {
    /// An agent introduces itself.
    pub(super) async fn hello(
        &mut self,
        session: SessionId,
        hello: v1::Hello,
        line: outbox::Line,
        now: Duration,
    ) -> Result<(), Broken> {
        let introduced = match self.introduction(hello, now) {
            Ok(introduced) => introduced,
            Err(reason) => {
                outbox::refuse(&line, &reason);
                return Ok(());
            }
        };
        let translate::Introduction { info, nth, spool, attempts, generation, acked_seq } = introduced;
        let certificate = line.certificate.clone();
        let command =
            store::Hello { agent: info.clone(), certificate, spool: spool.clone(), attempts, generation, acked_seq };
        let reconciled = match self.write(command).await? {
            Greeted::Reconciled(mut reconciled) => {
                if planted::is(Bug::ReplayWithoutDedup) {
                    reconciled.acked_seq = acked_seq;
                }
                reconciled
            }
            Greeted::Restored(why) => return self.begin_anew(why).await,
            Greeted::ShutOut => {
                outbox::shut_out(&line, info.id);
                return Ok(());
            }
        };
        tracing::info!(
            agent = info.id,
            host = info.host,
            kept = reconciled.keep.len(),
            freed = reconciled.freed.len(),
            "an agent is here"
        );
        for token in &reconciled.freed {
            self.board.end(*token);
        }
        let news = self.fleet.news(&info.id, &info.devices);
        if !news.is_empty() {
            self.write(NoteDevices { news }).await?;
        }
        let greeting =
            Greeting { freed: &reconciled.freed, interrupt: &reconciled.interrupt, draining: reconciled.draining };
        if let Some(replaced) = self.fleet.join(info.clone(), (session, nth), &greeting, now) {
            self.outboxes.close(replaced);
        }
        for token in &reconciled.keep {
            self.fleet.begun(*token, now);
        }
        self.queue.stale();
        self.outboxes.open(session, line, spool, reconciled.acked_seq);
        // What was written last may be on its way to the disk yet: told again, it does no harm.
        let log = |token: &Token| v1::LogLength {
            token: Some((*token).into()),
            bytes: self.logs.length(token.job, token.attempt),
        };
        let welcome = v1::Welcome {
            logs: reconciled.keep.iter().map(log).collect(),
            generation: reconciled.generation,
            acked_seq: reconciled.acked_seq,
            keep: reconciled.keep.into_iter().map(v1::Token::from).collect(),
            lease_ms: self.terms.lease.as_millis() as u64,
        };
        self.outboxes.send(session, Answer::Welcome(welcome));
        self.give_orders();
        Ok(())
    }

    /// The database was restored from a backup. All sessions end, this one too; the agents come back, see another
    /// generation, and kill what is not kept.
    async fn begin_anew(&mut self, why: String) -> Result<(), Broken> {
        let name = self.luck.name();
        self.write(NewGeneration { name, why }).await?;
        self.begin_again().await
    }

    /// Who it is; or in words why it cannot have a session.
    fn introduction(&self, hello: v1::Hello, now: Duration) -> Result<translate::Introduction, String> {
        let theirs = hello.protocol_version;
        if theirs != PROTOCOL_VERSION {
            return Err(format!(
                "this coordinator speaks protocol version {PROTOCOL_VERSION}, the agent {theirs}: \
                 install the same sweep on both"
            ));
        }
        let introduced =
            translate::introduction(hello).map_err(|error| format!("the Hello cannot be read: {error}"))?;
        self.fleet.admit(&introduced.info, introduced.nth, now)?;
        Ok(introduced)
    }

    /// The agent has no runners any more, and will not be back soon.
    pub(super) async fn goodbye(
        &mut self,
        session: SessionId,
        agent: String,
        reason: String,
        now: Duration,
    ) -> Result<(), Broken> {
        self.outboxes.close(session);
        self.fleet.close(session, now);
        self.fleet.left(&agent);
        for token in self.write(store::Goodbye { agent, reason }).await? {
            self.fleet.end(token);
            self.board.end(token);
        }
        self.queue.stale();
        Ok(())
    }

    /// The agent was shut out: its attempts are freed already, and it is not coming back.
    pub(super) fn expel(&mut self, agent: &str, freed: &[Token]) {
        if let Some(session) = self.fleet.session_of(agent) {
            self.outboxes.close(session);
            self.fleet.close(session, self.clock.now());
        }
        self.fleet.left(agent);
        for token in freed {
            self.fleet.end(*token);
            self.board.end(*token);
        }
    }

    pub(super) fn agents_now(&self, now: Duration) -> Vec<AgentNow> {
        let row = |(agent, running, heard_ago): (&Agent, u32, Duration)| AgentNow {
            id: agent.info.id.clone(),
            connected: agent.session.is_some(),
            devices: agent.info.devices.clone(),
            spots: agent.spots.clone(),
            running,
            heard_ago,
        };
        self.fleet.agents(now).map(row).collect()
    }
}
