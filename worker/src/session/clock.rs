//! The clock by which a session decides: it neither jumps when somebody sets the time, nor stops while the machine sleeps.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Since the machine was started.
pub fn now() -> Duration {
    // Linux has had it since 2.6.39; without it nothing would be sure.
    Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).expect("the kernel's clock since boot can be read"))
}
