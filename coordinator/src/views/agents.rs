//! Agents: their machines, what those have left, and what they work on.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::resources::{Closed, Device, DeviceClass};
use utoipa::ToSchema;

use crate::api::Api;
use crate::dispatch::AgentNow;
use crate::store::StoreError;
use crate::store::read::{self, AgentRow, RunningRow};

/// An agent, connected or not.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Agent {
    pub id: String,
    pub host: String,
    pub connected: bool,
    /// It is to finish and leave.
    pub draining: bool,
    /// Unix milliseconds.
    pub seen_ms: i64,
    /// What it runs at once, all devices together.
    pub slots: u32,
    pub devices: Vec<AgentDevice>,
    /// What its owner says of it, for the `where` of plans.
    pub labels: BTreeMap<String, String>,
    pub jobs: Vec<AgentJob>,
}

/// A GPU, or the CPU with the machine's memory.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AgentDevice {
    /// `cpu`, `cuda`.
    pub class: String,
    pub index: u32,
    /// As its maker calls it.
    pub name: String,
    pub memory_total_bytes: u64,
    /// Whoever uses the rest.
    pub memory_free_bytes: u64,
    /// What sweep's jobs hold of what is not free.
    pub memory_of_jobs_bytes: u64,
    pub slots: u32,
    /// Why it takes no work.
    pub closed: Option<String>,
    /// Whether that is a fault.
    pub is_faulty: bool,
    /// What its driver tells, where it does.
    pub temperature_c: Option<u32>,
    /// The part of the last measuring in which anything was computed.
    pub busy_percent: Option<u32>,
    pub power_w: Option<f64>,
    pub power_limit_w: Option<f64>,
    /// Processes of others, in words.
    pub others: Vec<String>,
}

/// An attempt that lives.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AgentJob {
    /// `j12`.
    pub job: String,
    pub attempt: u32,
    /// `s3`.
    pub sweep: String,
    pub sweep_name: String,
    pub stage: String,
    pub label: String,
    pub seed: u64,
    pub device: String,
    pub device_index: u32,
    pub state: String,
    /// Unix milliseconds.
    pub since_ms: i64,
    /// Reserved for it on its device.
    pub memory_bytes: u64,
    /// Of the whole job, in 0..=1.
    pub fraction: f64,
}

/// Agents that are shown.
const MOST: u32 = 1000;

/// Those that are connected first, then those that were seen last.
pub async fn agents(api: &Api) -> Result<Vec<Agent>, StoreError> {
    let known = read::agents(&api.store, MOST).await?;
    let now = now(api).await;
    let mut jobs = by_agent(api, read::running(&api.store, None).await?);
    let mut agents: Vec<Agent> = known
        .into_iter()
        .map(|row| {
            let (now, jobs) = (now.get(&row.id), jobs.remove(&row.id).unwrap_or_default());
            one(api, row, now, jobs)
        })
        .collect();
    // By name among those, so that rows do not dance with each heartbeat.
    agents.sort_by(|a, b| {
        let by_age = if a.connected { std::cmp::Ordering::Equal } else { b.seen_ms.cmp(&a.seen_ms) };
        b.connected.cmp(&a.connected).then(by_age).then_with(|| a.id.cmp(&b.id))
    });
    Ok(agents)
}

/// `None`: there is none of this name.
pub async fn agent(api: &Api, id: &str) -> Result<Option<Agent>, StoreError> {
    let known = read::agents(&api.store, MOST).await?;
    let Some(row) = known.into_iter().find(|row| row.id == id) else { return Ok(None) };
    let now = now(api).await;
    let jobs = by_agent(api, read::running(&api.store, Some(id)).await?).remove(id).unwrap_or_default();
    Ok(Some(one(api, row, now.get(id), jobs)))
}

/// As the dispatcher has them. One that is stopping, or waits for its disk, has none: the database knows the rest.
async fn now(api: &Api) -> HashMap<String, AgentNow> {
    let agents = api.dispatch.agents().await.unwrap_or_default();
    agents.into_iter().map(|agent| (agent.id.clone(), agent)).collect()
}

fn by_agent(api: &Api, rows: Vec<RunningRow>) -> HashMap<String, Vec<AgentJob>> {
    let mut by_agent: HashMap<String, Vec<AgentJob>> = HashMap::new();
    for row in rows {
        let told = api.board.progress(JobId(row.job)).map_or(0.0, |progress| progress.fraction);
        let by_epoch = if row.epochs > 0 { row.epoch as f64 / row.epochs as f64 } else { 0.0 };
        let job = AgentJob {
            job: JobId(row.job).to_string(),
            attempt: row.attempt as u32,
            sweep: SweepId(row.sweep).to_string(),
            sweep_name: row.sweep_name,
            stage: row.stage,
            label: row.label,
            seed: row.seed as u64,
            device: row.device,
            device_index: row.device_index as u32,
            state: row.state,
            since_ms: row.since_ms,
            memory_bytes: row.memory_bytes as u64,
            fraction: told.max(by_epoch).clamp(0.0, 1.0),
        };
        by_agent.entry(row.agent).or_default().push(job);
    }
    by_agent
}

fn one(api: &Api, row: AgentRow, now: Option<&AgentNow>, jobs: Vec<AgentJob>) -> Agent {
    let connected = now.filter(|agent| agent.connected);
    let devices = connected.map_or(&row.devices, |agent| &agent.devices);
    Agent {
        connected: connected.is_some(),
        draining: row.draining,
        seen_ms: connected.map_or(row.seen_ms, |agent| api.clock.unix_ms() - agent.heard_ago.as_millis() as i64),
        slots: row.slots,
        devices: devices.iter().map(|device| AgentDevice::from(device).when(connected.is_some())).collect(),
        labels: row.labels.0,
        jobs,
        id: row.id,
        host: row.host,
    }
}

impl From<&Device> for AgentDevice {
    fn from(device: &Device) -> Self {
        let status = &device.status;
        let of_jobs: u64 = status.uses.iter().map(|of| of.bytes).sum();
        let used = device.memory_total_bytes.saturating_sub(device.memory_free_bytes);
        let (closed, is_faulty) = status.closed.as_ref().map_or((None, false), |why| {
            let (words, is_faulty) = words(why);
            (Some(words), is_faulty)
        });
        Self {
            class: device.class.as_str().to_owned(),
            index: device.index,
            name: device.name.clone(),
            memory_total_bytes: device.memory_total_bytes,
            memory_free_bytes: device.memory_free_bytes,
            memory_of_jobs_bytes: of_jobs.min(used),
            slots: device.slots,
            closed,
            is_faulty,
            temperature_c: status.sensors.temperature_c,
            busy_percent: status.sensors.busy_percent,
            power_w: status.sensors.power_mw.map(watts),
            power_limit_w: status.sensors.power_limit_mw.map(watts),
            others: status.others.iter().map(ToString::to_string).collect(),
        }
    }
}

fn watts(milliwatts: u32) -> f64 {
    f64::from(milliwatts) / 1000.0
}

impl AgentDevice {
    /// What was measured long ago is no measurement. How its memory was used tells at least what there is.
    fn when(self, connected: bool) -> Self {
        if connected {
            return self;
        }
        Self { temperature_c: None, busy_percent: None, power_w: None, ..self }
    }

    /// `61 °C, 97 % busy, 210 of 350 W`; empty where nothing is known.
    pub fn sensors(&self) -> String {
        let power = self.power_w.map(|watts| match self.power_limit_w {
            Some(limit) => format!("{watts:.0} of {limit:.0} W"),
            None => format!("{watts:.0} W"),
        });
        let temperature = self.temperature_c.map(|degrees| format!("{degrees} °C"));
        let busy = self.busy_percent.map(|percent| format!("{percent} % busy"));
        [temperature, busy, power].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// `CPU`, `GPU 0`.
    pub fn short(&self) -> String {
        if self.class == DeviceClass::Cpu.as_str() { "CPU".to_owned() } else { format!("GPU {}", self.index) }
    }

    pub fn used_bytes(&self) -> u64 {
        self.memory_total_bytes.saturating_sub(self.memory_free_bytes)
    }
}

/// Why a device takes no work, and whether that is a fault.
fn words(why: &Closed) -> (String, bool) {
    match why {
        Closed::Unused => ("Left to others by agent.toml".to_owned(), false),
        Closed::Quiet(until) => (format!("Quiet hours until {until}"), false),
        Closed::Excluded(reason) => (format!("Faulty, not used until the agent is started again: {reason}"), true),
        Closed::Silent(reason) => (format!("Does not answer: {reason}"), true),
        Closed::Lost(reason) => (format!("Gone: {reason}"), true),
    }
}

#[cfg(test)]
mod tests {
    use sweep_shared::resources::{DeviceStatus, DeviceUse, Sensors};

    use super::*;

    const GIB: u64 = 1 << 30;

    fn gpu(status: DeviceStatus) -> AgentDevice {
        AgentDevice::from(&Device {
            class: DeviceClass::Cuda,
            index: 1,
            name: "RTX".to_owned(),
            memory_total_bytes: 48 * GIB,
            memory_free_bytes: 21 * GIB,
            slots: 2,
            status,
        })
    }

    #[test]
    fn what_jobs_hold_is_part_of_what_is_used_and_never_more() {
        let uses = |gib: u64| vec![DeviceUse { attempt: "j4.1".to_owned(), bytes: gib * GIB }];
        let device = gpu(DeviceStatus { uses: uses(20), ..Default::default() });
        assert_eq!((device.used_bytes(), device.memory_of_jobs_bytes), (27 * GIB, 20 * GIB));
        assert_eq!(gpu(DeviceStatus { uses: uses(40), ..Default::default() }).memory_of_jobs_bytes, 27 * GIB);
    }

    #[test]
    fn a_fault_is_told_from_what_the_owner_wants() {
        let closed = |why| {
            let device = gpu(DeviceStatus { closed: Some(why), ..Default::default() });
            (device.is_faulty, device.closed.unwrap())
        };
        assert_eq!(closed(Closed::Quiet("08:00".to_owned())), (false, "Quiet hours until 08:00".to_owned()));
        assert_eq!(closed(Closed::Lost("off the bus".to_owned())), (true, "Gone: off the bus".to_owned()));
    }

    #[test]
    fn what_was_measured_long_ago_is_not_shown() {
        let sensors = Sensors {
            temperature_c: Some(61),
            busy_percent: Some(97),
            power_mw: Some(210_400),
            power_limit_mw: Some(350_000),
        };
        let device = gpu(DeviceStatus { sensors, ..Default::default() });
        assert_eq!(device.clone().when(true).sensors(), "61 °C, 97 % busy, 210 of 350 W");
        assert_eq!(device.when(false).sensors(), "");
        assert_eq!(gpu(DeviceStatus::default()).sensors(), "");
    }
}
