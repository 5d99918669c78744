//! Chance: one stream of numbers per seed, from which everything is drawn.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};

use sweep_coordinator::Luck;

/// `SplitMix64` (Steele et al. 2014).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        let mut dice = Self(seed ^ 0x5eed_0f5e_ed0f_5eed);
        dice.draw();
        dice
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly from a range.
    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (first, last) = range.into_inner();
        first + self.draw() % (last - first + 1)
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.draw() % 100 < percent
    }

    /// One of a list; `None` of an empty one.
    pub fn pick<T: Clone>(&mut self, list: &[T]) -> Option<T> {
        if list.is_empty() { None } else { Some(list[(self.draw() % list.len() as u64) as usize].clone()) }
    }
}

/// The coordinator's luck.
pub struct Drawn(AtomicU64);

impl Drawn {
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Luck for Drawn {
    fn draw(&self) -> u64 {
        // Only one thread draws; the cell is atomic because the trait asks for Sync.
        let mut dice = Dice(self.0.load(Ordering::Relaxed));
        let drawn = dice.draw();
        self.0.store(dice.0, Ordering::Relaxed);
        drawn
    }
}
