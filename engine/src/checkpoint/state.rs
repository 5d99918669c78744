//! The trait that enumerates mutable state.

use super::{Result, StateReader, StateWriter};

/// Something that changes while a job runs. `load` into a freshly built value of the same shape must bring back exactly
/// what `save` saw: the test of it is that an interrupted and resumed job ends bitwise equal.
pub trait State {
    fn save(&self, writer: &mut StateWriter) -> Result<()>;
    fn load(&mut self, reader: &StateReader) -> Result<()>;
}
