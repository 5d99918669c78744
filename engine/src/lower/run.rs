//! Running a program.

use sweep_model::{Attention, Pool2d};
use tch::{TchError, Tensor};

use super::hook::Hook;
use super::net::{Mode, Net, weight_of_part};
use super::program::{BatchNorm, Kernel, Step};
use super::{Error, Result, channels_last, quantized};

/// What one forward pass knows.
pub(super) struct Pass<'a> {
    pub net: &'a Net,
    pub mode: Mode,
}

/// The logits, and those of the auxiliary classifiers, which only training computes.
pub struct Outputs {
    /// `[N, classes]`.
    pub logits: Tensor,
    /// `[N, classes]` each, in the graph's order; empty in evaluation.
    pub auxiliary: Vec<Tensor>,
}

pub fn run(net: &Net, images: &Tensor, mode: Mode, hook: &mut dyn Hook) -> Result<Outputs> {
    let images = prepare(net, images)?;
    let pass = Pass { net, mode };
    let steps = &net.program.steps;
    let look = hook.wants_outputs();
    let mut values: Vec<Option<Tensor>> = steps.iter().map(|_| None).collect();
    for (index, step) in steps.iter().enumerate() {
        let value = if mode == Mode::Eval && step.train_only {
            None
        } else {
            let value = pass.step(step, &images, &mut values, hook, look)?;
            if look {
                hook.output(&step.name, &value).map_err(at(step))?;
            }
            Some(value)
        };
        for &dead in &step.last_uses {
            values[dead] = None;
        }
        values[index] = value;
    }
    let mut take = |value: usize| {
        values[value].take().ok_or_else(|| Error::node(&net.program.steps[value].name, "was not computed"))
    };
    let auxiliary = match mode {
        Mode::Train => net.program.auxiliary.iter().map(|value| take(*value)).collect::<Result<_>>()?,
        Mode::Eval => Vec::new(),
    };
    Ok(Outputs { logits: take(net.program.output)?, auxiliary })
}

/// Checks the shape, moves to the device, takes the net's precision, and puts channels last on the CPU (free if they already are).
fn prepare(net: &Net, images: &Tensor) -> Result<Tensor> {
    let wanted = net.graph().input;
    let found = images.size();
    if found.len() != 4 || found[1..].iter().zip(wanted).any(|(&f, w)| f != w as i64) {
        return Err(Error::Input { found, wanted });
    }
    let images = images.f_to_device(net.device())?.f_to_kind(net.kind())?;
    Ok(if net.device() == tch::Device::Cpu { channels_last(&images)? } else { images })
}

fn at(step: &Step) -> impl Fn(TchError) -> Error + '_ {
    |source| Error::Op { node: step.name.clone(), source }
}

impl Pass<'_> {
    fn step(
        &self,
        step: &Step,
        images: &Tensor,
        values: &mut [Option<Tensor>],
        hook: &mut dyn Hook,
        look: bool,
    ) -> Result<Tensor> {
        if matches!(step.kernel, Kernel::Input) {
            return Ok(images.shallow_clone());
        }
        let missing = || Error::node(&step.name, "its input was dropped too early");
        if let (true, [only]) = (step.in_place && !look, step.inputs.as_slice()) {
            let mut x = values[*only].take().ok_or_else(missing)?;
            return match step.kernel {
                Kernel::Relu => x.f_relu_(),
                _ => x.f_clamp_(0.0, 6.0),
            }
            .map_err(at(step));
        }
        let inputs = step.inputs.iter().map(|&i| values[i].as_ref().ok_or_else(missing));
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        self.kernel(step, &inputs, hook).map_err(at(step))
    }

    fn kernel(&self, step: &Step, inputs: &[&Tensor], hook: &mut dyn Hook) -> std::result::Result<Tensor, TchError> {
        let x = inputs[0];
        match &step.kernel {
            Kernel::Input => Ok(x.shallow_clone()),
            Kernel::Conv { attrs, weight, bias, quant } => {
                let (weight, bias) = (self.net.at(*weight), bias.map(|b| self.net.at(b)));
                match quant {
                    Some(quant) if self.net.switches.weights.get() => {
                        quantized::conv(self, x, weight, bias, *attrs, quant)
                    }
                    _ => x.f_conv2d(weight, bias, attrs.stride, attrs.padding, attrs.dilation, attrs.groups),
                }
            }
            Kernel::Linear { weight, bias, quant } => {
                let (weight, bias) = (self.net.at(*weight), bias.map(|b| self.net.at(b)));
                match quant {
                    Some(quant) if self.net.switches.weights.get() => {
                        x.f_linear(&quantized::weight(self, weight, quant)?, bias)
                    }
                    _ => x.f_linear(weight, bias),
                }
            }
            Kernel::BatchNorm(norm) => self.batch_norm(x, norm),
            Kernel::ChannelAffine { weight, bias } => {
                let planes = |index: usize| self.net.at(index).f_view([1, -1, 1, 1]);
                x.f_mul(&planes(*weight)?)?.f_add(&planes(*bias)?)
            }
            Kernel::InputAffine { scale, shift } => {
                let planes = |numbers: &[f64]| {
                    Tensor::f_from_slice(numbers)?.f_to_device(x.device())?.f_to_kind(x.kind())?.f_view([1, -1, 1, 1])
                };
                x.f_mul(&planes(scale)?)?.f_add(&planes(shift)?)
            }
            Kernel::LayerNorm { features, weight, bias, eps } => {
                x.f_layer_norm([*features], Some(self.net.at(*weight)), Some(self.net.at(*bias)), *eps, false)
            }
            Kernel::Relu => x.f_relu(),
            Kernel::Relu6 => x.f_clamp(0.0, 6.0),
            Kernel::Sigmoid => x.f_sigmoid(),
            Kernel::Hardsigmoid => x.f_hardsigmoid(),
            Kernel::Hardswish => x.f_hardswish(),
            Kernel::Silu => x.f_silu(),
            Kernel::Gelu => x.f_gelu("none"),
            Kernel::MaxPool(pool) => max_pool(x, pool),
            Kernel::AvgPool(pool) => avg_pool(x, pool),
            Kernel::AdaptiveAvgPool(size) => x.f_adaptive_avg_pool2d(size),
            Kernel::Flatten => x.f_flatten(1, -1),
            Kernel::Dropout { p } => x.f_dropout(*p, self.mode == Mode::Train),
            Kernel::StochasticDepth { p } => self.stochastic_depth(x, *p),
            Kernel::Add => x.f_add(inputs[1]),
            Kernel::Mul => x.f_mul(inputs[1]),
            Kernel::Concat => Tensor::f_cat(inputs, 1),
            Kernel::Slice { start, length } => x.f_narrow(1, *start, *length),
            Kernel::ChannelShuffle { groups } => channel_shuffle(x, *groups),
            Kernel::Tokens => x.f_flatten(2, -1)?.f_transpose(1, 2),
            Kernel::ClassToken(token) => {
                let token = self.net.at(*token).f_expand([x.size()[0], -1, -1], false)?;
                // Autocast's half precision follows the tokens'.
                Tensor::f_cat(&[token.f_to_kind(x.kind())?, x.shallow_clone()], 1)
            }
            Kernel::PositionEmbedding(positions) => x.f_add(self.net.at(*positions)),
            Kernel::Attention { attrs, weight, bias } => attention(x, attrs, self.net.at(*weight), self.net.at(*bias)),
            Kernel::TakeToken { index } => x.f_select(1, *index),
            Kernel::FakeQuant { spec, scale, zero_point } => {
                quantized::activation(self, &step.name, x, spec, (*scale, *zero_point), hook)
            }
        }
    }

    /// One coin for each image of the batch.
    fn stochastic_depth(&self, x: &Tensor, p: f64) -> std::result::Result<Tensor, TchError> {
        if self.mode == Mode::Eval || p == 0.0 {
            return Ok(x.shallow_clone());
        }
        let mut size = vec![1; x.dim()];
        size[0] = x.size()[0];
        let kept = Tensor::f_empty(&size, (x.kind(), x.device()))?.f_bernoulli_float_(1.0 - p)?;
        x.f_mul(&kept.f_div_scalar(1.0 - p)?)
    }

    /// Whether batch norms use, and leave alone, their running statistics.
    pub(super) fn statistics_frozen(&self) -> bool {
        self.mode == Mode::Eval || self.net.switches.batch_norm_frozen.get()
    }

    fn batch_norm(&self, x: &Tensor, norm: &BatchNorm) -> std::result::Result<Tensor, TchError> {
        let frozen = self.statistics_frozen();
        if norm.in_quantized_conv && frozen && self.net.switches.weights.get() {
            // The quantized convolution before has already computed the folded form.
            return Ok(x.shallow_clone());
        }
        let frozen = frozen || self.net.is_frozen(norm.weight) && self.net.is_frozen(norm.bias);
        let at = |index| Some(self.net.at(index));
        let momentum = self.net.switches.momentum.get().unwrap_or(norm.momentum);
        let momentum = weight_of_part(momentum, self.net.share());
        x.f_batch_norm(at(norm.weight), at(norm.bias), at(norm.mean), at(norm.var), !frozen, momentum, norm.eps, true)
    }
}

fn pair([h, w]: [usize; 2]) -> [i64; 2] {
    [h as i64, w as i64]
}

fn max_pool(x: &Tensor, pool: &Pool2d) -> std::result::Result<Tensor, TchError> {
    x.f_max_pool2d(pair(pool.kernel), pair(pool.stride), pair(pool.padding), [1, 1], pool.ceil)
}

fn avg_pool(x: &Tensor, pool: &Pool2d) -> std::result::Result<Tensor, TchError> {
    let (kernel, stride, padding) = (pair(pool.kernel), pair(pool.stride), pair(pool.padding));
    x.f_avg_pool2d(kernel, stride, padding, pool.ceil, !pool.exclude_padding, None)
}

/// Channel `i` of group `g` goes to place `i · groups + g`.
fn channel_shuffle(x: &Tensor, groups: i64) -> std::result::Result<Tensor, TchError> {
    let &[n, c, h, w] = x.size().as_slice() else { return x.f_channel_shuffle(groups) };
    let shuffled = x.f_reshape([n, groups, c / groups, h, w])?.f_transpose(1, 2)?.f_reshape([n, c, h, w])?;
    if x.device() == tch::Device::Cpu { channels_last(&shuffled) } else { Ok(shuffled) }
}

/// `x`: `[N, L, E]` → `[N, L, heads · head_dim]`.
fn attention(x: &Tensor, attrs: &Attention, weight: &Tensor, bias: &Tensor) -> std::result::Result<Tensor, TchError> {
    let (n, l) = (x.size()[0], x.size()[1]);
    let (heads, head_dim) = (attrs.heads as i64, attrs.head_dim as i64);
    // [N, L, 3 · heads · head_dim] → [3, N, heads, L, head_dim]
    let parts = x.f_linear(weight, Some(bias))?.f_reshape([n, l, 3, heads, head_dim])?.f_permute([2, 0, 3, 1, 4])?;
    let part = |index: i64| parts.f_select(0, index);
    let (query, key, value) = (part(0)?, part(1)?, part(2)?);
    let mixed =
        Tensor::f_scaled_dot_product_attention(&query, &key, &value, None::<Tensor>, 0.0, false, attrs.scale, false)?;
    mixed.f_transpose(1, 2)?.f_reshape([n, l, heads * head_dim])
}
