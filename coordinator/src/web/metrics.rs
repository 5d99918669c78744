//! Numbers for those who watch over services, in the text format of OpenMetrics, as Prometheus reads it.

use std::sync::atomic::AtomicU64;

use axum::response::IntoResponse;
use http::header;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use sweep_shared::states::{JobState, SweepState};

use super::Web;
use super::call::{Answer, Call};
use super::trouble::Trouble;
use crate::store::notices::CopyCount;
use crate::store::read::{self, Totals};
use crate::views::agents::{Agent, agents};

const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(&'static str, String)>;
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;

pub async fn show(web: Web, _: Call) -> Answer {
    let store = &web.0.store;
    let (totals, agents, copies) = tokio::try_join!(read::totals(store), agents(&web.0.api), store.copy_counts())?;
    let mut registry = Registry::with_prefix("sweep");
    registry.register("build", "The coordinator's version", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
    of_work(&mut registry, &totals);
    of_agents(&mut registry, &agents);
    of_notices(&mut registry, &copies);
    of_itself(&mut registry, &web, &totals);
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|_| Trouble::Internal)?;
    Ok(([(header::CONTENT_TYPE, KIND)], text).into_response())
}

fn of_work(registry: &mut Registry, totals: &Totals) {
    let (sweeps, jobs) = (Gauges::default(), Gauges::default());
    // States that nothing is in are 0, so that a rule may ask for them.
    for state in SweepState::ALL {
        set(
            &sweeps,
            vec![("state", state.to_string())],
            totals.sweeps.get(state.as_str()).copied().unwrap_or(0) as f64,
        );
    }
    for state in JobState::ALL {
        set(&jobs, vec![("state", state.to_string())], totals.jobs.get(state.as_str()).copied().unwrap_or(0) as f64);
    }
    registry.register("sweeps", "Sweeps by state", sweeps);
    registry.register("jobs", "Jobs of all sweeps by state", jobs);
    registry.register("attempts_live", "Attempts whose end is not known", ConstGauge::new(totals.live_attempts));
}

fn of_agents(registry: &mut Registry, agents: &[Agent]) {
    let (by_state, running) = (Gauges::default(), Gauges::default());
    let (slots, faulty, memory) = (Gauges::default(), Gauges::default(), Gauges::default());
    let (heat, busy, power) = (Gauges::default(), Gauges::default(), Gauges::default());
    for (state, number) in [
        ("connected", agents.iter().filter(|agent| agent.connected && !agent.draining).count()),
        ("draining", agents.iter().filter(|agent| agent.connected && agent.draining).count()),
        ("away", agents.iter().filter(|agent| !agent.connected).count()),
    ] {
        set(&by_state, vec![("state", state.to_owned())], number as f64);
    }
    for agent in agents {
        set(&running, vec![("agent", agent.id.clone())], agent.jobs.len() as f64);
        // What an agent that is away told last is no measurement.
        for device in agent.devices.iter().filter(|_| agent.connected) {
            let labels = vec![("agent", agent.id.clone()), ("device", format!("{}{}", device.class, device.index))];
            set(&slots, labels.clone(), f64::from(device.slots));
            set(&faulty, labels.clone(), f64::from(u8::from(device.is_faulty)));
            for (family, value) in [
                (&heat, device.temperature_c.map(f64::from)),
                (&busy, device.busy_percent.map(|percent| f64::from(percent) / 100.0)),
                (&power, device.power_w),
            ] {
                if let Some(value) = value {
                    set(family, labels.clone(), value);
                }
            }
            for (kind, bytes) in [
                ("total", device.memory_total_bytes),
                ("free", device.memory_free_bytes),
                ("jobs", device.memory_of_jobs_bytes),
            ] {
                let mut labels = labels.clone();
                labels.push(("kind", kind.to_owned()));
                set(&memory, labels, bytes as f64);
            }
        }
    }
    registry.register("agents", "Agents by state", by_state);
    registry.register("agent_attempts_live", "Attempts at each agent whose end is not known", running);
    registry.register("device_slots", "Jobs that a device takes at once", slots);
    registry.register("device_faulty", "1: the device takes no work for a fault", faulty);
    registry.register_with_unit("device_temperature", "Of a GPU, as its driver tells", Unit::Celsius, heat);
    registry.register_with_unit(
        "device_busy",
        "The part of the time in which anything was computed",
        Unit::Ratios,
        busy,
    );
    registry.register_with_unit("device_power", "What the whole card takes", Unit::Other("watts".to_owned()), power);
    registry.register_with_unit(
        "device_memory",
        "Memory of a device: all of it, what is free, what jobs hold",
        Unit::Bytes,
        memory,
    );
}

fn of_notices(registry: &mut Registry, copies: &[CopyCount]) {
    let notices = Gauges::default();
    for CopyCount { channel, state, copies } in copies {
        set(&notices, vec![("channel", channel.clone()), ("state", state.clone())], *copies as f64);
    }
    registry.register("notices", "Copies of notices by channel, and what became of them", notices);
}

fn of_itself(registry: &mut Registry, web: &Web, totals: &Totals) {
    let tally = web.0.store.tally();
    if web.0.api.artifacts.depot().is_some() {
        let reachable = u64::from(web.0.api.artifacts.outage().is_none());
        let help = "0: artifacts cannot be kept or brought at present";
        registry.register("artifact_store_reachable", help, ConstGauge::new(reachable));
    }
    let writable = u64::from(web.0.store.halt().is_none());
    registry.register("database_writable", "0: nothing can be recorded at present", ConstGauge::new(writable));
    registry.register("commits", "Commits since the start", ConstCounter::new(tally.commits()));
    registry.register("commands", "Changes that those carried out", ConstCounter::new(tally.commands()));
    registry.register("commits_failed", "Commits that failed as a whole", ConstCounter::new(tally.failed()));
    registry.register("events", "Rows of the audit log", ConstCounter::new(totals.last_event));
    let open = super::live::MOST_STREAMS - web.0.streams.available_permits();
    registry.register("pages_open", "Live pages that browsers have open", ConstGauge::new(open as u64));
    registry.register("pages_rendered", "Different ones among them", ConstGauge::new(web.0.topics.watched() as u64));
}

fn set(family: &Gauges, labels: Labels, value: f64) {
    family.get_or_create(&labels).set(value);
}
