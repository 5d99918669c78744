//! What can be wrong with a file of weights. Every message names the place, and what to do where that is not plain.

use safetensors::{Dtype, SafeTensorError};
use zip::result::ZipError;

use super::array::ArrayProblem;
use super::load::Mismatch;
use super::pickle::Problem;

/// Why a file of weights cannot be read or does not fit a network.
#[derive(Debug, thiserror::Error)]
pub enum StateDictError {
    /// None of the formats.
    #[error("this is neither a file of torch.save nor a safetensors file{hint}")]
    Unrecognised {
        /// What it may be instead, after a colon; or nothing.
        hint: &'static str,
    },
    /// The zip archive's directory cannot be read.
    #[error("the file begins like a zip archive but cannot be read as one ({0}); was it copied or downloaded whole?")]
    Zip(#[from] ZipError),
    /// A zip archive of something else.
    #[error(
        "the zip archive has no data.pkl among its {entries} entries, so torch.save did not write it; save the weights with `torch.save(model.state_dict(), \"weights.pth\")`"
    )]
    NoPickle {
        /// How many entries it has.
        entries: usize,
    },
    /// A TorchScript program.
    #[error(
        "this is a TorchScript program (torch.jit.save); save its weights with `torch.save(torch.jit.load(\"…\").state_dict(), \"weights.pth\")`"
    )]
    Script,
    /// The archive's parts do not belong together.
    #[error("the file refers to a storage {name:?} that is not in it: it is damaged")]
    NoEntry {
        /// The entry or key.
        name: String,
    },
    /// torch stores, it never compresses.
    #[error(
        "entry {name:?} of the archive is compressed or encrypted, which torch.save never does: it was packed again; load and save it with torch"
    )]
    Compressed {
        /// The entry.
        name: String,
    },
    /// The bytes are not those that were written.
    #[error(
        "the checksum of entry {name:?} is wrong: the file is damaged (or was saved after torch.serialization.set_crc32_options(False); then load and save it again)"
    )]
    Checksum {
        /// The entry.
        name: String,
    },
    /// Fewer bytes than the file says.
    #[error("{what} is not wholly in the file: it is truncated or damaged")]
    Truncated {
        /// Which part.
        what: String,
    },
    /// Numbers with their bytes in the other order.
    #[error("the file was saved on a big-endian machine, which is not supported")]
    ByteOrder,
    /// The pickle is not sound.
    #[error("the pickle in the file is damaged at byte {offset}: {problem}")]
    Pickle {
        /// Of the pickle, or of an old file as a whole.
        offset: usize,
        /// What is wrong.
        problem: Problem,
    },
    /// The pickle would import something that no state dict needs.
    #[error(
        "the pickle in the file names {name}, which is not among what a state dict consists of; nothing of it was run. Save the weights alone: `torch.save(model.state_dict(), \"weights.pth\")`"
    )]
    Global {
        /// `module.name`.
        name: String,
    },
    /// A pickle of something else than torch.
    #[error(
        "this is a Python pickle, but not one of torch.save; save the weights with `torch.save(model.state_dict(), \"weights.pth\")`"
    )]
    ForeignPickle,
    /// torch saved something else.
    #[error(
        "the file holds {found}, not a state dict; save one with `torch.save(model.state_dict(), \"weights.pth\")`"
    )]
    NotAStateDict {
        /// What it holds, in words.
        found: String,
    },
    /// A tensor does not fit its storage.
    #[error("tensor {name:?}: {problem}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong.
        problem: ArrayProblem,
    },
    /// The safetensors file is not sound.
    #[error("the safetensors file is truncated or damaged: {0}")]
    Safetensors(#[from] SafeTensorError),
    /// An element type that weights do not have.
    #[error("tensor {name:?} has elements of type {dtype:?}; weights are F64, F32, F16 or BF16")]
    Dtype {
        /// The tensor.
        name: String,
        /// Its element type.
        dtype: Dtype,
    },
    /// The tensors are not those of the network.
    #[error(transparent)]
    Mismatch(#[from] Box<Mismatch>),
}
