//! One observer for every activation quantizer of a network.

use std::collections::BTreeMap;

use sweep_model::passes::quantize::affine;
use sweep_model::{Graph, Op, QuantSpec};
use sweep_shared::spec;
use tch::{Kind, TchError, Tensor};

use super::observer::{AVERAGING, Extremes, Observer};
use crate::checkpoint::{self, State, StateReader, StateWriter};
use crate::lower::{Hook, Net};

/// Observers by the name of their `FakeQuant` node.
#[derive(Debug, Clone, PartialEq)]
pub struct Observers(BTreeMap<String, (QuantSpec, Observer)>);

impl Observers {
    /// Observers of one kind for all of `graph`'s `FakeQuant` nodes, which have seen nothing.
    pub fn new(graph: &Graph, kind: spec::Observer) -> Observers {
        let quantizers = graph.nodes.iter().filter_map(|node| match &node.op {
            Op::FakeQuant(spec) => Some((node.name.clone(), (*spec, Observer::new(kind)))),
            _ => None,
        });
        Observers(quantizers.collect())
    }

    /// Moving averages that begin at the ranges these observers found.
    pub fn into_moving_averages(self) -> Observers {
        let begin = |(name, (spec, observer)): (String, (QuantSpec, Observer))| {
            let extremes = Extremes::averaging(AVERAGING);
            let extremes = match observer.range(spec.steps()) {
                Some(range) => extremes.starting_at(range),
                None => extremes,
            };
            (name, (spec, Observer::Extremes(extremes)))
        };
        Observers(self.0.into_iter().map(begin).collect())
    }

    /// Scale and zero point for the range that `node`'s observer found; `None` before it saw anything.
    pub fn quantizer(&self, node: &str) -> Option<(f32, i32)> {
        let (spec, observer) = self.0.get(node)?;
        let (min, max) = observer.range(spec.steps())?;
        Some(affine(min, max, spec))
    }

    /// The nodes whose values were not finite, or were never seen: their ranges mean nothing.
    pub fn unusable(&self) -> Vec<&str> {
        let sound = |(spec, observer): &(QuantSpec, Observer)| {
            observer.range(spec.steps()).is_some_and(|(min, max)| min.is_finite() && max.is_finite())
        };
        self.0.iter().filter(|(_, entry)| !sound(entry)).map(|(name, _)| name.as_str()).collect()
    }

    /// Writes scales and zero points into `net`.
    pub fn store(&self, net: &Net) -> crate::Result<()> {
        for name in self.0.keys() {
            let Some((scale, zero_point)) = self.quantizer(name) else { continue };
            for (param, value) in [("scale", scale), ("zero_point", zero_point as f32)] {
                net.set_tensor(&format!("{name}.{param}"), &Tensor::f_from_slice(&[value])?.f_to_kind(Kind::Float)?)?;
            }
        }
        Ok(())
    }

    fn observe(&mut self, node: &str, value: &Tensor, share: f64) -> Result<(), TchError> {
        match self.0.get_mut(node) {
            Some((_, observer)) => observer.observe(value, share),
            None => Ok(()),
        }
    }
}

impl State for Observers {
    fn save(&self, writer: &mut StateWriter) -> checkpoint::Result<()> {
        self.0.iter().try_for_each(|(name, (_, observer))| writer.part(name, observer))
    }

    fn load(&mut self, reader: &StateReader) -> checkpoint::Result<()> {
        self.0.iter_mut().try_for_each(|(name, (_, observer))| reader.part(name, observer))
    }
}

/// Only watches.
pub(super) struct Watching<'a> {
    pub observers: &'a mut Observers,
    /// What it is shown, as a share of a batch: moving averages move by so much of a batch's step.
    pub share: f64,
}

impl Hook for Watching<'_> {
    fn fake_quant(&mut self, node: &str, value: &Tensor) -> Result<Option<(f64, i64)>, TchError> {
        self.observers.observe(node, value, self.share).map(|()| None)
    }
}

/// Watches, and hands each quantizer the range as it is now.
pub(super) struct Live<'a> {
    pub observers: &'a mut Observers,
    /// What it is shown, as a share of a batch: moving averages move by so much of a batch's step.
    pub share: f64,
}

impl Hook for Live<'_> {
    fn fake_quant(&mut self, node: &str, value: &Tensor) -> Result<Option<(f64, i64)>, TchError> {
        self.observers.observe(node, value, self.share)?;
        Ok(self.observers.quantizer(node).map(|(scale, zero_point)| (f64::from(scale), i64::from(zero_point))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::CheckpointStore;
    use sweep_model::passes::quantize::{Profile, insert};
    use sweep_model::{init, zoo};

    fn graph() -> Graph {
        let model = init::model(zoo::build("tiny-cnn", &zoo::ZooOptions::default()).unwrap(), 1);
        insert(&model, Profile::OrtVnni).unwrap().graph
    }

    /// A batch that differs from call to call, with zeros, both signs and an outlier.
    fn batch(index: i32) -> Tensor {
        let values: Vec<f32> = (0..200).map(|at| ((at * 37 + index * 11) % 101 - 40) as f32 * 0.173).collect();
        Tensor::from_slice(&values)
    }

    #[test]
    fn what_comes_back_from_a_checkpoint_is_equal_bit_by_bit() {
        use spec::Observer::{Entropy, MinMax, MovingAverage, Percentile};
        for kind in [MinMax, MovingAverage, Percentile, Entropy] {
            let folder = tempfile::tempdir().unwrap();
            let mut store = CheckpointStore::open(folder.path()).unwrap();
            let mut observers = Observers::new(&graph(), kind);
            (0..5).for_each(|index| observers.observe("conv1.quant", &batch(index), 1.0).unwrap());
            let mut writer = StateWriter::new();
            writer.part("observers", &observers).unwrap();
            store.save(&writer, &[], false).unwrap();
            let reader = store.newest(&[]).unwrap().unwrap().reader;
            let mut restored = Observers::new(&graph(), kind);
            reader.part("observers", &mut restored).unwrap();
            assert_eq!(restored, observers, "{kind:?}");
            // And they go on alike.
            restored.observe("conv1.quant", &batch(9), 1.0).unwrap();
            observers.observe("conv1.quant", &batch(9), 1.0).unwrap();
            assert_eq!(restored.quantizer("conv1.quant"), observers.quantizer("conv1.quant"));
        }
    }

    #[test]
    fn a_live_observer_hands_out_the_range_it_has_just_seen() {
        let mut observers = Observers::new(&graph(), spec::Observer::MinMax);
        let value = Tensor::from_slice(&[0f32, 2.55]);
        let handed = Live { observers: &mut observers, share: 1.0 }.fake_quant("conv1.quant", &value).unwrap();
        assert_eq!(handed, Some((f64::from(2.55f32 / 255.0), 0)));
        assert_eq!(Watching { observers: &mut observers, share: 1.0 }.fake_quant("conv1.quant", &value).unwrap(), None);
    }

    #[test]
    fn moving_averages_begin_where_calibration_ended() {
        let mut observers = Observers::new(&graph(), spec::Observer::Percentile);
        observers.observe("conv1.quant", &batch(1), 1.0).unwrap();
        let calibrated = observers.quantizer("conv1.quant");
        let mut averages = observers.into_moving_averages();
        assert!(calibrated.is_some());
        assert_eq!(averages.quantizer("conv1.quant"), calibrated);
        averages.observe("conv1.quant", &(batch(1) * 2.0), 1.0).unwrap();
        let (before, after) = (calibrated.unwrap().0, averages.quantizer("conv1.quant").unwrap().0);
        assert!(after > before && after < before * 1.1, "{before} then {after}");
    }

    #[test]
    fn ranges_that_mean_nothing_are_named() {
        let mut observers = Observers::new(&graph(), spec::Observer::MinMax);
        let all = observers.unusable().len();
        observers.observe("conv1.quant", &batch(0), 1.0).unwrap();
        assert!(!observers.unusable().contains(&"conv1.quant"));
        assert_eq!(observers.unusable().len(), all - 1);
        observers.observe("conv1.quant", &Tensor::from_slice(&[f32::NAN, 1.0]), 1.0).unwrap();
        assert!(observers.unusable().contains(&"conv1.quant"));
    }
}
