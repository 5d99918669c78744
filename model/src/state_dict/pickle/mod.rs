//! Python pickles, read as data.
//!
//! A pickle is a program for a small stack machine that may import and call anything, which is why opening a foreign one in
//! Python runs whatever its author liked. Here the machine (`machine`) knows only the opcodes that `torch.save` writes
//! (`opcode`); classes and functions are names on an allow-list whose results are worked out as data (`globals`), and values
//! refer to each other by number (`value`), so that nothing is copied, nested or followed without end. The work and the memory
//! are bounded by the length of the file and by [`OPCODE_LIMIT`].

mod globals;
mod machine;
mod opcode;
mod value;

pub use value::{Heap, Id, Storage, Value, View};

use super::error::StateDictError;

/// A state dict has about thirty opcodes for each tensor; this many are over 100 000 tensors.
const OPCODE_LIMIT: usize = 4_000_000;

/// What is wrong with a pickle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The bytes end within the pickle.
    #[error("it ends in the middle")]
    Truncated,
    /// An opcode that `torch.save` does not write.
    #[error("{0:#04x} is no opcode that torch.save writes")]
    Opcode(u8),
    /// A value is taken from an empty stack.
    #[error("a value is taken where there is none")]
    Underflow,
    /// A reference to a memo entry that was never made.
    #[error("it refers to entry {0} of its memo, which does not exist")]
    Memo(u32),
    /// Bytes that are no UTF-8.
    #[error("a text is not UTF-8")]
    Text,
    /// A value of the wrong kind.
    #[error("{expected} is expected where {found} is")]
    Kind {
        /// What should be there.
        expected: &'static str,
        /// What is.
        found: &'static str,
    },
    /// A size below zero.
    #[error("a size of {0}")]
    Negative(i64),
    /// More axes than any network's tensor has.
    #[error("a tensor of {0} axes")]
    Axes(usize),
    /// A call with arguments that PyTorch does not write.
    #[error("a function is called with arguments that it does not take")]
    Arguments,
    /// Longer than any state dict.
    #[error("it has more than {OPCODE_LIMIT} steps, which no state dict needs")]
    Endless,
    /// A class or function that is not on the allow-list.
    #[error("it names {0}")]
    Global(String),
}

/// A pickle's values.
#[derive(Debug)]
pub struct Pickled<'a> {
    pub heap: Heap<'a>,
    /// The value it stands for.
    pub root: Id,
    /// Length of the pickle in bytes; what follows is not part of it.
    pub length: usize,
}

/// Reads the pickle that begins with the bytes.
pub fn read(bytes: &[u8]) -> Result<Pickled<'_>, StateDictError> {
    machine::Machine::new(bytes).run().map_err(|(offset, problem)| match problem {
        Problem::Global(name) => StateDictError::Global { name },
        problem => StateDictError::Pickle { offset, problem },
    })
}

#[cfg(test)]
mod tests;
