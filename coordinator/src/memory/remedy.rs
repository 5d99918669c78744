//! What helps a job that ran out of memory.

use std::sync::Arc;

use sweep_shared::labels::Spot;
use sweep_shared::resources::DeviceClass;

use crate::explain::words;

/// Beyond this many no larger device is looked for: a fleet whose devices grow with every try would keep a job busy for ever.
const MOST_REMEDIES: u32 = 32;

/// A device of an agent that is connected, and how much memory of it jobs may have together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceSize {
    pub agent: String,
    pub class: DeviceClass,
    pub index: u32,
    pub total_bytes: u64,
    pub spot: Arc<Spot>,
}

/// An attempt that ran out of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// Where it ran; a size of 0 is not known.
    pub on: DeviceSize,
    /// What it was seen to take by then; 0: unknown.
    pub peak_bytes: u64,
    /// What is predicted for a job like it on that class of device; 0: unknown.
    pub predicted_bytes: u64,
    /// Images of a training batch, where it has such.
    pub batch: Option<u32>,
    /// Into how many parts each batch was split, and into how many it can be.
    pub parts: u32,
    pub most_parts: u32,
    /// How often its job was helped before.
    pub remedies: u32,
}

/// What the next attempt is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// A device of the same class with more memory than this, like `to`: the result stays the same.
    Larger { to: DeviceSize, outgrown_bytes: u64 },
    /// Batches in so many parts, on any device.
    Split(u32),
    /// Another try as it is: nothing about the job can be made smaller. It spends a retry.
    Again,
    /// Nothing: all was tried.
    Nothing,
}

/// Decides. `devices`: those of connected agents.
pub fn remedy(short: &Shortage, devices: &[DeviceSize]) -> Remedy {
    let needs = short.predicted_bytes.max(short.peak_bytes);
    let helps = |other: &&DeviceSize| {
        other.class == short.on.class && other.total_bytes > short.on.total_bytes && other.total_bytes >= needs
    };
    // Of a device that is not known any more nobody can say which are larger.
    let larger = devices.iter().filter(|_| short.on.total_bytes > 0).filter(helps);
    if let (Some(to), true) = (larger.max_by_key(|device| device.total_bytes), short.remedies < MOST_REMEDIES) {
        return Remedy::Larger { to: to.clone(), outgrown_bytes: short.on.total_bytes };
    }
    match split(short.parts, short.most_parts) {
        Some(parts) => Remedy::Split(parts),
        None if short.most_parts <= 1 => Remedy::Again,
        None => Remedy::Nothing,
    }
}

/// The next number of parts, where there is one.
pub fn split(parts: u32, most_parts: u32) -> Option<u32> {
    Some(parts.saturating_mul(2).min(most_parts)).filter(|more| *more > parts)
}

impl Shortage {
    /// `ran out of memory on GPU 0 of lab-1 (peak 5.8 GiB of 6.0 GiB); the next attempt splits …`. What the agent told of it
    /// stands behind where nothing was decided, as it may say more.
    pub fn words(&self, remedy: &Remedy, told: &str) -> String {
        let ran_out = self.ran_out();
        match remedy {
            Remedy::Larger { to, .. } => format!(
                "{ran_out}; the next attempt goes to a larger one: {} has {}",
                words::device(to.class, to.index, &to.agent),
                words::size(to.total_bytes)
            ),
            Remedy::Split(parts) => match self.batch {
                Some(batch) => format!("{ran_out}; the next attempt splits each batch of {batch} into {parts} parts"),
                None => format!("{ran_out}; the next attempt takes {parts} times fewer images at once"),
            },
            Remedy::Again if told.is_empty() => ran_out,
            Remedy::Again => format!("{ran_out}: {told}"),
            Remedy::Nothing => {
                let split = match self.batch {
                    Some(batch) => format!("each batch of {batch} in {} parts", self.parts),
                    None => format!("{} times fewer images at once", self.parts),
                };
                let class = words::class(self.on.class);
                format!("{ran_out} with {split}, which is the most; no {class} with more memory is connected")
            }
        }
    }

    fn ran_out(&self) -> String {
        let place = words::device(self.on.class, self.on.index, &self.on.agent);
        let took = match (self.peak_bytes, self.on.total_bytes) {
            (0, 0) => String::new(),
            (0, total) => format!(" ({})", words::size(total)),
            (peak, 0) => format!(" (peak {})", words::size(peak)),
            (peak, total) => format!(" (peak {} of {})", words::size(peak), words::size(total)),
        };
        format!("ran out of memory on {place}{took}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GIB: u64 = 1 << 30;

    fn gpu(agent: &str, index: u32, total_bytes: u64) -> DeviceSize {
        DeviceSize { agent: agent.to_owned(), class: DeviceClass::Cuda, index, total_bytes, spot: Arc::default() }
    }

    fn short(parts: u32, most_parts: u32) -> Shortage {
        Shortage {
            on: gpu("lab-1", 0, 6 * GIB),
            peak_bytes: 58 * GIB / 10,
            predicted_bytes: 4 * GIB,
            batch: Some(128),
            parts,
            most_parts,
            remedies: 0,
        }
    }

    #[test]
    fn a_larger_device_comes_first_because_it_changes_nothing() {
        let big = gpu("big", 1, 24 * GIB);
        let devices = [gpu("lab-1", 0, 6 * GIB), gpu("mid", 0, 8 * GIB), big.clone()];
        let found = remedy(&short(1, 64), &devices);
        assert_eq!(found, Remedy::Larger { to: big, outgrown_bytes: 6 * GIB });
        assert_eq!(
            short(1, 64).words(&found, ""),
            "ran out of memory on GPU 0 of lab-1 (peak 5.8 GiB of 6.0 GiB); \
             the next attempt goes to a larger one: GPU 1 of big has 24.0 GiB"
        );
        let cpu = DeviceSize { class: DeviceClass::Cpu, ..gpu("big", 0, 64 * GIB) };
        assert_eq!(remedy(&short(1, 64), &[cpu]), Remedy::Split(2), "a CPU is no larger GPU");
        let needs_more = Shortage { predicted_bytes: 9 * GIB, ..short(1, 64) };
        assert_eq!(remedy(&needs_more, &devices[..2]), Remedy::Split(2), "it would wait for ever for 8 GiB to hold 9");
    }

    #[test]
    fn then_batches_are_halved_until_they_cannot_be() {
        assert_eq!(remedy(&short(1, 64), &[]), Remedy::Split(2));
        assert_eq!(remedy(&short(32, 50), &[]), Remedy::Split(50));
        let said = short(2, 64).words(&Remedy::Split(4), "CUDA out of memory");
        assert!(said.ends_with("; the next attempt splits each batch of 128 into 4 parts"), "{said}");
        let said = Shortage { batch: None, peak_bytes: 0, ..short(1, 16) }.words(&Remedy::Split(2), "");
        assert_eq!(
            said,
            "ran out of memory on GPU 0 of lab-1 (6.0 GiB); the next attempt takes 2 times fewer images at once"
        );
    }

    #[test]
    fn what_was_tried_is_named_where_nothing_is_left() {
        assert_eq!(remedy(&short(64, 64), &[gpu("lab-1", 0, 6 * GIB)]), Remedy::Nothing);
        assert_eq!(
            short(64, 64).words(&Remedy::Nothing, ""),
            "ran out of memory on GPU 0 of lab-1 (peak 5.8 GiB of 6.0 GiB) with each batch of 128 in 64 parts, \
             which is the most; no GPU with more memory is connected"
        );
    }

    #[test]
    fn what_cannot_be_split_is_tried_again_as_it_is() {
        assert_eq!(remedy(&short(1, 1), &[]), Remedy::Again);
        assert_eq!(remedy(&short(1, 0), &[]), Remedy::Again);
        let said = short(1, 1).words(&Remedy::Again, "killed by the kernel");
        assert!(said.ends_with("of 6.0 GiB): killed by the kernel"), "{said}");
        let often = Shortage { remedies: MOST_REMEDIES, ..short(1, 1) };
        assert_eq!(remedy(&often, &[gpu("big", 1, 24 * GIB)]), Remedy::Again);
        let unknown = Shortage { on: gpu("gone", 0, 0), ..short(1, 1) };
        assert_eq!(remedy(&unknown, &[gpu("big", 1, 24 * GIB)]), Remedy::Again);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// However often a job runs out of memory, on whatever of the devices there are: remedies end, after at most one for each
        /// device size and number of parts.
        #[test]
        fn remedies_come_to_an_end(
            sizes in prop::collection::vec(1..100u64, 1..6), most in 0..300u32, picks in prop::collection::vec(any::<usize>(), 100),
        ) {
            let devices: Vec<DeviceSize> = sizes.iter().zip(0..).map(|(size, at)| gpu("a", at, size * GIB)).collect();
            let (mut parts, mut floor, mut count) = (1, 0, 0);
            for pick in picks {
                let fits: Vec<&DeviceSize> = devices.iter().filter(|device| device.total_bytes > floor).collect();
                let on = fits[pick % fits.len()].clone();
                let peak_bytes = on.total_bytes;
                match remedy(&Shortage { on: on.clone(), peak_bytes, parts, ..short(1, most) }, &devices) {
                    Remedy::Larger { to, outgrown_bytes } => {
                        prop_assert!(to.total_bytes > on.total_bytes);
                        floor = outgrown_bytes;
                    }
                    Remedy::Split(more) => {
                        prop_assert!(more > parts && more <= most);
                        (parts, floor) = (more, 0);
                    }
                    Remedy::Again => {
                        prop_assert_eq!(most.max(1), 1);
                        return Ok(());
                    }
                    Remedy::Nothing => {
                        prop_assert_eq!(parts, most);
                        return Ok(());
                    }
                }
                count += 1;
                prop_assert!(count <= devices.len() * 10, "{count} remedies");
            }
            prop_assert!(false, "it goes on and on");
        }
    }
}
