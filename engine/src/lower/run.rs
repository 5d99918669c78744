//! Running a program.

use sweep_model::Pool2d;
use tch::{TchError, Tensor};

use super::hook::Hook;
use super::net::{Mode, Net};
use super::program::{BatchNorm, Kernel, Step};
use super::{Error, Result, channels_last, quantized};

/// What one forward pass knows.
pub(super) struct Pass<'a> {
    pub net: &'a Net,
    pub mode: Mode,
}

pub fn run(net: &Net, images: &Tensor, mode: Mode, hook: &mut dyn Hook) -> Result<Tensor> {
    let images = prepare(net, images)?;
    let pass = Pass { net, mode };
    let steps = &net.program.steps;
    let look = hook.wants_outputs();
    let mut values: Vec<Option<Tensor>> = steps.iter().map(|_| None).collect();
    for (index, step) in steps.iter().enumerate() {
        let value = pass.step(step, &images, &mut values, hook, look)?;
        if look {
            hook.output(&step.name, &value).map_err(at(step))?;
        }
        for &dead in &step.last_uses {
            values[dead] = None;
        }
        values[index] = Some(value);
    }
    values[net.program.output].take().ok_or_else(|| Error::node(&net.graph().output, "was not computed"))
}

/// Checks the shape, moves to the device, and puts channels last on the CPU (free if they already are).
fn prepare(net: &Net, images: &Tensor) -> Result<Tensor> {
    let wanted = net.graph().input;
    let found = images.size();
    if found.len() != 4 || found[1..].iter().zip(wanted).any(|(&f, w)| f != w as i64) {
        return Err(Error::Input { found, wanted });
    }
    let images = images.f_to_device(net.device())?;
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
            Kernel::Relu => x.f_relu(),
            Kernel::Relu6 => x.f_clamp(0.0, 6.0),
            Kernel::MaxPool(pool) => max_pool(x, pool),
            Kernel::AvgPool(pool) => avg_pool(x, pool),
            Kernel::GlobalAvgPool => x.f_adaptive_avg_pool2d([1, 1]),
            Kernel::Flatten => x.f_flatten(1, -1),
            Kernel::Dropout { p } => x.f_dropout(*p, self.mode == Mode::Train),
            Kernel::Add => x.f_add(inputs[1]),
            Kernel::Concat => Tensor::f_cat(inputs, 1),
            Kernel::FakeQuant { spec, scale, zero_point } => {
                quantized::activation(self, &step.name, x, spec, (*scale, *zero_point), hook)
            }
        }
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
        let at = |index| Some(self.net.at(index));
        let momentum = self.net.switches.momentum.get().unwrap_or(norm.momentum);
        x.f_batch_norm(at(norm.weight), at(norm.bias), at(norm.mean), at(norm.var), !frozen, momentum, norm.eps, true)
    }
}

fn pair([h, w]: [usize; 2]) -> [i64; 2] {
    [h as i64, w as i64]
}

fn max_pool(x: &Tensor, pool: &Pool2d) -> std::result::Result<Tensor, TchError> {
    x.f_max_pool2d(pair(pool.kernel), pair(pool.stride), pair(pool.padding), [1, 1], false)
}

fn avg_pool(x: &Tensor, pool: &Pool2d) -> std::result::Result<Tensor, TchError> {
    x.f_avg_pool2d(pair(pool.kernel), pair(pool.stride), pair(pool.padding), false, true, None)
}
