//! The engine on a real GPU. Where there is none each test says `skipped: why`; `make gpu-bundle` packs this program for machines that have
//! one and no compiler.
//!
//! libtorch keeps its generators and current streams in one process, so all of it is one test, whose parts are told by name.

use sweep_engine::lower::{Mode, Net};
use sweep_engine::optim::Optimizer;
use sweep_engine::runner::prepare_cuda;
use sweep_engine::train::cross_entropy;
use sweep_engine::{Error, Result};
use sweep_engine_sys::autocast::Autocast;
use sweep_engine_sys::cuda::{graph::Graph, memory};
use sweep_engine_sys::rng;
use sweep_model::zoo::{self, ZooOptions};
use sweep_model::{Model, init};
use sweep_shared::spec::OptimizerSpec;
use sweep_shared::states::FailureClass;
use tch::{Device, Kind, Tensor};

const GPU: Device = Device::Cuda(0);

/// The name of the part and what it does.
type Part = (&'static str, fn() -> Result<()>);

const PARTS: [Part; 6] = [
    ("a training step on the GPU is that of the CPU", same_step),
    ("autocast computes in bf16", bf16),
    ("the generator's state can be put back", generator),
    ("a recorded training step repeats what it does unrecorded", recorded),
    ("memory is told, and its peak", told),
    // The last: what fails here leaves the allocator bounded.
    ("beyond its limit the allocator fails as out of memory", limited),
];

#[test]
fn on_a_gpu() {
    prepare_cuda();
    if !tch::Cuda::is_available() {
        eprintln!(
            "cuda: skipped: libtorch sees no CUDA device here (a driver and a full torch 2.11.0 in LD_LIBRARY_PATH are needed)"
        );
        return;
    }
    for (name, part) in PARTS {
        part().unwrap_or_else(|error| panic!("{name}: {error}"));
        eprintln!("cuda: ran: {name}");
    }
}

fn model() -> Model {
    init::model(zoo::build("small-cnn", &ZooOptions::default()).expect("it is in the zoo"), 1)
}

fn images(device: Device) -> (Tensor, Tensor) {
    tch::manual_seed(5);
    let images = Tensor::randn([32, 3, 32, 32], (Kind::Float, Device::Cpu));
    let labels = Tensor::arange(32, (Kind::Int64, Device::Cpu)).remainder(10);
    (images.to_device(device), labels.to_device(device))
}

/// A network on the device, with its optimizer.
struct Trained {
    net: Net,
    optimizer: Optimizer,
    batch: (Tensor, Tensor),
}

impl Trained {
    fn new(device: Device) -> Result<Self> {
        let net = Net::new(&model(), device)?;
        let sgd = OptimizerSpec::Sgd { lr: 0.05, momentum: 0.9, weight_decay: 1e-4, nesterov: false };
        let optimizer = Optimizer::new(&sgd, net.parameters())?;
        Ok(Self { net, optimizer, batch: images(device) })
    }

    /// The loss before the step.
    fn loss(&self) -> Result<Tensor> {
        cross_entropy(&self.net.forward(&self.batch.0, Mode::Train)?, &self.batch.1, 0.1)
    }

    fn step(&mut self) -> Result<Tensor> {
        self.optimizer.zero_grad()?;
        let loss = self.loss()?;
        loss.f_backward()?;
        self.optimizer.step(1.0)?;
        Ok(loss.detach())
    }

    fn losses(&mut self, steps: usize) -> Result<Vec<f64>> {
        (0..steps).map(|_| Ok(self.step()?.double_value(&[]))).collect()
    }
}

fn close(a: &[f64], b: &[f64], tolerance: f64) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance * b.abs().max(1e-3))
}

fn same_step() -> Result<()> {
    let on_gpu = Trained::new(GPU)?.losses(5)?;
    let on_cpu = Trained::new(Device::Cpu)?.losses(5)?;
    assert!(on_cpu[4] < on_cpu[0], "it learns: {on_cpu:?}");
    // TF32 is off by default for products; cuDNN's convolutions use it: ten bits of mantissa.
    assert!(close(&on_gpu, &on_cpu, 2e-2), "{on_gpu:?} on the GPU, {on_cpu:?} on the CPU");
    Ok(())
}

fn bf16() -> Result<()> {
    let trained = Trained::new(GPU)?;
    let exact = trained.loss()?.double_value(&[]);
    let _autocast = Autocast::new(GPU, Kind::BFloat16)?;
    let x = Tensor::ones([8, 8], (Kind::Float, GPU));
    assert_eq!(x.matmul(&x).kind(), Kind::BFloat16);
    let half = trained.loss()?.double_value(&[]);
    assert!(close(&[half], &[exact], 5e-2), "{half} in bf16, {exact} in fp32");
    Ok(())
}

fn generator() -> Result<()> {
    tch::manual_seed(7);
    let saved = rng::state(GPU)?;
    let draw = || Vec::<f32>::try_from(Tensor::rand([64], (Kind::Float, GPU)).to_device(Device::Cpu));
    let first = draw()?;
    assert_ne!(first, draw()?, "the generator moved on");
    rng::set_state(GPU, &saved)?;
    assert_eq!(first, draw()?);
    Ok(())
}

/// Forward and backward pass recorded, and replayed with other images in the same memory: losses and gradients are those of the
/// same pass unrecorded.
fn recorded() -> Result<()> {
    let mut trained = Trained::new(GPU)?;
    trained.losses(2)?;
    // So that a pass changes nothing that the next one reads.
    trained.net.freeze_batch_norm(true);
    let loss = Tensor::zeros([], (Kind::Float, GPU));
    let gradient = |trained: &Trained| -> Tensor { trained.net.parameters()[0].1.grad() };
    trained.optimizer.zero_grad()?;
    trained.loss()?.f_backward()?;
    let pass = || -> Result<()> {
        for (_, parameter) in trained.net.parameters() {
            let _zero = parameter.grad().f_zero_()?;
        }
        let now = trained.loss()?;
        now.f_backward()?;
        loss.shallow_clone().copy_(&now.detach());
        Ok(())
    };
    let graph = Graph::capture::<Error>(0, 3, pass)?;
    let other = trained.batch.0.f_neg()?;
    trained.batch.0.shallow_clone().copy_(&other);
    graph.replay()?;
    let (replayed, grad) = (loss.double_value(&[]), gradient(&trained).copy());
    trained.optimizer.zero_grad()?;
    let now = trained.loss()?;
    now.f_backward()?;
    let plain = now.double_value(&[]);
    assert!(close(&[replayed], &[plain], 1e-4), "{replayed} replayed, {plain} unrecorded");
    let difference = (grad - gradient(&trained)).abs().max().double_value(&[]);
    let largest = gradient(&trained).abs().max().double_value(&[]);
    assert!(difference <= 1e-3 * largest, "gradients differ by {difference} of {largest}");
    Ok(())
}

fn told() -> Result<()> {
    let before = memory::memory(0)?;
    assert!(before.free_bytes > 0 && before.free_bytes <= before.total_bytes);
    let block = Tensor::zeros([256 << 20], (Kind::Uint8, GPU));
    let now = memory::memory(0)?;
    assert!(now.peak_bytes >= 256 << 20 && now.peak_bytes >= before.peak_bytes, "{now:?}");
    drop(block);
    Ok(())
}

fn limited() -> Result<()> {
    memory::limit(0, 1 << 30)?;
    let error = Tensor::f_zeros([2 << 30], (Kind::Uint8, GPU)).expect_err("it is twice the limit");
    assert_eq!(Error::from(error).class(), Some(FailureClass::OutOfMemory));
    // What fits still does.
    let _fits = Tensor::f_zeros([1 << 20], (Kind::Uint8, GPU))?;
    Ok(())
}
