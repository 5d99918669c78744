//! Where an agent's chance comes from: spool names and the jitter of its waits. Seeded, it can be had twice.

/// A small generator (`SplitMix64`, Steele et al. 2014). Nothing secret comes from it.
#[derive(Debug, Clone)]
pub struct Luck(u64);

impl Luck {
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Seeded by the kernel, or by the clock where that fails: agents only have to differ.
    pub fn new() -> Self {
        let clock = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |t| t.as_nanos());
        let seed = crate::identity::random_hex(8).ok().and_then(|hex| u64::from_str_radix(&hex, 16).ok());
        Self(seed.unwrap_or_else(|| clock() as u64))
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly in 0..1.
    pub fn share(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
