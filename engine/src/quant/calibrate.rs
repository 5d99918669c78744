//! Showing a network images to learn its ranges.

use sweep_shared::spec;

use super::observers::{Observers, Watching};
use crate::data::{Loader, Split, shuffled};
use crate::error::{Error, Result};
use crate::lower::{Mode, Net};

/// `count` images of the training split (all of them if it has fewer), drawn with a fixed seed so that every job and every
/// observer of a sweep sees the same. Calibration never sees a test or validation image.
pub fn calibration_split(train: &Split, count: usize) -> Split {
    const SEED: u64 = 0x6361_6c69_6272_6174; // "calibrat"
    let mut chosen = shuffled(train.len(), SEED, 0);
    chosen.truncate(count.max(1));
    train.select(&chosen)
}

/// Runs `images` through `net` with nothing quantized, and returns what observers of this kind saw. The net's quantizers
/// are on again afterwards. Each batch of the loader is `share` of a calibration batch: 1, unless memory was short.
pub fn calibrate(net: &Net, images: &Loader, share: f64, kind: spec::Observer) -> Result<Observers> {
    let mut observers = Observers::new(net.graph(), kind);
    switch(net, false);
    let seen = watch(net, images, share, &mut observers);
    switch(net, true);
    seen?;
    let unusable = observers.unusable();
    if unusable.is_empty() {
        return Ok(observers);
    }
    Err(Error::BadInput(format!("calibration saw no finite values at {}: is the network sound?", unusable.join(", "))))
}

fn watch(net: &Net, images: &Loader, share: f64, observers: &mut Observers) -> Result<()> {
    for batch in images.epoch(0, 0) {
        let images = batch?.images;
        let mut watching = Watching { observers: &mut *observers, share };
        let _ = tch::no_grad(|| net.forward_with(&images, Mode::Eval, &mut watching))?;
    }
    Ok(())
}

fn switch(net: &Net, on: bool) {
    net.set_activation_quant(on);
    net.set_weight_quant(on);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Images;

    #[test]
    fn calibration_takes_distinct_training_images_always_the_same() {
        let pixels = (0..100).flat_map(|index| [index as u8; 3]).collect();
        let train = Split { images: Images { height: 1, width: 1, pixels }, labels: (0..100).collect() };
        let chosen = calibration_split(&train, 30);
        let distinct: std::collections::HashSet<u16> = chosen.labels.iter().copied().collect();
        assert_eq!((chosen.len(), distinct.len()), (30, 30));
        assert_eq!(calibration_split(&train, 30), chosen);
        assert_eq!(calibration_split(&train, 1_000).len(), 100);
    }
}
