//! Chance, injectable: leases, jitter, names. With a luck that draws the same, a coordinator does the same.

use crate::home::hex;

pub trait Luck: Send + Sync + 'static {
    /// Any number, each as likely as the others.
    fn draw(&self) -> u64;
}

/// The operating system's.
pub struct SystemLuck;

impl Luck for SystemLuck {
    fn draw(&self) -> u64 {
        rand::random()
    }
}

impl dyn Luck {
    /// In 0..1, for jitter.
    pub fn fraction(&self) -> f64 {
        (self.draw() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A lease. SQLite's integers are signed.
    pub fn lease(&self) -> u64 {
        self.draw() >> 1
    }

    /// 128 bits in hexadecimal digits, for names that never come twice.
    pub fn name(&self) -> String {
        hex(&[self.draw().to_be_bytes(), self.draw().to_be_bytes()].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Always(u64);

    impl Luck for Always {
        fn draw(&self) -> u64 {
            self.0
        }
    }

    #[test]
    fn the_extremes_stay_within_their_bounds() {
        let (least, most): (&dyn Luck, &dyn Luck) = (&Always(0), &Always(u64::MAX));
        assert_eq!((least.fraction(), least.lease()), (0.0, 0));
        assert!(most.fraction() < 1.0 && i64::try_from(most.lease()).is_ok());
        assert_eq!((least.name().len(), most.name().len()), (32, 32));
    }
}
