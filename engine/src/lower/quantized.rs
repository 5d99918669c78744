//! The simulation of quantized layers, differentiable by the straight-through estimator.

use sweep_model::QuantSpec;
use tch::{Kind, TchError, Tensor};

use super::hook::Hook;
use super::net::WeightScales;
use super::program::{BatchNorm, ConvAttrs, WeightQuant};
use super::run::Pass;

type Result<T> = std::result::Result<T, TchError>;

/// Scales never fall below this (PyTorch's observers use the same bound), so that constant weights do not divide by zero.
const LEAST_SCALE: f64 = 1.1920928955078125e-7;

/// A `FakeQuant` node: asks the hook, then rounds if activations are switched on.
pub fn activation(
    pass: &Pass,
    node: &str,
    x: &Tensor,
    spec: &QuantSpec,
    (scale, zero_point): (usize, usize),
    hook: &mut dyn Hook,
) -> Result<Tensor> {
    let (scale, zero_point) = (pass.net.at(scale), pass.net.at(zero_point));
    if let Some((new_scale, new_zero_point)) = hook.fake_quant(node, x)? {
        let _ = scale.shallow_clone().f_fill_(new_scale)?;
        let _ = zero_point.shallow_clone().f_fill_(new_zero_point as f64)?;
    }
    if !pass.net.switches.activations.get() {
        return Ok(x.shallow_clone());
    }
    let zero_point = zero_point.f_to_kind(Kind::Int)?;
    let (min, max) = (i64::from(spec.min()), i64::from(spec.max()));
    x.f_fake_quantize_per_tensor_affine_tensor_qparams(scale, &zero_point, min, max)
}

/// A layer's weights `[O, …]`, rounded to their grid.
pub fn weight(pass: &Pass, weight: &Tensor, quant: &WeightQuant) -> Result<Tensor> {
    let scale = pass.net.at(quant.scale);
    if pass.net.switches.weight_scales.get() == WeightScales::Live {
        let live = live_scale(weight, &quant.spec)?;
        tch::no_grad(|| scale.shallow_clone().f_copy_(&live))?;
    }
    let (min, max) = (i64::from(quant.spec.min()), i64::from(quant.spec.max()));
    let zero_point = scale.f_zeros_like()?.f_to_kind(Kind::Int)?;
    if quant.spec.per_channel {
        weight.f_fake_quantize_per_channel_affine(scale, &zero_point, 0, min, max)
    } else {
        weight.f_fake_quantize_per_tensor_affine_tensor_qparams(scale, &zero_point, min, max)
    }
}

/// The symmetric scale at which the largest magnitude, of each output channel or of all, falls on the last integer.
fn live_scale(weight: &Tensor, spec: &QuantSpec) -> Result<Tensor> {
    let rows = if spec.per_channel { weight.size()[0] } else { 1 };
    let largest = weight.f_detach()?.f_abs()?.f_reshape([rows, -1])?.f_amax([1i64].as_slice(), false)?;
    largest.f_div_scalar(f64::from(spec.max()))?.f_clamp_min(LEAST_SCALE)
}

/// A quantized convolution. With a batch norm behind it the weights are scaled by γ/σ of the running statistics before
/// they are rounded, as in the folded file. While statistics are learned, the output is scaled back and batch norm
/// follows (PyTorch's `ConvBn2d`); once they are frozen, this *is* the folded convolution, and the batch norm passes on.
pub fn conv(
    pass: &Pass,
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    attrs: ConvAttrs,
    quant: &WeightQuant,
) -> Result<Tensor> {
    let run = |weight: &Tensor, bias: Option<&Tensor>| {
        x.f_conv2d(weight, bias, attrs.stride, attrs.padding, attrs.dilation, attrs.groups)
    };
    let Some(norm) = &quant.folded else {
        return run(&self::weight(pass, weight, quant)?, bias);
    };
    let factor = fold_factor(pass, norm)?;
    let rounded = self::weight(pass, &weight.f_mul(&factor.f_view([-1, 1, 1, 1])?)?, quant)?;
    if pass.statistics_frozen() {
        return run(&rounded, Some(&folded_bias(pass, norm, &factor, bias)?));
    }
    // A channel whose γ is 0 has rounded weights 0 whatever it is divided by.
    let safe = factor.f_where_self(&factor.f_ne(0.0)?, &factor.f_ones_like()?)?;
    let y = run(&rounded, None)?.f_div(&safe.f_view([1, -1, 1, 1])?)?;
    match bias {
        Some(bias) => y.f_add(&bias.f_view([1, -1, 1, 1])?),
        None => Ok(y),
    }
}

/// γ / √(σ² + ε) with the running variance, `[O]`.
fn fold_factor(pass: &Pass, norm: &BatchNorm) -> Result<Tensor> {
    let sigma = pass.net.at(norm.var).f_add_scalar(norm.eps)?.f_sqrt()?;
    pass.net.at(norm.weight).f_div(&sigma)
}

/// β + (b − μ)·γ/σ, `[O]`.
fn folded_bias(pass: &Pass, norm: &BatchNorm, factor: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let mean = pass.net.at(norm.mean);
    let shift = match bias {
        Some(bias) => bias.f_sub(mean)?,
        None => mean.f_neg()?,
    };
    pass.net.at(norm.bias).f_add(&shift.f_mul(factor)?)
}
