//! How quantization code looks into a running network.

use tch::{TchError, Tensor};

/// Sees values while the network runs. Values are shared with the computation: look, do not write.
pub trait Hook {
    /// `value` is about to enter the fake-quant node `node`, whether that node is switched on or not. A returned
    /// `(scale, zero_point)` replaces the node's own before it is applied.
    fn fake_quant(&mut self, node: &str, value: &Tensor) -> Result<Option<(f64, i64)>, TchError>;

    /// `node` has computed `value`. Only called when [`Hook::wants_outputs`]; in-place operations are off then.
    fn output(&mut self, _node: &str, _value: &Tensor) -> Result<(), TchError> {
        Ok(())
    }

    fn wants_outputs(&self) -> bool {
        false
    }
}

/// Looks at nothing.
pub struct NoHook;

impl Hook for NoHook {
    fn fake_quant(&mut self, _node: &str, _value: &Tensor) -> Result<Option<(f64, i64)>, TchError> {
        Ok(None)
    }
}
