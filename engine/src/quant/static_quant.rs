//! Post-training quantization, and what both ways of quantizing share at the end.

use sweep_model::Model;
use sweep_model::passes::pipeline;
use sweep_model::passes::quantize::{self, Profile};
use sweep_shared::spec::{Observer, QuantTarget};
use tch::Device;

use super::calibrate::calibrate;
use crate::data::Loader;
use crate::error::{Error, Result};
use crate::lower::Net;

/// The model crate's name for a plan's target.
pub fn profile(target: QuantTarget) -> Profile {
    match target {
        QuantTarget::OrtVnni => Profile::OrtVnni,
    }
}

/// Quantizes a trained float network without training: inserts quantizers for `profile`, takes the activations' ranges from
/// `images` (each batch being `share` of a calibration batch), fits the weights' scales. Batch norm stays in the network and is folded by [`deploy`].
pub fn post_training(
    model: &Model,
    profile: Profile,
    observer: Observer,
    images: &Loader,
    share: f64,
    device: Device,
) -> Result<Model> {
    let inserted = quantize::insert(model, profile).map_err(Error::stage("inserting quantizers"))?;
    let net = Net::new(&inserted, device)?;
    calibrate(&net, images, share, observer)?.store(&net)?;
    with_fitted_weights(net.to_model()?)
}

/// Fits the weights' scales to the weights as they are now, and as they will be folded.
pub fn with_fitted_weights(mut model: Model) -> Result<Model> {
    quantize::fit_weight_scales(&mut model).map_err(Error::stage("fitting weight scales"))?;
    Ok(model)
}

/// The network as its file holds it: batch norm folded, dropout gone.
pub fn deploy(model: &Model) -> Result<Model> {
    pipeline::deploy(model).map_err(Error::stage("folding batch norm"))
}

/// A quantized network in libtorch, computing what its integer file computes, up to the rounding of sums: what the file is
/// checked against.
pub fn simulation(quantized: &Model, device: Device) -> Result<Net> {
    let model = quantize::as_deployed(quantized).map_err(Error::stage("simulating the quantized network"))?;
    Ok(Net::new(&model, device)?)
}
