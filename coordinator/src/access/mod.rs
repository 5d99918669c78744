//! Who may come in.

pub mod throttle;
