//! Everything needed to continue an attempt elsewhere with the same result.
//!
//! Whatever changes while a job runs implements [`State`] and writes itself into a [`StateWriter`]: tensors go to
//! `state.safetensors`, small values to `state.json`. [`CheckpointStore`] puts both, with any files that belong to them, into a
//! folder of its own (`checkpoints/<sequence>/`) written beside the others, fsynced, and renamed into place, with a
//! `manifest.json` of BLAKE3 hashes. Reading goes the other way and trusts nothing: a checkpoint whose hashes do not
//! fit is named and passed over for the one before.

mod error;
mod manifest;
mod reader;
mod state;
mod store;
mod writer;

pub use error::Error;
pub use manifest::{FileEntry, Manifest, is_plain_name};
pub use reader::StateReader;
pub use state::State;
pub use store::{CheckpointStore, Found, Saved};
pub use writer::StateWriter;

pub type Result<T> = std::result::Result<T, Error>;

#[cfg(test)]
mod tests;
