//! What came out of a sweep: its points, each with the values of the measure job that measured it, and its files under
//! names that people can read.

mod links;
mod merge;

pub use links::{Publisher, names, path, publish_all, tame};
pub use merge::{Point, merge};
