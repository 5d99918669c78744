//! Devices on their way.

use super::{WireError, device_class, v1};
use crate::resources::{Closed, Device, DeviceStatus, DeviceUse, MissingMemory, OtherProcess, Sensors};

impl From<&Device> for v1::Device {
    fn from(d: &Device) -> Self {
        let status = d.status.clone();
        Self {
            class: d.class.as_str().to_owned(),
            index: d.index,
            name: d.name.clone(),
            memory_total_bytes: d.memory_total_bytes,
            memory_free_bytes: d.memory_free_bytes,
            slots: d.slots,
            uuid: status.uuid,
            all_slots: status.all_slots,
            uses: status.uses.into_iter().map(v1::DeviceUse::from).collect(),
            others: status.others.into_iter().map(v1::OtherProcess::from).collect(),
            closed: status.closed.map(v1::Closed::from),
            releasing: status.releasing,
            missing: status.missing.into_iter().map(v1::MissingMemory::from).collect(),
            cap_bytes: status.cap_bytes,
            keep_free_bytes: status.keep_free_bytes,
            compute_percent: status.compute_percent,
            temperature_c: status.sensors.temperature_c,
            busy_percent: status.sensors.busy_percent,
            power_mw: status.sensors.power_mw,
            power_limit_mw: status.sensors.power_limit_mw,
        }
    }
}

impl TryFrom<v1::Device> for Device {
    type Error = WireError;

    fn try_from(d: v1::Device) -> Result<Self, WireError> {
        let status = DeviceStatus {
            uuid: d.uuid,
            all_slots: d.all_slots,
            uses: d.uses.into_iter().map(DeviceUse::from).collect(),
            others: d.others.into_iter().map(OtherProcess::from).collect(),
            closed: d.closed.map(Closed::from),
            releasing: d.releasing,
            missing: d.missing.into_iter().map(MissingMemory::from).collect(),
            cap_bytes: d.cap_bytes,
            keep_free_bytes: d.keep_free_bytes,
            compute_percent: d.compute_percent,
            sensors: Sensors {
                temperature_c: d.temperature_c,
                busy_percent: d.busy_percent,
                power_mw: d.power_mw,
                power_limit_mw: d.power_limit_mw,
            },
        };
        Ok(Self {
            class: device_class(&d.class)?,
            index: d.index,
            name: d.name,
            memory_total_bytes: d.memory_total_bytes,
            memory_free_bytes: d.memory_free_bytes,
            slots: d.slots,
            status,
        })
    }
}

impl From<DeviceUse> for v1::DeviceUse {
    fn from(u: DeviceUse) -> Self {
        Self { attempt: u.attempt, bytes: u.bytes }
    }
}

impl From<v1::DeviceUse> for DeviceUse {
    fn from(u: v1::DeviceUse) -> Self {
        Self { attempt: u.attempt, bytes: u.bytes }
    }
}

impl From<OtherProcess> for v1::OtherProcess {
    fn from(p: OtherProcess) -> Self {
        Self { pid: p.pid, name: p.name, user: p.user, bytes: p.bytes }
    }
}

impl From<v1::OtherProcess> for OtherProcess {
    fn from(p: v1::OtherProcess) -> Self {
        Self { pid: p.pid, name: p.name, user: p.user, bytes: p.bytes }
    }
}

impl From<MissingMemory> for v1::MissingMemory {
    fn from(m: MissingMemory) -> Self {
        Self { attempt: m.attempt, bytes: m.bytes }
    }
}

impl From<v1::MissingMemory> for MissingMemory {
    fn from(m: v1::MissingMemory) -> Self {
        Self { attempt: m.attempt, bytes: m.bytes }
    }
}

impl From<Closed> for v1::Closed {
    fn from(closed: Closed) -> Self {
        let (why, detail) = match closed {
            Closed::Unused => ("unused", String::new()),
            Closed::Quiet(until) => ("quiet", until),
            Closed::Excluded(reason) => ("excluded", reason),
            Closed::Silent(reason) => ("silent", reason),
            Closed::Lost(reason) => ("lost", reason),
        };
        Self { why: why.to_owned(), detail }
    }
}

impl From<v1::Closed> for Closed {
    fn from(closed: v1::Closed) -> Self {
        match closed.why.as_str() {
            "unused" => Self::Unused,
            "quiet" => Self::Quiet(closed.detail),
            "excluded" => Self::Excluded(closed.detail),
            "lost" => Self::Lost(closed.detail),
            // Whatever a newer agent means, the device is not to be used for now.
            _ => Self::Silent(closed.detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::DeviceClass;

    #[test]
    fn a_device_arrives_as_it_was_sent() {
        for closed in [Closed::Unused, Closed::Quiet("08:00".into()), Closed::Lost("gone".into())] {
            let device = Device {
                class: DeviceClass::Cuda,
                index: 1,
                name: "RTX".to_owned(),
                memory_total_bytes: 8 << 30,
                memory_free_bytes: 1 << 30,
                slots: 0,
                status: DeviceStatus {
                    uuid: "GPU-aa".to_owned(),
                    all_slots: 2,
                    uses: vec![DeviceUse { attempt: "j4.1".to_owned(), bytes: 5 }],
                    others: vec![OtherProcess { pid: 7, name: "blender".into(), user: "anna".into(), bytes: 3 }],
                    closed: Some(closed),
                    releasing: vec!["j3.1".to_owned()],
                    missing: vec![MissingMemory { attempt: "j2.1".to_owned(), bytes: 6 }],
                    cap_bytes: 1,
                    keep_free_bytes: 2,
                    compute_percent: 50,
                    sensors: Sensors {
                        temperature_c: Some(61),
                        busy_percent: Some(0),
                        power_mw: Some(210_499),
                        power_limit_mw: None,
                    },
                },
            };
            assert_eq!(Device::try_from(v1::Device::from(&device)).unwrap(), device);
        }
    }
}
