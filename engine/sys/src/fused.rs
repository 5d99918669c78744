//! libtorch's fused optimizer kernels: one pass over all parameters. A ResNet-18 step takes 9 ms instead of the 30 ms
//! of separate tensor operations (two cores). Gradients are read from the parameters themselves.

use tch::Tensor;

use crate::error::{Error, Result, check};
use crate::ffi::{self, TensorPtr};

/// Coefficients of one SGD step, as in `torch.optim.SGD` (dampening 0).
#[derive(Debug, Clone, Copy)]
pub struct SgdStep {
    pub lr: f64,
    pub momentum: f64,
    pub weight_decay: f64,
    pub nesterov: bool,
    /// The very first step initialises the momentum buffers with the gradients.
    pub first: bool,
}

/// Coefficients of one AdamW step, as in `torch.optim.AdamW`.
#[derive(Debug, Clone, Copy)]
pub struct AdamWStep {
    pub lr: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub weight_decay: f64,
    pub eps: f64,
}

fn pointers(tensors: &[Tensor]) -> Vec<TensorPtr> {
    tensors.iter().map(|t| t.as_ptr() as TensorPtr).collect()
}

fn same_length(what: &str, params: &[Tensor], state: &[Tensor]) -> Result<()> {
    if params.len() == state.len() {
        return Ok(());
    }
    Err(Error(format!("{} parameters but {} {what}", params.len(), state.len())))
}

/// One SGD step on `params` in place. `buffers` are the momentum buffers, one per parameter and laid out like it; they
/// are not read when `momentum` is 0. Errors when a parameter has no gradient.
pub fn sgd(params: &[Tensor], buffers: &[Tensor], step: SgdStep) -> Result<()> {
    if step.momentum != 0.0 {
        same_length("momentum buffers", params, buffers)?;
    }
    let (p, b) = (pointers(params), pointers(buffers));
    // SAFETY: the pointers live as long as the borrowed tensors, and the counts match (checked above).
    check(unsafe {
        ffi::sweep_fused_sgd(
            p.as_ptr(),
            b.as_ptr(),
            p.len(),
            step.lr,
            step.momentum,
            step.weight_decay,
            step.nesterov,
            step.first,
        )
    })
}

/// One AdamW step on `params` in place. `first` and `second` are the moment estimates laid out like the parameters,
/// `steps` scalar fp32 tensors counting the steps taken, which the kernel does **not** advance: add one before.
pub fn adamw(params: &[Tensor], first: &[Tensor], second: &[Tensor], steps: &[Tensor], step: AdamWStep) -> Result<()> {
    same_length("first moments", params, first)?;
    same_length("second moments", params, second)?;
    same_length("step counts", params, steps)?;
    let (p, m, v, s) = (pointers(params), pointers(first), pointers(second), pointers(steps));
    // SAFETY: as in `sgd`.
    check(unsafe {
        ffi::sweep_fused_adamw(
            p.as_ptr(),
            m.as_ptr(),
            v.as_ptr(),
            s.as_ptr(),
            p.len(),
            step.lr,
            step.beta1,
            step.beta2,
            step.weight_decay,
            step.eps,
        )
    })
}

/// Drops the gradients of all parameters, so that the next backward pass writes instead of adding.
pub fn zero_grads(params: &[Tensor]) -> Result<()> {
    let p = pointers(params);
    // SAFETY: as in `sgd`.
    check(unsafe { ffi::sweep_zero_grads(p.as_ptr(), p.len()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param(values: &[f32], grad: &[f32]) -> Tensor {
        let p = Tensor::from_slice(values).set_requires_grad(true);
        (&p * Tensor::from_slice(grad)).sum(tch::Kind::Float).backward();
        p
    }

    #[test]
    fn dropped_gradients_are_gone() {
        let params = [param(&[1.0, 1.0], &[3.0, 0.0])];
        assert!(params[0].grad().defined());
        zero_grads(&params).unwrap();
        assert!(!params[0].grad().defined());
    }

    #[test]
    fn a_missing_gradient_is_an_error_with_the_shape() {
        let p = [Tensor::from_slice(&[1f32, 2.0]).set_requires_grad(true)];
        let step = SgdStep { lr: 0.1, momentum: 0.0, weight_decay: 0.0, nesterov: false, first: true };
        let error = sgd(&p, &[], step).unwrap_err().to_string();
        assert!(error.contains("[2]") && error.contains("no gradient"), "{error}");
    }

    #[test]
    fn mismatched_state_is_an_error() {
        let p = [param(&[1.0], &[1.0])];
        let step = SgdStep { lr: 0.1, momentum: 0.9, weight_decay: 0.0, nesterov: false, first: true };
        assert!(sgd(&p, &[], step).is_err());
        assert!(sgd(&p, &[Tensor::from_slice(&[0f32, 0.0])], step).is_err());
    }
}
