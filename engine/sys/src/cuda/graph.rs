//! CUDA graphs: kernels recorded once and launched together. A training step of a small network is mostly launches.

use std::ffi::c_void;
use std::ptr;

use super::shim::{self, Shim};
use crate::error::{Error, Result, check};

/// Recorded work. What it read and wrote when it was recorded it reads and writes again at each replay: the caller keeps those
/// tensors, and copies new input into them.
#[derive(Debug)]
pub struct Graph {
    handle: *mut c_void,
    shim: &'static Shim,
}

impl Graph {
    /// Records `body` on device `index` after running it `warm_ups` times, which settles choices (cuDNN's algorithms) and buffers
    /// (gradients) that recording must not meet. What `body` does must be the same each time: no synchronisation, no new shapes.
    pub fn capture<E: From<Error>>(
        index: usize,
        warm_ups: u32,
        mut body: impl FnMut() -> std::result::Result<(), E>,
    ) -> std::result::Result<Self, E> {
        let shim = shim::get()?;
        let _side = Side::enter(shim, index)?;
        for _ in 0..warm_ups {
            body()?;
        }
        let mut handle = ptr::null_mut();
        // SAFETY: a valid place for the handle, which is ours to end and free once.
        check(unsafe { (shim.graph_begin)(&raw mut handle) })?;
        let graph = Self { handle, shim };
        let recorded = body();
        // SAFETY: begun above. Ended also after a failure, or the stream would record for ever.
        let ended = check(unsafe { (shim.graph_end)(graph.handle) });
        recorded?;
        ended?;
        Ok(graph)
    }

    /// Launches all of it on the current stream.
    pub fn replay(&self) -> Result<()> {
        // SAFETY: the handle lives as long as `self`.
        check(unsafe { (self.shim.graph_replay)(self.handle) })
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: freed once. A failure to free has no remedy.
        let _ = check(unsafe { (self.shim.graph_free)(self.handle) });
    }
}

/// This thread's work goes to a stream of its own while this lives. Both ends wait for the device.
struct Side {
    handle: *mut c_void,
    shim: &'static Shim,
}

impl Side {
    fn enter(shim: &'static Shim, index: usize) -> Result<Self> {
        let mut handle = ptr::null_mut();
        // SAFETY: a valid place for the handle, which is left once.
        check(unsafe { (shim.side_enter)(index as i32, &raw mut handle) })?;
        Ok(Self { handle, shim })
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        // SAFETY: entered once, left once.
        let _ = check(unsafe { (self.shim.side_leave)(self.handle) });
    }
}
