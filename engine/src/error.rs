//! Everything that can end an attempt, and which failure class it is.

use sweep_shared::states::FailureClass;

use crate::{checkpoint, data, lower, optim};

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a failure: a stop was asked for. Training has left a checkpoint; before it, or where nothing is trained, there is none
    /// to leave. Carried as an error because it ends the stage in the same way, from any depth.
    #[error("interrupted; the job continues from its newest checkpoint, if it has one")]
    Interrupted,
    #[error("training diverged in epoch {epoch}: the loss is {loss}; try a lower learning rate")]
    Diverged { epoch: u32, loss: f64 },
    /// The plan or an input artifact cannot work; another attempt would end the same way.
    #[error("{0}")]
    BadInput(String),
    /// Before anything was tried. `parts`: into how many each batch would have been split.
    #[error(
        "the job needs about {} MiB at its busiest moment, with its batches in {parts} part(s), but there are only {} MiB for it; \
         lower `batch`, or free memory on this machine", needed >> 20, free >> 20
    )]
    Memory { needed: u64, free: u64, parts: u32 },
    #[error("no CUDA device {index} answers: {reason}")]
    NoDevice { index: u32, reason: String },
    #[error("cannot {action}")]
    Io { action: String, source: std::io::Error },
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::Error),
    #[error(transparent)]
    Data(data::DataError),
    #[error(transparent)]
    Lower(#[from] lower::Error),
    #[error(transparent)]
    Optimizer(#[from] optim::Error),
    #[error(transparent)]
    Torch(#[from] tch::TchError),
    #[error(transparent)]
    Sys(#[from] sweep_engine_sys::Error),
    #[error(transparent)]
    Model(#[from] sweep_model::model::ModelError),
    /// Anything of a stage that has no class of its own.
    #[error("{context}: {source}")]
    Stage { context: String, source: Box<dyn std::error::Error + Send + Sync> },
}

impl From<data::DataError> for Error {
    fn from(error: data::DataError) -> Self {
        match error {
            data::DataError::Stopped => Self::Interrupted,
            other => Self::Data(other),
        }
    }
}

impl Error {
    /// For `map_err` on I/O.
    pub fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }

    /// For `map_err` on errors without a variant of their own.
    pub fn stage<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        context: impl Into<String>,
    ) -> impl FnOnce(E) -> Self {
        let context = context.into();
        move |source| Self::Stage { context, source: source.into() }
    }

    /// The class the coordinator decides by. [`Error::Interrupted`] has none.
    pub fn class(&self) -> Option<FailureClass> {
        match self {
            Self::Interrupted => return None,
            Self::Diverged { .. } => return Some(FailureClass::Diverged),
            Self::Memory { .. } => return Some(FailureClass::OutOfMemory),
            Self::BadInput(_) => return Some(FailureClass::BadInput),
            Self::NoDevice { .. } => return Some(FailureClass::DeviceError),
            Self::Data(error) if error.is_bad_input() => return Some(FailureClass::BadInput),
            _ => {}
        }
        let chain = std::iter::successors(Some(self as &dyn std::error::Error), |error| error.source());
        let told = chain.into_iter().find_map(|error| match error.downcast_ref::<std::io::Error>() {
            Some(io) => class_of_io(io),
            None => class_of_message(&error.to_string()),
        });
        told.or_else(|| matches!(self, Self::Model(_)).then_some(FailureClass::BadInput))
            .or(Some(FailureClass::Internal))
    }
}

fn class_of_io(error: &std::io::Error) -> Option<FailureClass> {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some(FailureClass::DiskFull),
        ErrorKind::OutOfMemory => Some(FailureClass::OutOfMemory),
        _ => None,
    }
}

/// libtorch tells memory and device trouble only in words.
fn class_of_message(message: &str) -> Option<FailureClass> {
    const MEMORY: [&str; 5] =
        ["out of memory", "can't allocate memory", "bad_alloc", "CUBLAS_STATUS_ALLOC_FAILED", "Cannot allocate memory"];
    const DEVICE: [&str; 5] = ["CUDA error", "CUDA driver", "CUDNN_STATUS", "CUBLAS_STATUS", "No CUDA GPUs"];
    let holds = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if holds(&MEMORY) {
        Some(FailureClass::OutOfMemory)
    } else if holds(&DEVICE) {
        Some(FailureClass::DeviceError)
    } else {
        message.contains("No space left on device").then_some(FailureClass::DiskFull)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn torch(message: &str) -> Error {
        Error::Torch(tch::TchError::Torch(message.into()))
    }

    #[test]
    fn libtorch_messages_find_their_class() {
        let cases = [
            ("CUDA out of memory. Tried to allocate 2.00 GiB", FailureClass::OutOfMemory),
            ("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory", FailureClass::OutOfMemory),
            ("CUDA error: an illegal memory access was encountered", FailureClass::DeviceError),
            ("The size of tensor a (3) must match the size of tensor b (4)", FailureClass::Internal),
        ];
        for (message, class) in cases {
            assert_eq!(torch(message).class(), Some(class), "{message}");
        }
    }

    #[test]
    fn the_cause_counts_however_deep_it_lies() {
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(Error::io("write")(full()).class(), Some(FailureClass::DiskFull));
        let checkpoint = checkpoint::Error::io("write", "/tmp/x")(full());
        assert_eq!(Error::from(checkpoint).class(), Some(FailureClass::DiskFull));
        let wrapped = Error::stage("publishing")(Error::io("write")(full()));
        assert_eq!(wrapped.class(), Some(FailureClass::DiskFull));
    }

    #[test]
    fn an_interruption_is_no_failure() {
        assert_eq!(Error::Interrupted.class(), None);
        assert_eq!(Error::from(data::DataError::Stopped).class(), None);
        assert_eq!(Error::Diverged { epoch: 1, loss: f64::NAN }.class(), Some(FailureClass::Diverged));
    }
}
