//! What a job needs of a device.

use std::collections::BTreeMap;

use sweep_shared::resources::DeviceClass;
use sweep_shared::wire;

/// Bytes of a CPU's RAM, and of a GPU's memory. 0: unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Needs {
    pub cpu_bytes: u64,
    pub cuda_bytes: u64,
}

/// By the number of parts that each training batch is split into; with every number that the runner can do.
pub type NeedsByParts = BTreeMap<u32, Needs>;

impl Needs {
    /// As much of either.
    pub fn alike(bytes: u64) -> Self {
        Self { cpu_bytes: bytes, cuda_bytes: bytes }
    }

    pub fn of(self, class: DeviceClass) -> u64 {
        match class {
            DeviceClass::Cpu => self.cpu_bytes,
            DeviceClass::Cuda => self.cuda_bytes,
        }
    }
}

/// One part, then twice as many each time, up to the most that make sense.
pub fn numbers_of_parts(most: u32) -> impl Iterator<Item = u32> {
    let most = most.max(1);
    std::iter::successors(Some(1), move |parts: &u32| (*parts < most).then(|| parts.saturating_mul(2).min(most)))
}

/// As the database keeps them: `{"1": [cpu, cuda], …}`.
pub fn to_json(needs: &NeedsByParts) -> String {
    let pairs: BTreeMap<u32, (u64, u64)> =
        needs.iter().map(|(parts, needs)| (*parts, (needs.cpu_bytes, needs.cuda_bytes))).collect();
    wire::to_json(&pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_double_up_to_the_most() {
        assert_eq!(numbers_of_parts(64).collect::<Vec<_>>(), [1, 2, 4, 8, 16, 32, 64]);
        assert_eq!(numbers_of_parts(5).collect::<Vec<_>>(), [1, 2, 4, 5]);
        assert_eq!((numbers_of_parts(1).count(), numbers_of_parts(0).count()), (1, 1));
    }

    #[test]
    fn the_database_gets_pairs_by_parts() {
        let needs = NeedsByParts::from([(1, Needs { cpu_bytes: 9, cuda_bytes: 8 }), (2, Needs::alike(5))]);
        assert_eq!(to_json(&needs), r#"{"1":[9,8],"2":[5,5]}"#);
        assert_eq!(to_json(&NeedsByParts::new()), "{}");
    }
}
