//! What keeps a device from a job: who holds its memory, and why it takes no work.

use sweep_shared::resources::Closed;

use super::places::upper;
use super::words::{list, quoted, size};
use super::{AgentFacts, DeviceFacts};

/// Processes that are named; the largest come first.
const NAMED: usize = 3;

/// Why the device takes no work at all.
pub fn closed(place: &str, agent: &AgentFacts, on: &DeviceFacts) -> Option<String> {
    Some(match on.status.closed.as_ref()? {
        Closed::Unused => format!("`agent.toml` of {} leaves {place} to others (`use = false`).", agent.id),
        Closed::Quiet(until) => {
            format!("{} has quiet hours until {until} by its `agent.toml`: nothing begins there before.", upper(place))
        }
        Closed::Excluded(reason) => {
            format!("{} is not used until its agent is started again{}", upper(place), quoted(reason))
        }
        Closed::Lost(reason) => format!("{} is not used until it is back{}", upper(place), quoted(reason)),
        Closed::Silent(reason) => format!("{} is not used until it answers again{}", upper(place), quoted(reason)),
    })
}

/// The memory is not there, and who has it.
pub fn lacking(needs: &str, place: &str, on: &DeviceFacts) -> String {
    let mut said = format!("It needs {needs}; {place} has {} free", size(on.free_bytes));
    let mut because: Vec<String> = on.status.others.iter().take(NAMED).map(ToString::to_string).collect();
    if on.promised_bytes > 0 {
        because.push(format!("{} are promised to jobs that are still loading", size(on.promised_bytes)));
    }
    if on.status.keep_free_bytes > 0 {
        because.push(format!("{} are kept free by `agent.toml`", size(on.status.keep_free_bytes)));
    }
    let limited = limits(on);
    because.extend((!limited.is_empty()).then_some(limited));
    if !because.is_empty() {
        said.push_str("; ");
        said.push_str(&list(&because));
    }
    said.push('.');
    said
}

/// What is not counted of the device's memory, to stand behind the amount.
pub fn shrunk(on: &DeviceFacts) -> String {
    let mut because = Vec::new();
    if on.status.keep_free_bytes > 0 {
        because.push(format!("{} are kept free by `agent.toml`", size(on.status.keep_free_bytes)));
    }
    let limited = limits(on);
    because.extend((!limited.is_empty()).then_some(limited));
    if because.is_empty() { String::new() } else { format!("; {}", list(&because)) }
}

/// Slots that wait for the memory of what ran in them.
pub fn releasing(place: &str, on: &DeviceFacts) -> String {
    format!("{} waits for the memory of {} to come back.", upper(place), list(&on.status.releasing))
}

fn limits(on: &DeviceFacts) -> String {
    let missing = on.status.missing.iter().map(|missing| {
        format!("{} did not come back after {} and is not counted", size(missing.bytes), missing.attempt)
    });
    let cap = (on.status.cap_bytes > 0)
        .then(|| format!("`agent.toml` lets sweep's jobs have {} together", size(on.status.cap_bytes)));
    list(&missing.chain(cap).collect::<Vec<_>>())
}
