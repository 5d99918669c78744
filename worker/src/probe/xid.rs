//! Xid errors, which the driver reports of a GPU when they happen.

use std::sync::Arc;
use std::time::Duration;

use nvml_wrapper::Nvml;
use nvml_wrapper::bitmasks::event::EventTypes;
use nvml_wrapper::enums::event::XidError;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::event::EventSet;
use tokio::sync::mpsc::UnboundedSender;

use super::Gpu;

/// An error that says something about the GPU itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Xid {
    pub index: u32,
    pub reason: String,
}

/// What a faulty program causes on a healthy GPU, as NVIDIA's device plugin for Kubernetes has it: graphics engine exception,
/// page fault, reset channel, preempted channel, video processor exception, context switch timeout.
const OF_PROGRAMS: [u64; 6] = [13, 31, 43, 45, 68, 109];

/// How long one wait takes at most, so that the thread notices that nobody listens any more.
const WAIT_MS: u32 = 1000;
/// After an error the driver is left alone for a while.
const REST: Duration = Duration::from_secs(5);

/// Tells of errors from a thread of its own, until nobody listens.
pub fn watch(nvml: Arc<Nvml>, gpus: &[Gpu], errors: UnboundedSender<Xid>) {
    let gpus = gpus.to_vec();
    let spawned = std::thread::Builder::new().name("sweep-xid".to_owned()).spawn(move || {
        if let Some(set) = register(&nvml, &gpus) {
            listen(&set, &gpus, &errors);
        }
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "no thread for the GPUs' errors");
    }
}

/// A set with all the GPUs that report errors; `None`: not one of them does.
fn register<'a>(nvml: &'a Nvml, gpus: &[Gpu]) -> Option<EventSet<'a>> {
    let supports = |gpu: &&Gpu| {
        let types = nvml.device_by_uuid(gpu.uuid.as_str()).and_then(|device| device.supported_event_types());
        types.is_ok_and(|types| types.contains(EventTypes::CRITICAL_XID_ERROR))
    };
    let able: Vec<&Gpu> = gpus.iter().filter(supports).collect();
    if able.is_empty() {
        tracing::debug!("no GPU reports its errors (Xid)");
        return None;
    }
    let mut set = nvml.create_event_set().ok()?;
    for gpu in able {
        let device = nvml.device_by_uuid(gpu.uuid.as_str()).ok()?;
        set = match device.register_events(EventTypes::CRITICAL_XID_ERROR, set) {
            Ok(set) => set,
            Err(error) => {
                tracing::warn!(index = gpu.index, %error, "the GPUs' errors (Xid) are not reported");
                return None;
            }
        };
    }
    Some(set)
}

fn listen(set: &EventSet<'_>, gpus: &[Gpu], errors: &UnboundedSender<Xid>) {
    while !errors.is_closed() {
        let event = match set.wait(WAIT_MS) {
            Ok(event) => event,
            Err(NvmlError::Timeout) => continue,
            Err(error) => {
                tracing::debug!(%error, "waiting for the GPUs' errors");
                std::thread::sleep(REST);
                continue;
            }
        };
        let Some(number) = event.event_data.map(number) else { continue };
        let uuid = event.device.uuid().unwrap_or_default();
        let Some(gpu) = gpus.iter().find(|gpu| gpu.uuid == uuid) else { continue };
        if number.is_some_and(|number| OF_PROGRAMS.contains(&number)) {
            tracing::warn!(gpu = gpu.index, xid = number, "a program did something wrong on a GPU");
            continue;
        }
        let _nobody_listens = errors.send(Xid { index: gpu.index, reason: reason(number) });
    }
}

fn number(error: XidError) -> Option<u64> {
    match error {
        XidError::Value(number) => Some(number),
        XidError::Unknown => None,
    }
}

fn reason(number: Option<u64>) -> String {
    let meaning = number.map_or("", |number| match number {
        48 => " (a memory error that could not be corrected)",
        63 | 64 => " (memory rows had to be remapped)",
        74 => " (NVLink error)",
        79 => " (it has fallen off the bus)",
        94 | 95 => " (a memory error that could not be corrected, contained or not)",
        119 | 120 => " (its system processor does not answer)",
        _ => "",
    });
    let number = number.map_or_else(|| "of an unknown number".to_owned(), |number| number.to_string());
    format!("the driver reported Xid {number}{meaning}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_an_error_is_said() {
        assert_eq!(reason(Some(79)), "the driver reported Xid 79 (it has fallen off the bus)");
        assert_eq!(reason(Some(62)), "the driver reported Xid 62");
        assert_eq!(reason(None), "the driver reported Xid of an unknown number");
    }
}
