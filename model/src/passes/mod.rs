//! Functions from model to model.
//!
//! A pass takes a verified model and returns another; what it does is its name: [`fold`] melts batch norm into convolutions
//! and drops what only training needs, [`prune`] removes channels or zeroes weights, [`quantize`] inserts quantizers,
//! [`classes`] replaces the last layer. Passes
//! that always run together run in the one order that [`pipeline`] shows, with verification after each.

pub mod classes;
pub mod fold;
pub mod pipeline;
pub mod prune;
pub mod quantize;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod zoo;
