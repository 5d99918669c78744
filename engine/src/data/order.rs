//! Random orders that depend on nothing but their keys.
//!
//! The shuffles are written out here instead of taken from `rand`, because that crate may change which numbers its
//! `shuffle` draws from one version to the next, and a resumed attempt must see the same order for ever.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A whole number below `bound`, by multiply-and-shift; its bias, below `bound`/2⁶⁴, is of no consequence here.
pub fn below(rng: &mut impl Rng, bound: usize) -> usize {
    ((u128::from(rng.next_u64()) * bound as u128) >> 64) as usize
}

/// The order in which epoch `epoch` visits `len` images: a Fisher–Yates shuffle drawn from ChaCha8 with key `seed` and
/// stream `epoch`.
pub fn shuffled(len: usize, seed: u64, epoch: u64) -> Vec<u32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(epoch);
    let mut order: Vec<u32> = (0..len as u32).collect();
    for last in (1..len).rev() {
        order.swap(last, below(&mut rng, last + 1));
    }
    order
}

/// Splits the indices of `labels` into (train, validation), both ascending, with `share` of each class in validation
/// (rounded down, at least one where a class has two or more). The draw has a fixed seed of its own: every job and every
/// seed of a sweep must hold out the same images, or their validation accuracies could not be compared.
pub fn carve_validation(labels: &[u16], classes: usize, share: f64) -> (Vec<u32>, Vec<u32>) {
    const SEED: u64 = 0x7661_6c69_6461_7465; // "validate"
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); classes];
    for index in shuffled(labels.len(), SEED, 0) {
        members[labels[index as usize] as usize].push(index);
    }
    let (mut train, mut validation) = (Vec::new(), Vec::new());
    for of_class in members {
        let least = usize::from(share > 0.0 && of_class.len() > 1);
        let held = ((of_class.len() as f64 * share) as usize).max(least);
        validation.extend_from_slice(&of_class[..held]);
        train.extend_from_slice(&of_class[held..]);
    }
    train.sort_unstable();
    validation.sort_unstable();
    (train, validation)
}

/// 64 well mixed bits that depend on (seed, epoch, image) alone, so that an image's augmentation is the same whatever its
/// place in the order and whichever thread prepares it. SplitMix64's finaliser (Steele, Lea, Flood 2014), chained.
pub fn keyed_bits(seed: u64, epoch: u64, image: u64) -> u64 {
    mix(mix(mix(seed).wrapping_add(epoch)).wrapping_add(image))
}

fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_a_permutation_and_depends_on_seed_and_epoch() {
        let first = shuffled(1000, 7, 0);
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<u32>>());
        assert_eq!(first, shuffled(1000, 7, 0));
        assert_ne!(first, shuffled(1000, 7, 1));
        assert_ne!(first, shuffled(1000, 8, 0));
    }

    #[test]
    fn orders_never_change_between_versions() {
        // A checkpoint stores only the step; a changed order would silently break bitwise resumption.
        assert_eq!(shuffled(8, 0, 0), [7, 2, 1, 6, 0, 4, 3, 5]);
    }

    #[test]
    fn validation_is_stratified_disjoint_and_complete() {
        let labels: Vec<u16> = (0..1000).map(|index| u16::from(index % 4 == 0)).collect();
        let (train, validation) = carve_validation(&labels, 2, 0.1);
        let rare = validation.iter().filter(|&&index| labels[index as usize] == 1).count();
        assert_eq!((validation.len(), rare), (100, 25));
        let mut all: Vec<u32> = train.iter().chain(&validation).copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<u32>>());
    }

    #[test]
    fn keyed_bits_differ_in_every_argument() {
        let base = keyed_bits(1, 2, 3);
        for other in [keyed_bits(0, 2, 3), keyed_bits(1, 3, 3), keyed_bits(1, 2, 4), keyed_bits(2, 1, 3)] {
            assert_ne!(base, other);
        }
    }
}
