//! What torchvision answered, and how near to it is near enough.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use sweep_engine::parity::Step;
use sweep_model::randomise::Uniform;
use sweep_model::zoo::{self, ZooOptions};
use sweep_model::{Graph, Role, Tensor};

/// Of max|Δ| / max|logit|, in f32. Torchvision in f32 is 1e-6 to 1e-5 away from itself in f64.
const LOGITS: f64 = 1e-4;
/// Of a tensor's numbers against its length, in f64.
const STEP: f64 = 1e-8;
/// Gradients that are zero but for rounding (of biases before batch norm) are as near as this to the length of the whole gradient.
const ROUNDING: f64 = 1e-5;
/// The least largest difference of a logit between images, as it stands and against the largest logit: what does not depend on
/// the image compares nothing.
const SPREAD: f64 = 0.1;

/// `engine/tests/zoo/<network>.json`, written by `scripts/parity/fixtures.py`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    network: String,
    classes: usize,
    transform_input: bool,
    parameters: usize,
    /// Side of the images that the logits are for: what the network was published for.
    pub size: usize,
    /// In evaluation, `[N, classes]`.
    pub logits: Vec<Vec<f64>>,
    /// Side of the images of the training step.
    pub step_size: usize,
    loss: f64,
    /// Length, and product with the vector that is drawn from `probe.<name>`.
    gradients: BTreeMap<String, [f64; 2]>,
    buffers: BTreeMap<String, [f64; 2]>,
}

impl Fixture {
    pub fn read(network: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/zoo/{network}.json"));
        let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let fixture: Self = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{network}: {error}"));
        assert_eq!(fixture.network, network);
        fixture
    }

    /// The zoo's network, for square images of this size.
    pub fn graph(&self, size: usize) -> Graph {
        let transform_input = self.transform_input;
        let options = ZooOptions { transform_input, ..ZooOptions::new([3, size, size], self.classes) };
        zoo::build(&self.network, &options).unwrap()
    }

    pub fn check_parameters(&self, graph: &Graph) -> Result<(), String> {
        let parameters = graph.params().filter(|(_, param)| param.role == Role::Parameter);
        let ours: usize = parameters.map(|(_, param)| param.elements()).sum();
        let wanted = self.parameters;
        (ours == wanted).then_some(()).ok_or(format!("{}: {ours} parameters, not {wanted}", self.network))
    }

    pub fn check_logits(&self, who: &str, found: &Tensor) -> Result<(), String> {
        let wanted: Vec<f64> = self.logits.concat();
        assert_eq!(found.shape, [self.logits.len(), self.classes]);
        let largest = wanted.iter().fold(0f64, |most, value| most.max(value.abs()));
        let spread = (0..self.classes).map(|class| {
            let of_class = || self.logits.iter().map(|row| row[class]);
            of_class().fold(f64::MIN, f64::max) - of_class().fold(f64::MAX, f64::min)
        });
        let spread = spread.fold(0f64, f64::max);
        assert!(spread > SPREAD && spread / largest > SPREAD, "{}: a spread of {spread} of {largest}", self.network);
        let far = |most: f64, (a, b): (&f64, &f32)| most.max((a - f64::from(*b)).abs());
        // `f64::max` passes over NaN.
        let finite = found.data.iter().all(|value| value.is_finite());
        let relative = if finite { wanted.iter().zip(&found.data).fold(0.0, far) / largest } else { f64::INFINITY };
        println!("{}: {who}: max|Δ|/max|logit| = {relative:.1e}, spread {spread:.3}", self.network);
        (relative < LOGITS).then_some(()).ok_or(format!("{}: {who} is {relative:e} away", self.network))
    }

    pub fn check_step(&self, step: &Step) -> Result<(), String> {
        let lengths = self.gradients.values().map(|[length, _]| length * length);
        let rounding = ROUNDING * lengths.sum::<f64>().sqrt();
        self.check_tensors("gradient", &step.gradients, &self.gradients, rounding)?;
        self.check_tensors("buffer", &step.buffers, &self.buffers, 0.0)?;
        let off = (step.loss / self.loss - 1.0).abs();
        (off < STEP).then_some(()).ok_or(format!("{}: the loss is {}, not {}", self.network, step.loss, self.loss))
    }

    fn check_tensors(
        &self,
        what: &str,
        found: &[(String, Vec<f64>)],
        wanted: &BTreeMap<String, [f64; 2]>,
        rounding: f64,
    ) -> Result<(), String> {
        let mut names: Vec<&String> = found.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        assert!(names.into_iter().eq(wanted.keys()), "{}: other {what}s than torchvision's", self.network);
        let mut worst = (0f64, "");
        for (name, values) in found {
            let [length, product] = wanted[name];
            let (our_length, our_product) = digest(name, values);
            let off = (our_length - length).abs().max((our_product - product).abs()) / length.max(rounding);
            // Written so that NaN is a difference.
            if !off.is_finite() || off > STEP {
                return Err(format!("{}: {what} {name} is {off:e} away", self.network));
            }
            worst = if off > worst.0 { (off, name) } else { worst };
        }
        println!("{}: {what}s: {:.1e} at {}", self.network, worst.0, worst.1);
        Ok(())
    }
}

fn digest(name: &str, values: &[f64]) -> (f64, f64) {
    let mut probe = Uniform::new(&format!("probe.{name}"));
    let (mut squares, mut product) = (0.0, 0.0);
    for value in values {
        squares += value * value;
        product += value * probe.draw();
    }
    (squares.sqrt(), product)
}
