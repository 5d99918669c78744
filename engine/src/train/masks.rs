//! The zeros of unstructured pruning, held through training.

use sweep_model::Weights;
use tch::{Device, Tensor};

use crate::checkpoint::{self, State, StateReader, StateWriter};
use crate::error::Result;
use crate::lower::{Net, channels_last, to_torch};

/// One 0/1 tensor per pruned parameter, by the parameter's name. Empty where nothing is masked.
#[derive(Debug)]
pub struct Masks {
    device: Device,
    masks: Vec<(String, Tensor)>,
}

impl Masks {
    pub fn none() -> Self {
        Self::on(Device::Cpu)
    }

    /// No masks yet, to be loaded onto `device` from a checkpoint.
    pub fn on(device: Device) -> Self {
        Self { device, masks: Vec::new() }
    }

    pub fn new(masks: &Weights, device: Device) -> Result<Self> {
        let mut all = Vec::with_capacity(masks.len());
        for (name, mask) in masks.iter() {
            all.push((name.to_owned(), lay_out(&to_torch(mask, device)?, device)?));
        }
        Ok(Self { device, masks: all })
    }

    /// Sets the masked weights to zero. Their momentum is left alone: whatever it
    /// adds to them at the next step is zeroed again.
    pub fn apply(&self, net: &Net) -> Result<()> {
        for (name, mask) in &self.masks {
            if let Some(mut weight) = net.tensor(name) {
                let _ = tch::no_grad(|| weight.f_mul_(mask))?;
            }
        }
        Ok(())
    }
}

fn lay_out(mask: &Tensor, device: Device) -> Result<Tensor> {
    Ok(if device == Device::Cpu { channels_last(mask)? } else { mask.shallow_clone() })
}

impl State for Masks {
    fn save(&self, writer: &mut StateWriter) -> checkpoint::Result<()> {
        for (name, mask) in &self.masks {
            writer.tensor(name, &mask.f_to_kind(tch::Kind::Bool)?)?;
        }
        Ok(())
    }

    fn load(&mut self, reader: &StateReader) -> checkpoint::Result<()> {
        self.masks.clear();
        for name in reader.tensor_names() {
            let mask = reader.tensor(name)?.f_to_kind(tch::Kind::Float)?.f_to_device(self.device)?;
            let mask = if self.device == Device::Cpu { channels_last(&mask)? } else { mask };
            self.masks.push((name.to_owned(), mask));
        }
        Ok(())
    }
}
