//! The session's connection: made, greeted, lost, given up, made again.

use std::time::Duration;

use sweep_shared::resources::Device;

use super::decide::{Line, Session};
use super::effect::Effect;
use super::message::{Hello, Inbound, Outbound};
use super::progress::Untold;
use super::state::Action;

/// Nothing happens for so long only when the machine or the agent was asleep: what the connection said before counts no more.
const ASLEEP: Duration = Duration::from_secs(15);
/// Nor does it where the lease is shorter; but an agent that is only busy is not asleep.
const BUSY: Duration = Duration::from_secs(2);
/// A spool renewed this recently was renewed too soon: the coordinator keeps changing, and is approached with more and
/// more patience.
const SETTLED: Duration = Duration::from_mins(1);

impl Session {
    /// After a sleep the lease may be over, and the coordinator may have closed a connection that looks open from here.
    pub(super) fn wake(&mut self, now: Duration) {
        let last = self.now;
        self.now = now.max(last);
        let asleep = self.now.saturating_sub(last);
        if asleep >= self.state.lease().clamp(BUSY, ASLEEP) && self.line != Line::Closed {
            tracing::warn!(asleep_s = asleep.as_secs(), "this agent was asleep; it connects again");
            self.state.on_disconnect(last);
            self.connect(Duration::ZERO);
        }
    }

    pub(super) fn connect(&mut self, after: Duration) {
        self.line = Line::Closed;
        // Who was expelled has nothing more to say.
        if self.expelled.is_none() {
            self.out.push(Effect::Connect { after });
        }
    }

    pub(super) fn opened(&mut self) {
        // The spool that Hello would name is not there yet. Once it is, another connection is made.
        if !self.renewing {
            self.line = Line::Greeting;
            self.greetings += 1;
            let hello = self.hello();
            self.out.push(Effect::Send(Outbound::Hello(hello)));
        }
    }

    pub(super) fn hello(&self) -> Hello {
        let attempts = self.state.attempts().into_iter().filter(|token| !self.disowned.contains(token));
        Hello {
            agent: self.identity.agent.clone(),
            host: self.identity.host.clone(),
            boot: self.identity.boot.clone(),
            incarnation: self.identity.incarnation,
            nth: self.greetings,
            devices: self.offered(),
            attempts: attempts.collect(),
            slots: self.state.slots(),
            labels: self.identity.labels.clone(),
            spool: self.delivery.spool().to_owned(),
            generation: self.state.generation().map(str::to_owned),
            acked: self.delivery.acked(),
        }
    }

    /// The devices as the coordinator should see them: without room on the disk nothing is offered.
    pub(super) fn offered(&self) -> Vec<Device> {
        let offer = |device: &Device| Device { slots: if self.room { device.slots } else { 0 }, ..device.clone() };
        self.devices.iter().map(offer).collect()
    }

    pub(super) fn closed(&mut self, reason: &str) {
        match self.line {
            // Of a connection that was given up.
            Line::Closed => return,
            Line::Greeting => tracing::debug!(reason, "cannot reach the coordinator"),
            Line::Welcomed => tracing::warn!(reason, "lost the coordinator; runners go on"),
        }
        self.disconnected();
    }

    /// The connection is no use any more.
    pub(super) fn disconnected(&mut self) {
        self.state.on_disconnect(self.now);
        let after = self.backoff.step();
        self.connect(after);
    }

    /// An agent that was never accepted gives up. One that was has runners to look after, and a coordinator that may come
    /// to its senses.
    pub(super) fn refused(&mut self, reason: String) {
        if self.known {
            tracing::error!(reason, "the coordinator refuses this agent; trying again");
            self.disconnected();
        } else {
            self.out.push(Effect::GiveUp(reason));
            self.over = true;
        }
    }

    /// Nobody waits for what this agent does any more, nor will anything that it says be heard. Its runners stop in good order,
    /// and it ends.
    pub(super) fn expelled(&mut self, reason: String) {
        tracing::error!(reason, "the coordinator does not let this agent in any more; its runners stop");
        self.line = Line::Closed;
        self.state.on_disconnect(self.now);
        self.expelled = Some(reason.clone());
        self.decided(|state, now| {
            let reason = format!("the coordinator does not let this agent in any more: {reason}");
            state.on_expelled(&reason, now)
        });
    }

    pub(super) fn welcome(&mut self, welcome: Inbound) {
        let Inbound::Welcome { generation, acked, keep, logs, .. } = &welcome else { return };
        let (generation, acked, logs) = (generation.clone(), *acked, logs.clone());
        let is_new = self.state.generation() != Some(generation.as_str());
        if is_new {
            self.disowned = self.state.attempts().into_iter().filter(|token| !keep.contains(token)).collect();
        }
        let delivery = &self.delivery;
        let actions = self.state.on_message(welcome, |acked| delivery.fits(acked), self.now);
        if actions.contains(&Action::RenewSpool) {
            self.act(actions);
            return;
        }
        tracing::info!(agent = self.identity.agent, "connected");
        if is_new {
            self.out.push(Effect::Remember { generation });
        }
        if self.renewed.is_none_or(|renewed| self.now.saturating_sub(renewed) > SETTLED) {
            self.backoff.reset();
        }
        self.line = Line::Welcomed;
        self.known = true;
        self.delivery.rewind(acked);
        self.untold.values_mut().for_each(Untold::rewind);
        self.out.push(Effect::Welcomed { logs, lease: self.state.lease() });
        self.act(actions);
        self.acked(acked);
        self.send_due();
    }
}
