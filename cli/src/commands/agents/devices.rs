//! A device in a table: what it is, who uses it, what its owner allows.

use sweep_shared::resources::{Closed, Device, DeviceClass, DeviceStatus};
use sweep_shared::size::Size;

/// Processes that are named; the largest come first.
const NAMED: usize = 3;

/// The device, then indented what else there is to say of it.
pub fn lines(device: &Device) -> Vec<String> {
    let (free, total) = (Size(device.memory_free_bytes), Size(device.memory_total_bytes));
    let named = format!("{}{} {}", device.class.as_str(), device.index, device.name);
    let mut lines = vec![format!("{named} ({free} of {total} free)")];
    let status = &device.status;
    lines.extend(Some(status.sensors.to_string()).filter(|sensors| !sensors.is_empty()));
    lines.extend(status.closed.as_ref().map(closed));
    lines.extend(allowed(status));
    if !status.releasing.is_empty() {
        lines.push(format!("waits for the memory of {} to come back", status.releasing.join(", ")));
    }
    lines.extend(
        status.missing.iter().map(|gone| format!("{} did not come back after {}", Size(gone.bytes), gone.attempt)),
    );
    // On a CPU everybody's processes are to be expected.
    if device.class == DeviceClass::Cuda {
        lines.extend(status.others.iter().take(NAMED).map(ToString::to_string));
        let more = status.others.len().saturating_sub(NAMED);
        lines.extend((more > 0).then(|| format!("and {more} more")));
    }
    lines.iter_mut().skip(1).for_each(|line| line.insert_str(0, "  "));
    lines
}

fn closed(closed: &Closed) -> String {
    match closed {
        Closed::Unused => "not used (agent.toml)".to_owned(),
        Closed::Quiet(until) => format!("quiet until {until} (agent.toml)"),
        Closed::Excluded(reason) => format!("excluded until its agent is started again: {reason}"),
        Closed::Lost(reason) => format!("lost: {reason}"),
        Closed::Silent(reason) => format!("silent: {reason}"),
    }
}

/// What the owner allows; `None`: everything.
fn allowed(status: &DeviceStatus) -> Option<String> {
    let mut bounds = Vec::new();
    if status.cap_bytes > 0 {
        bounds.push(format!("at most {}", Size(status.cap_bytes)));
    }
    if status.keep_free_bytes > 0 {
        bounds.push(format!("{} kept free", Size(status.keep_free_bytes)));
    }
    if status.compute_percent > 0 {
        bounds.push(format!("{} % of its compute", status.compute_percent));
    }
    (!bounds.is_empty()).then(|| format!("{} (agent.toml)", bounds.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_shared::resources::{MissingMemory, OtherProcess, Sensors};

    const GIB: u64 = 1 << 30;

    fn gpu(status: DeviceStatus) -> Device {
        Device {
            class: DeviceClass::Cuda,
            index: 0,
            name: "RTX 3060".to_owned(),
            memory_total_bytes: 8 * GIB,
            memory_free_bytes: GIB,
            slots: 1,
            status,
        }
    }

    #[test]
    fn a_plain_device_takes_one_line() {
        assert_eq!(lines(&gpu(DeviceStatus::default())), ["cuda0 RTX 3060 (1.0 GiB of 8.0 GiB free)"]);
    }

    #[test]
    fn what_there_is_to_say_follows() {
        let other = |pid| OtherProcess { pid, name: "blender".into(), user: "anna".into(), bytes: GIB };
        let status = DeviceStatus {
            closed: Some(Closed::Quiet("08:00".to_owned())),
            cap_bytes: 4 * GIB,
            keep_free_bytes: GIB,
            compute_percent: 50,
            releasing: vec!["j3.1".to_owned()],
            missing: vec![MissingMemory { attempt: "j2.1".to_owned(), bytes: GIB }],
            others: vec![other(1), other(2), other(3), other(4)],
            sensors: Sensors {
                temperature_c: Some(61),
                busy_percent: Some(97),
                power_mw: Some(209_700),
                power_limit_mw: Some(350_000),
            },
            ..DeviceStatus::default()
        };
        assert_eq!(
            lines(&gpu(status))[1..],
            [
                "  61 °C, 97 % busy, 210 of 350 W",
                "  quiet until 08:00 (agent.toml)",
                "  at most 4.0 GiB, 1.0 GiB kept free, 50 % of its compute (agent.toml)",
                "  waits for the memory of j3.1 to come back",
                "  1.0 GiB did not come back after j2.1",
                "  blender (pid 1, anna) holds 1.0 GiB",
                "  blender (pid 2, anna) holds 1.0 GiB",
                "  blender (pid 3, anna) holds 1.0 GiB",
                "  and 1 more",
            ]
        );
    }
}
