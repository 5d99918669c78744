//! From a plan's text to its jobs.

mod expanded;

pub use expanded::*;
