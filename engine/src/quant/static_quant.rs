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

/// Quantizes a trained float network without training: folds batch norm, inserts quantizers for `profile`, takes the
/// activations' ranges from `images`, fits the weights' scales. The result is deployable.
pub fn post_training(
    model: &Model,
    profile: Profile,
    observer: Observer,
    images: &Loader,
    device: Device,
) -> Result<Model> {
    let folded = pipeline::deploy(model).map_err(Error::stage("folding batch norm"))?;
    let inserted = quantize::insert(&folded, profile).map_err(Error::stage("inserting quantizers"))?;
    let net = Net::new(&inserted, device)?;
    calibrate(&net, images, observer)?.store(&net)?;
    deploy(&net.to_model()?)
}

/// Folds what is not folded yet and fits the weights' scales to the weights as they are now: the network as its file will
/// hold it. Activation ranges are left alone.
pub fn deploy(model: &Model) -> Result<Model> {
    let mut deployed = pipeline::deploy(model).map_err(Error::stage("folding batch norm"))?;
    quantize::fit_weight_scales(&mut deployed).map_err(Error::stage("fitting weight scales"))?;
    Ok(deployed)
}

/// The deployed network in libtorch, computing what its integer file computes, up to the rounding of sums: what the file
/// is checked against.
pub fn simulation(deployed: &Model, device: Device) -> Result<Net> {
    let model = quantize::as_deployed(deployed).map_err(Error::stage("simulating the quantized network"))?;
    Ok(Net::new(&model, device)?)
}
