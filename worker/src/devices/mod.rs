//! What each device offers sweep's jobs, and who has it.
//!
//! A device is read (`probe`), its processes are told apart into those of our attempts, other people's, and memory that nobody holds
//! (`shares`). The `ledger` remembers promises, what did not come back after an attempt, and faults. The owner's rules (`rules`)
//! bound what is left (`room`), and `offer` puts all of it into the report. These four are functions of data. [`Devices`] asks and
//! remembers; a [`Tenancy`] is an attempt's place on a device, from its promise until its memory is back (`tenancy`).

mod ledger;
mod offer;
mod room;
mod shares;
mod survey;
mod tenancy;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use sweep_shared::ids::Token;
use sweep_shared::resources::{Closed, Device, DeviceClass};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::probe::{Cpu, Machine, People, Trouble, Xid};
use crate::rules::RulesFile;
use crate::slots::DeviceKey;
use survey::Desk;
pub use tenancy::{Limits, Tenancy};

/// Local time, for quiet hours.
pub type LocalTime = Box<dyn Fn() -> jiff::civil::DateTime>;

/// The machine's devices. Lives on the agent's thread.
pub struct Devices {
    desks: Vec<Desk>,
    rules: RefCell<RulesFile>,
    now: LocalTime,
    /// A report is due, because something changed.
    changed: Notify,
    /// A device turned out to be faulty.
    faulty: Notify,
}

/// A fault that made a runner fail may be told a little later than the runner's end.
const FAULT_PATIENCE: Duration = Duration::from_millis(500);

impl Devices {
    /// The machine's GPUs, then its CPU. `slots`: per GPU where there are GPUs, otherwise on the CPU; the owner's rules go before.
    pub fn new(machine: Machine, rules: RulesFile, slots: u32, now: LocalTime) -> (Rc<Self>, UnboundedReceiver<Xid>) {
        let Machine { gpus, xids } = machine;
        let people = Arc::new(Mutex::new(People::default()));
        let cpu_slots = if gpus.is_empty() { slots } else { 1 };
        let by_rule = |key, uuid: &str, otherwise| rules.rules().of(key, uuid).slots.unwrap_or(otherwise);
        let mut desks: Vec<Desk> = Vec::new();
        for (gpu, line) in gpus {
            let all_slots = by_rule(gpu.key(), &gpu.uuid, slots);
            desks.push(Desk::gpu(gpu, line, all_slots, Arc::clone(&people)));
        }
        let key = (DeviceClass::Cpu, 0);
        desks.push(Desk::cpu(Cpu::new(), by_rule(key, "", cpu_slots), people));
        let devices = Self { desks, rules: RefCell::new(rules), now, changed: Notify::new(), faulty: Notify::new() };
        (Rc::new(devices), xids)
    }

    /// All devices as they are now, as the coordinator is told.
    pub async fn report(&self) -> Vec<Device> {
        self.rules.borrow_mut().refresh();
        join_all(self.desks.iter().map(|desk| self.report_one(desk))).await
    }

    async fn report_one(&self, desk: &Desk) -> Device {
        let survey = desk.survey().await;
        let rule = self.rules.borrow().rules().of(desk.key, &desk.uuid);
        let quiet = rule.quiet_until((self.now)()).map(|until| until.to_string());
        offer::offer(desk, &survey, &rule, quiet)
    }

    /// Resolves when a report is due before its time.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Whether there are GPUs: then a child that is to use the CPU must not see them.
    pub fn has_gpus(&self) -> bool {
        self.desks.iter().any(|desk| desk.key.0 == DeviceClass::Cuda)
    }

    /// How a child names the GPU in `CUDA_VISIBLE_DEVICES`; empty for the CPU, `None` where there is no such device.
    pub fn cuda_name(&self, device: DeviceKey) -> Option<String> {
        self.desk(device).map(|desk| desk.uuid.clone())
    }

    /// The owner's bound on the compute units, in percent.
    pub fn compute_percent(&self, device: DeviceKey) -> Option<u32> {
        let desk = self.desk(device)?;
        self.rules.borrow().rules().of(device, &desk.uuid).compute_percent
    }

    /// The driver reports errors of GPUs, which are not used from then on.
    pub async fn exclude_faulty(self: Rc<Self>, mut xids: UnboundedReceiver<Xid>) {
        while let Some(Xid { index, reason }) = xids.recv().await {
            if let Some(desk) = self.desk((DeviceClass::Cuda, index)) {
                tracing::error!(gpu = index, reason, "a GPU is not used any more");
                desk.ledger.borrow_mut().exclude(reason);
                self.faulty.notify_waiters();
                self.changed.notify_one();
            }
        }
    }

    /// What the attempt's processes have of the device's memory now; `None`: nobody knows.
    pub async fn used_by(&self, device: DeviceKey, token: Token) -> Option<u64> {
        let survey = self.desk(device)?.survey().await;
        if survey.trouble.is_some() || survey.shares.blind {
            return None;
        }
        survey.shares.uses.get(&token).copied()
    }

    /// What is wrong with the device on which a runner has just failed; `None`: nothing that it tells of.
    pub async fn fault(&self, device: DeviceKey) -> Option<String> {
        let desk = self.desk(device).filter(|desk| desk.key.0 == DeviceClass::Cuda)?;
        let faulty = self.faulty.notified();
        tokio::pin!(faulty);
        faulty.as_mut().enable();
        let known = || desk.ledger.borrow().excluded().map(str::to_owned);
        let fault = match desk.survey().await.trouble {
            Some(Trouble::Lost(reason)) => Some(reason),
            _ => known(),
        };
        if fault.is_some() {
            self.changed.notify_one();
            return fault;
        }
        let _in_time = tokio::time::timeout(FAULT_PATIENCE, faulty).await;
        known()
    }

    fn desk(&self, device: DeviceKey) -> Option<&Desk> {
        self.desks.iter().find(|desk| desk.key == device)
    }
}

/// Why a device's attempts have to go elsewhere, in words; `None`: they need not.
pub fn evicts(device: &Device) -> Option<String> {
    let named = device.named();
    match device.status.closed.as_ref()? {
        Closed::Unused => Some(format!("agent.toml leaves {named} to others")),
        Closed::Quiet(until) => Some(format!("{named} has quiet hours until {until} (agent.toml)")),
        Closed::Lost(reason) => Some(format!("{named}: {reason}")),
        // What runs may well end right: an error may have been another program's, and a driver that is slow to answer comes round.
        Closed::Excluded(_) | Closed::Silent(_) => None,
    }
}

/// Why a device begins nothing, in words.
pub fn refuses(device: &Device) -> Option<String> {
    let named = device.named();
    evicts(device).or_else(|| match device.status.closed.as_ref()? {
        Closed::Excluded(reason) | Closed::Silent(reason) => Some(format!("{named}: {reason}")),
        Closed::Unused | Closed::Quiet(_) | Closed::Lost(_) => None,
    })
}

/// By attempt, in bytes.
type Uses = BTreeMap<Token, u64>;
