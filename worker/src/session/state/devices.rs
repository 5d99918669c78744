//! What a device's condition means for the attempts on it.

use std::time::Duration;

use sweep_shared::ids::Token;
use sweep_shared::resources::Device;

use super::{Action, Phase, State};
use crate::devices::{evicts, refuses};
use crate::slots::DeviceKey;

impl State {
    /// Why nothing is begun on this device, now.
    pub(super) fn refusal(&self, device: DeviceKey) -> Option<String> {
        if let Some(leaving) = &self.leaving {
            Some(format!("the agent is leaving: {}", leaving.reason))
        } else if !self.slots.has_device(device) {
            Some(format!("the agent has no device {} {}", device.0.as_str(), device.1))
        } else if let Some(reason) = self.closed.get(&device) {
            Some(reason.clone())
        } else if !self.room {
            Some("the agent's disk is full: it could not keep the attempt's result".to_owned())
        } else {
            None
        }
    }

    /// The devices were looked at. What waits for one that begins nothing any more goes back; what runs on one that must be
    /// left writes a checkpoint and goes on elsewhere, which spends no retry.
    pub fn on_devices(&mut self, devices: &[Device], now: Duration) -> Vec<Action> {
        let mut out = Vec::new();
        let closed = |device: &Device| Some(((device.class, device.index), refuses(device)?));
        self.closed = devices.iter().filter_map(closed).collect();
        for device in devices {
            let evicted = evicts(device);
            for token in self.slots.on((device.class, device.index)) {
                match (self.attempts.get(&token), &evicted, refuses(device)) {
                    (Some(Phase::Live), Some(reason), _) => self.interrupt(token, reason, &mut out),
                    (Some(Phase::Queued(_)), _, Some(reason)) => {
                        self.slots.withdraw(token);
                        self.refuse(token, reason, &mut out);
                    }
                    _ => {}
                }
            }
        }
        self.advance(now, &mut out);
        out
    }

    /// An attempt's slot stays taken after its end.
    pub fn on_holding(&mut self, token: Token) {
        self.slots.hold(token);
    }

    /// It is free now.
    pub fn on_released(&mut self, token: Token, now: Duration) -> Vec<Action> {
        let mut out = Vec::new();
        self.slots.let_go(token);
        self.advance(now, &mut out);
        out
    }
}
