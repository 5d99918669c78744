//! SGD with momentum, and AdamW.

use sweep_engine_sys::fused::{self, AdamWStep, SgdStep};
use sweep_shared::spec::OptimizerSpec;
use tch::{Device, Kind, Tensor};

use crate::checkpoint::{self, State, StateReader, StateWriter};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Sys(#[from] sweep_engine_sys::Error),
    #[error(transparent)]
    Torch(#[from] tch::TchError),
}

/// An optimizer over a fixed list of parameters, which it shares with the network.
#[derive(Debug)]
pub struct Optimizer {
    spec: OptimizerSpec,
    names: Vec<String>,
    params: Vec<Tensor>,
    /// Momentum (SGD) or first moments (AdamW), laid out in memory like the parameters.
    first: Vec<Tensor>,
    /// Second moments; empty for SGD.
    second: Vec<Tensor>,
    /// One scalar per parameter as the kernel wants it, all equal to `taken`; empty for SGD.
    counts: Vec<Tensor>,
    /// Steps taken so far.
    taken: u64,
}

impl Optimizer {
    /// `params` are (name, tensor) pairs in a fixed order; the tensors require gradients.
    pub fn new(spec: &OptimizerSpec, params: Vec<(String, Tensor)>) -> Result<Self, Error> {
        let (names, params): (Vec<_>, Vec<_>) = params.into_iter().unzip();
        let zeros = || params.iter().map(|p| Ok(p.f_detach()?.f_zeros_like()?)).collect::<Result<Vec<_>, Error>>();
        let (first, second, counts) = match spec {
            OptimizerSpec::Sgd { .. } => (zeros()?, Vec::new(), Vec::new()),
            OptimizerSpec::Adamw { .. } => (zeros()?, zeros()?, counters(&params)?),
        };
        Ok(Self { spec: spec.clone(), names, first, second, counts, params, taken: 0 })
    }

    pub fn steps_taken(&self) -> u64 {
        self.taken
    }

    /// Drops all gradients: call before each backward pass.
    pub fn zero_grad(&self) -> Result<(), Error> {
        Ok(fused::zero_grads(&self.params)?)
    }

    /// One update with the gradients at hand. `factor` is the schedule's share of the learning rate ([`super::factor`]).
    pub fn step(&mut self, factor: f64) -> Result<(), Error> {
        match self.spec {
            OptimizerSpec::Sgd { lr, momentum, weight_decay, nesterov } => {
                let first = self.taken == 0;
                let step = SgdStep { lr: lr * factor, momentum, weight_decay, nesterov, first };
                fused::sgd(&self.params, &self.first, step)?;
            }
            OptimizerSpec::Adamw { lr, beta1, beta2, eps, weight_decay } => {
                for count in &mut self.counts {
                    let _ = count.f_add_scalar_(1.0)?;
                }
                let step = AdamWStep { lr: lr * factor, beta1, beta2, weight_decay, eps };
                fused::adamw(&self.params, &self.first, &self.second, &self.counts, step)?;
            }
        }
        self.taken += 1;
        Ok(())
    }

    /// The learning rate at a schedule's `factor`.
    pub fn learning_rate(&self, factor: f64) -> f64 {
        match self.spec {
            OptimizerSpec::Sgd { lr, .. } | OptimizerSpec::Adamw { lr, .. } => lr * factor,
        }
    }
}

fn counters(params: &[Tensor]) -> Result<Vec<Tensor>, Error> {
    let device = |p: &Tensor| if p.device().is_cuda() { p.device() } else { Device::Cpu };
    params.iter().map(|p| Ok(Tensor::f_zeros([] as [i64; 0], (Kind::Float, device(p)))?)).collect()
}

impl State for Optimizer {
    fn save(&self, writer: &mut StateWriter) -> checkpoint::Result<()> {
        writer.value("taken", &self.taken)?;
        for (scope, tensors) in [("first", &self.first), ("second", &self.second)] {
            for (name, tensor) in self.names.iter().zip(tensors) {
                writer.tensor(&format!("{scope}/{name}"), tensor)?;
            }
        }
        Ok(())
    }

    fn load(&mut self, reader: &StateReader) -> checkpoint::Result<()> {
        self.taken = reader.value("taken")?;
        for (scope, tensors) in [("first", &mut self.first), ("second", &mut self.second)] {
            for (name, tensor) in self.names.iter().zip(tensors) {
                reader.tensor_into(&format!("{scope}/{name}"), tensor)?;
            }
        }
        for count in &mut self.counts {
            let _ = count.f_fill_(self.taken as f64)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::CheckpointStore;

    const SGD: OptimizerSpec = OptimizerSpec::Sgd { lr: 0.1, momentum: 0.9, weight_decay: 0.01, nesterov: false };
    const NESTEROV: OptimizerSpec = OptimizerSpec::Sgd { lr: 0.1, momentum: 0.9, weight_decay: 0.01, nesterov: true };
    const PLAIN: OptimizerSpec = OptimizerSpec::Sgd { lr: 0.1, momentum: 0.0, weight_decay: 0.0, nesterov: false };
    const ADAMW: OptimizerSpec =
        OptimizerSpec::Adamw { lr: 0.1, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 };

    fn parameter(start: &[f32]) -> Tensor {
        Tensor::from_slice(start).set_requires_grad(true)
    }

    fn optimizer(spec: &OptimizerSpec, p: &Tensor) -> Optimizer {
        Optimizer::new(spec, vec![("p".into(), p.shallow_clone())]).unwrap()
    }

    /// The loss ½·p², whose gradient is p.
    fn step(optimizer: &mut Optimizer, p: &Tensor, factor: f64) {
        optimizer.zero_grad().unwrap();
        (p * p * 0.5).sum(Kind::Float).backward();
        optimizer.step(factor).unwrap();
    }

    fn run(spec: &OptimizerSpec, steps: usize) -> f64 {
        let p = parameter(&[2.0]);
        let mut optimizer = optimizer(spec, &p);
        (0..steps).for_each(|_| step(&mut optimizer, &p, 1.0));
        p.double_value(&[0])
    }

    /// `torch.optim.SGD`'s formula in f64.
    fn sgd_formula(momentum: f64, decay: f64, nesterov: bool, steps: usize) -> f64 {
        let (mut p, mut buffer) = (2.0f64, None);
        for _ in 0..steps {
            let g = p + decay * p;
            let b = buffer.map_or(g, |b: f64| momentum * b + g);
            buffer = Some(b);
            p -= 0.1 * if nesterov { g + momentum * b } else { b };
        }
        p
    }

    #[test]
    fn sgd_follows_the_formula() {
        assert!((run(&PLAIN, 5) - 2.0 * 0.9f64.powi(5)).abs() < 1e-6);
        assert!((run(&SGD, 5) - sgd_formula(0.9, 0.01, false, 5)).abs() < 1e-6);
        assert!((run(&NESTEROV, 5) - sgd_formula(0.9, 0.01, true, 5)).abs() < 1e-6);
    }

    #[test]
    fn adamw_follows_the_formula() {
        let (mut p, mut m, mut v) = (2.0f64, 0.0, 0.0);
        for t in 1..=5 {
            let g = p;
            p *= 1.0 - 0.1 * 0.01;
            m = 0.9 * m + 0.1 * g;
            v = 0.999 * v + 0.001 * g * g;
            let (m_hat, v_hat) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.999f64.powi(t)));
            p -= 0.1 * m_hat / (v_hat.sqrt() + 1e-8);
        }
        assert!((run(&ADAMW, 5) - p).abs() < 1e-5);
    }

    #[test]
    fn a_saved_and_loaded_optimizer_continues_bitwise() {
        for spec in [SGD, NESTEROV, PLAIN, ADAMW] {
            let p = parameter(&[2.0, -0.3, 0.7]);
            let mut original = optimizer(&spec, &p);
            (0..3).for_each(|_| step(&mut original, &p, 0.5));
            let folder = tempfile::tempdir().unwrap();
            let mut writer = StateWriter::new();
            writer.part("optimizer", &original).unwrap();
            let mut store = CheckpointStore::open(folder.path()).unwrap();
            store.save(&writer, &[], false).unwrap();

            let q = p.detach().copy().set_requires_grad(true);
            let mut resumed = optimizer(&spec, &q);
            store.newest(&[]).unwrap().unwrap().reader.part("optimizer", &mut resumed).unwrap();
            for _ in 0..3 {
                step(&mut original, &p, 0.7);
                step(&mut resumed, &q, 0.7);
            }
            assert_eq!(p, q, "{spec:?}");
            assert_eq!(resumed.steps_taken(), 6);
        }
    }

    #[test]
    fn channels_last_parameters_get_the_same_update_as_contiguous_ones() {
        let values = Tensor::arange(2 * 3 * 2 * 2, (Kind::Float, Device::Cpu)).view([2, 3, 2, 2]);
        let last = values.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]).set_requires_grad(true);
        let first = values.copy().set_requires_grad(true);
        for p in [&last, &first] {
            let mut optimizer = optimizer(&SGD, p);
            (0..3).for_each(|_| step(&mut optimizer, p, 1.0));
        }
        assert_eq!(last, first);
    }
}
