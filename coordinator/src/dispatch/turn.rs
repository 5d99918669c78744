//! Taking in what agents say, until it is recorded together.

use std::collections::BTreeMap;
use std::time::Duration;

use sweep_shared::ids::{ContentHash, Token};
use sweep_shared::states::FailureClass;
use sweep_shared::wire::v1;
use sweep_shared::wire::v1::agent_message::Body as Wire;

use super::fleet::{SessionId, Trouble};
use super::outbox::Turn;
use super::service::Dispatcher;
use super::translate::{self, Said};
use crate::planted::{self, Bug};
use crate::store::agents::DeviceNews;
use crate::store::report::{Body, End, Recorded, Report};

/// What one turn of the loop will record.
#[derive(Default)]
pub struct Work {
    pub reports: Vec<Report>,
    /// Beside the reports: who said it, and whether the attempt's processes are gone by it.
    origins: Vec<(SessionId, bool)>,
    /// By session: how far its spool is once the reports are recorded.
    acks: BTreeMap<SessionId, u64>,
    /// The reports may make jobs ready.
    pub unblocks: bool,
    /// Capacity may have come free.
    pub schedule: bool,
    /// It is time to look at the clock.
    pub tick: bool,
    /// Devices that went out of use, or came back.
    pub devices: Vec<DeviceNews>,
    /// Agents that said goodbye, and why. Their sessions may have been closed since.
    pub leaving: Vec<(SessionId, String, String)>,
}

impl Dispatcher {
    /// Takes one message. Nothing is answered before the turn is recorded.
    pub(super) fn take(&mut self, work: &mut Work, session: SessionId, message: v1::AgentMessage, now: Duration) {
        let Some(agent) = self.fleet.heard(session, now).map(str::to_owned) else { return };
        let (Some(body), Some(outbox)) = (message.body, self.outboxes.get(session)) else { return };
        let seq = message.seq;
        if seq > 0 {
            match outbox.turn(seq) {
                Turn::Due => {}
                Turn::Again => {
                    let acked = outbox.next_seq - 1;
                    work.acks.entry(session).or_insert(acked);
                    return;
                }
                Turn::Early => return,
            }
        }
        match body {
            Wire::Heartbeat(heartbeat) => self.heartbeat(work, &agent, heartbeat),
            Wire::Goodbye(goodbye) => {
                tracing::info!(agent, reason = goodbye.reason, "an agent leaves");
                work.leaving.push((session, agent, translate::bounded(goodbye.reason)));
            }
            body => match translate::said(body) {
                Ok(None) => {}
                Ok(Some(said)) => self.said(work, (session, &agent), seq, said, now),
                Err((token, error)) => {
                    tracing::error!(agent, seq, %error, "a report cannot be read");
                    // A report that can never be read must not stop those behind it.
                    let (body, token) = match token {
                        Some(token) if seq > 0 => (translate::unreadable(&error), token),
                        _ => (Body::Nothing, Token { job: sweep_shared::ids::JobId(0), attempt: 0, lease: 0 }),
                    };
                    let said = Said { token, body, progress: None, trouble: Trouble::default() };
                    self.said(work, (session, &agent), seq, said, now);
                }
            },
        }
    }

    fn heartbeat(&mut self, work: &mut Work, agent: &str, heartbeat: v1::Heartbeat) {
        match translate::devices(heartbeat.devices) {
            Ok(devices) => {
                work.devices.extend(self.fleet.news(agent, &devices));
                self.fleet.report(agent, devices);
                work.schedule = true;
            }
            Err(error) => tracing::error!(agent, %error, "a heartbeat cannot be read"),
        }
    }

    fn said(&mut self, work: &mut Work, (session, agent): (SessionId, &str), seq: u64, said: Said, now: Duration) {
        let Said { token, body, progress, trouble } = said;
        let missing: Vec<ContentHash> =
            body.blobs().iter().filter(|blob| !self.artifacts.has(&blob.hash)).map(|blob| blob.hash.clone()).collect();
        if !missing.is_empty() && !planted::is(Bug::ArtifactCommittedBeforeUpload) {
            tracing::warn!(agent, %token, seq, blobs = missing.len(), "a report names blobs that are not here");
            self.outboxes.missing(session, seq, &missing);
            return;
        }
        if let Some(progress) = progress {
            self.board.tell(token, progress);
            self.fleet.troubled(token, trouble, now);
        }
        let ends = matches!(body, Body::Finished { .. } | Body::Refused { .. });
        match &body {
            Body::Accepted | Body::Progress { .. } | Body::Checkpoint { .. } => self.fleet.begun(token, now),
            Body::Finishing => {
                // The slot is free; the lease goes on.
                self.fleet.finishing(token, now);
                work.schedule = true;
            }
            _ => {}
        }
        match &body {
            Body::Accepted if seq == 0 => return self.accepts.push(token, now),
            Body::Progress { epochs, resumed: None } if seq == 0 && epochs.is_empty() => return,
            Body::Nothing if seq == 0 => return,
            Body::Refused { reason } => {
                tracing::info!(agent, %token, reason, "an assignment is refused");
                self.fleet.refused(token, reason, now);
                work.unblocks = true;
            }
            Body::Finished { end: End::Interrupted { .. } | End::Failure { .. } | End::Cancelled, .. } => {
                work.unblocks = true;
            }
            _ => {}
        }
        if ends {
            self.ended(work, agent, token, &body, now);
        }
        let spooled = self.outboxes.get(session).filter(|_| seq > 0).map(|outbox| {
            outbox.next_seq = seq + 1;
            (outbox.spool.clone(), seq)
        });
        if spooled.is_some() {
            work.acks.insert(session, seq);
            if planted::is(Bug::AcknowledgeBeforeCommit) {
                self.outboxes.ack(session, seq);
            }
        }
        work.reports.push(Report { token, spooled, body });
        work.origins.push((session, ends));
    }

    /// The attempt's place is free at once: its processes are gone, whatever becomes of the report.
    fn ended(&mut self, work: &mut Work, agent: &str, token: Token, body: &Body, now: Duration) {
        work.schedule = true;
        self.accepts.remove(token);
        self.board.end(token);
        let Some(live) = self.fleet.end(token) else { return };
        work.unblocks |= live.attempt.has_readers;
        let Body::Finished { end, usage } = body else { return };
        match end {
            End::Success { .. } => self.fleet.took(&live, usage.run_s),
            End::Failure { class: FailureClass::DeviceError, .. } => self.fleet.device_failed(&live, now),
            // Nobody asked it to, and it is not only that its device is closed.
            End::Interrupted { .. } if !live.was_told() && !self.fleet.is_closed(agent, live.device()) => {
                self.fleet.leaving(agent, now);
            }
            _ => {}
        }
    }

    /// Answers what was recorded: first the tokens that are worth nothing any more, then the acknowledgements.
    pub(super) fn answer(&mut self, work: &Work, tokens: &[Token], answers: &[Recorded]) {
        for (token, ((session, ends), answer)) in tokens.iter().zip(work.origins.iter().zip(answers)) {
            if *answer == Recorded::Stale {
                tracing::info!(%token, "a report of an attempt that is over has no effect");
                if !ends {
                    self.outboxes.cancel(*session, *token);
                }
            }
        }
        for (session, seq) in &work.acks {
            self.outboxes.ack(*session, *seq);
        }
    }
}

/// Confirmed grants, recorded when they have lasted a little: a job of a millisecond is over before.
#[derive(Default)]
pub struct Accepts {
    tokens: Vec<Token>,
    since: Option<Duration>,
}

/// How long a confirmed grant may stay unrecorded.
const SOON: Duration = Duration::from_millis(50);

impl Accepts {
    fn push(&mut self, token: Token, now: Duration) {
        self.tokens.push(token);
        self.since.get_or_insert(now);
    }

    fn remove(&mut self, token: Token) {
        if let Some(at) = self.tokens.iter().position(|other| *other == token) {
            self.tokens.swap_remove(at);
        }
        if self.tokens.is_empty() {
            self.since = None;
        }
    }

    /// When they are due.
    pub fn due(&self) -> Option<Duration> {
        self.since.map(|since| since + SOON)
    }

    pub fn take_due(&mut self, now: Duration) -> Vec<Token> {
        if self.due().is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.since = None;
        std::mem::take(&mut self.tokens)
    }
}
