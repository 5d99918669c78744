//! The energy that training takes, where NVML tells it. The driver counts for the whole GPU, so a job that shared it has no number.

use nvml_wrapper::Nvml;
use serde::{Deserialize, Serialize};
use tch::Device;

/// Joules over all attempts. Any stretch that was not measured (shared GPU, CPU, no counter) makes it unknown for good.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Energy(Option<f64>);

impl Default for Energy {
    /// Nothing has been used yet.
    fn default() -> Self {
        Self(Some(0.0))
    }
}

impl Energy {
    /// That of a checkpoint that does not tell it.
    pub const UNKNOWN: Self = Self(None);

    /// `None`: unknown, or nothing was used.
    pub fn joules(self) -> Option<f64> {
        self.0.filter(|joules| *joules > 0.0)
    }

    /// Adds a stretch of training between two looks at the counter.
    pub fn add(&mut self, from: Option<Reading>, to: Option<Reading>) {
        let used = from.zip(to).and_then(|(from, to)| from.until(to));
        self.0 = self.0.zip(used).map(|(joules, used)| joules + used);
    }
}

/// One look at the GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Since the driver was loaded.
    millijoules: u64,
    /// No other process computes there.
    alone: bool,
}

impl Reading {
    /// Joules between two looks. `None` where somebody else was there, or the counter went back (the driver was loaded anew).
    fn until(self, later: Self) -> Option<f64> {
        let used = later.millijoules.checked_sub(self.millijoules)?;
        (self.alone && later.alone).then_some(used as f64 / 1000.0)
    }
}

/// The counter of the GPU that this runner was given.
pub struct Meter {
    nvml: Nvml,
    uuid: String,
}

impl Meter {
    /// `None` on the CPU, and where NVML or the counter (Volta and newer have one) is missing. The agent names the GPU in
    /// `CUDA_VISIBLE_DEVICES`.
    pub fn find(device: Device) -> Option<Self> {
        let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok()?;
        let meter = device.is_cuda().then(|| Self::of(&visible))??;
        meter.read().map(|_| meter)
    }

    fn of(uuid: &str) -> Option<Self> {
        Some(Self { nvml: Nvml::init().ok()?, uuid: uuid.to_owned() })
    }

    pub fn read(&self) -> Option<Reading> {
        let device = self.nvml.device_by_uuid(self.uuid.as_str()).ok()?;
        // In a container this process may bear another number there: one process is this one.
        let alone = device.running_compute_processes().ok()?.len() <= 1;
        Some(Reading { millijoules: device.total_energy_consumption().ok()?, alone })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millijoules: u64, alone: bool) -> Reading {
        Reading { millijoules, alone }
    }

    #[test]
    fn stretches_add_up() {
        let mut energy = Energy::default();
        assert_eq!(energy.joules(), None, "nothing has been used");
        energy.add(Some(at(1_000, true)), Some(at(3_500, true)));
        energy.add(Some(at(9_000, true)), Some(at(10_000, true)));
        assert_eq!(energy.joules(), Some(3.5));
    }

    #[test]
    fn one_stretch_that_is_not_measured_makes_the_sum_unknown_for_good() {
        let unmeasured = [
            (Some(at(1, false)), Some(at(2, true))),
            (Some(at(1, true)), Some(at(2, false))),
            (None, Some(at(2, true))),
            (Some(at(2, true)), Some(at(1, true))),
        ];
        for (from, to) in unmeasured {
            let mut energy = Energy::default();
            energy.add(Some(at(0, true)), Some(at(5_000, true)));
            energy.add(from, to);
            energy.add(Some(at(0, true)), Some(at(5_000, true)));
            assert_eq!(energy.joules(), None, "{from:?} {to:?}");
        }
    }

    #[test]
    fn it_comes_back_from_a_checkpoint_as_it_was() {
        for energy in [Energy(Some(2.5)), Energy::UNKNOWN] {
            let text = serde_json::to_string(&energy).unwrap();
            assert_eq!(serde_json::from_str::<Energy>(&text).unwrap(), energy);
        }
    }
}
