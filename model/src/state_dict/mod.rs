//! State dicts: the files in which PyTorch keeps a network's weights, read without Python and written for it.
//!
//! [`read`] looks at the first bytes and takes what `torch.save` writes, as a zip archive (`archive`) or in the older format
//! (`legacy`), and safetensors (`safetensors`). The pickles in the first two are programs; `pickle` reads them as data, and
//! `checkpoint` finds the state dict in what they stand for. The tensors stay where they lie in the file (`array`) until [`load`]
//! has compared names and shapes with those of a network (`names` knows other spellings). [`to_safetensors`] writes a
//! network's weights under torchvision's names, for `load_state_dict(strict=True)`.
//!
//! All of it takes foreign bytes: nothing is allocated before its size was compared with the file's or the network's, and
//! every fault is a [`StateDictError`] that says what to do. `fuzz/` has a target for each reader.

mod archive;
mod array;
mod checkpoint;
mod error;
mod legacy;
mod load;
mod names;
mod pickle;
mod safetensors;
mod write;

use std::collections::BTreeMap;

pub use array::{Array, ArrayProblem, Element};
pub use error::StateDictError;
pub use load::{LoadOptions, Loaded, Mismatch, Misshapen, load};
pub use pickle::Problem as PickleProblem;
pub use write::to_safetensors;

/// The tensors of a file, by name.
#[derive(Clone, Debug)]
pub struct StateDict<'a> {
    tensors: BTreeMap<String, Array<'a>>,
    wrapper: Option<String>,
}

impl<'a> StateDict<'a> {
    /// Names and tensors in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Array<'a>)> {
        self.tensors.iter().map(|(name, array)| (name.as_str(), array))
    }

    /// The tensor of that name.
    pub fn get(&self, name: &str) -> Option<&Array<'a>> {
        self.tensors.get(name)
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// The key under which a checkpoint holds the state dict (`state_dict`, `model`), if the file is not one itself.
    pub fn wrapper(&self) -> Option<&str> {
        self.wrapper.as_deref()
    }
}

/// Reads a file of `torch.save` or a safetensors file, whichever it is.
pub fn read(bytes: &[u8]) -> Result<StateDict<'_>, StateDictError> {
    if bytes.starts_with(b"PK\x03\x04") {
        archive::read(bytes)
    } else if safetensors::is_safetensors(bytes) {
        safetensors::read(bytes)
    } else if legacy::is_pickle(bytes) {
        legacy::read(bytes)
    } else {
        Err(StateDictError::Unrecognised { hint: hint(bytes) })
    }
}

/// What a file of another kind may be.
fn hint(bytes: &[u8]) -> &'static str {
    let begin = bytes.trim_ascii_start();
    if bytes.is_empty() {
        ": it is empty"
    } else if begin.starts_with(b"<") {
        ": it looks like a web page, so the download went wrong"
    } else if bytes.starts_with(b"version https://git-lfs") {
        ": it is a pointer of Git LFS; fetch the file itself with `git lfs pull`"
    } else if bytes.get(257..262) == Some(b"ustar") {
        ": it is a tar archive, perhaps of PyTorch before 0.1.10; load and save it with a newer one"
    } else if bytes.starts_with(b"\x89HDF") {
        ": it is an HDF5 file, perhaps of Keras"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests;
