//! Memory for large CPU tensors.
//!
//! malloc either gives every large block back to the kernel, which then clears it anew: a third of a training step's time. Or it
//! keeps all in one heap, where activations leave holes that nothing fits: training ResNet-18 with batch 128 took 1.4 GB for 0.85 GB in
//! use (both measured). Here every block has a mapping of its own. A freed one waits for a request of its size, which the next step
//! brings; whatever else is asked for first takes the place of the blocks that have waited longest. So a process never holds more
//! than the most that was in use at once, and what a job needs can be predicted.

use crate::error::{Result, check};
use crate::ffi;

/// Bytes that the pool holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amounts {
    /// In tensors.
    pub in_use: u64,
    /// Waiting for new ones.
    pub waiting: u64,
}

/// From now on this process's CPU tensors of half a MiB and more lie in the pool. Those that exist stay where they are.
pub fn install() -> Result<()> {
    // SAFETY: no arguments; exceptions are caught on the other side.
    check(unsafe { ffi::sweep_pool_install() })
}

/// Gives back what waits, here and in malloc's heap, before others need the memory.
pub fn trim() {
    // SAFETY: takes nothing, throws nothing.
    unsafe { ffi::sweep_pool_trim() };
}

pub fn amounts() -> Amounts {
    let (mut in_use, mut waiting) = (0, 0);
    // SAFETY: two valid places for numbers.
    unsafe { ffi::sweep_pool_amounts(&raw mut in_use, &raw mut waiting) };
    Amounts { in_use, waiting }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, Tensor};

    const MIB: i64 = 1 << 20;

    fn tensor(bytes: i64) -> Tensor {
        Tensor::ones([bytes], (Kind::Uint8, Device::Cpu))
    }

    fn mib() -> (u64, u64) {
        let Amounts { in_use, waiting } = amounts();
        (in_use >> 20, waiting >> 20)
    }

    // One test: the pool is the process's, and tests of a binary run in parallel (others' tensors are small).
    #[test]
    fn freed_blocks_wait_for_their_size_and_the_whole_never_exceeds_the_most_in_use() {
        install().unwrap();
        let (a, b) = (tensor(8 * MIB), tensor(4 * MIB));
        assert_eq!(mib(), (12, 0));
        let place = a.data_ptr();
        drop(a);
        assert_eq!(mib(), (4, 8));
        // A little less fits; the place is the same.
        let again = tensor(8 * MIB - 100_000);
        assert_eq!((again.data_ptr(), mib()), (place, (12, 0)));
        assert_eq!((again.max().int64_value(&[]), again.min().int64_value(&[])), (1, 1));
        drop((again, b));
        assert_eq!(mib(), (0, 12));
        // Nothing of this size waits. The older of the two gives way, and the other may stay: 12 were in use once.
        let other = tensor(6 * MIB);
        assert_eq!(mib(), (6, 4));
        drop(other);
        trim();
        assert_eq!(mib(), (0, 0));
        // Small ones are malloc's, and what cannot be had is told in libtorch's words.
        let small = tensor(1000);
        assert_eq!((mib(), small.numel()), ((0, 0), 1000));
        let error = Tensor::f_empty([1 << 60], (Kind::Uint8, Device::Cpu)).unwrap_err().to_string();
        assert!(error.contains("can't allocate memory"), "{error}");
    }
}
