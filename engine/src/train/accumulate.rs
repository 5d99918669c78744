//! The gradients of one batch, from all of it at once or from one part after the other.

use tch::Tensor;

use super::objective::Objective;
use super::precision::autocast;
use super::tally::Tally;
use crate::data::Batch;
use crate::error::Result;
use crate::lower::Net;

/// Adds to the parameters' gradients those of the mean loss over `batch`, which is run in `parts` nearly equal parts, and to
/// `tally` what came of it. Only one part's values are in memory at a time.
///
/// The gradients are those of the whole batch up to rounding, with one exception: batch norm normalises each part by the part's
/// own statistics. What averages over steps (running statistics, observers) is told each part's share, so that it forgets as fast
/// as it would have.
pub fn accumulate(
    net: &Net,
    objective: &mut dyn Objective,
    batch: &Batch,
    parts: u32,
    bf16: bool,
    tally: &mut Tally,
) -> Result<()> {
    let images = batch.labels.size()[0];
    let result = sizes(images, parts).try_for_each(|(start, count)| {
        let share = count as f64 / images as f64;
        net.set_share(share);
        part(net, objective, &batch.part(start, count)?, share, bf16, tally)
    });
    net.set_share(1.0);
    result
}

fn part(
    net: &Net,
    objective: &mut dyn Objective,
    part: &Batch,
    share: f64,
    bf16: bool,
    tally: &mut Tally,
) -> Result<()> {
    let device = net.device();
    let part = Batch { images: part.images.f_to_device(device)?, labels: part.labels.f_to_device(device)? };
    let outcome = {
        let _autocast = autocast(bf16, device)?;
        objective.outcome(net, &part)?
    };
    of_the_whole(&outcome.loss, share)?.f_backward()?;
    tally.add(&outcome, &part.labels)
}

/// A part's mean loss as its share of the batch's. The loss of a whole batch stays as it is, bit by bit.
fn of_the_whole(loss: &Tensor, share: f64) -> Result<Tensor> {
    Ok(if share < 1.0 { loss.f_mul_scalar(share)? } else { loss.shallow_clone() })
}

/// Where each part begins, and how many images it has: the first ones have one more where they cannot be equal.
fn sizes(images: i64, parts: u32) -> impl Iterator<Item = (i64, i64)> {
    let parts = i64::from(parts.max(1));
    let start = move |part: i64| part * (images / parts) + part.min(images % parts);
    (0..parts).map(move |part| (start(part), start(part + 1) - start(part)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{CrossEntropy, Distillation, Masks};
    use sweep_model::{Auxiliary, GraphBuilder, Model, Op, init};
    use tch::{Device, Kind};

    #[test]
    fn parts_are_nearly_equal_and_cover_the_batch() {
        let all = |images, parts| sizes(images, parts).collect::<Vec<_>>();
        assert_eq!(all(8, 1), [(0, 8)]);
        assert_eq!(all(8, 3), [(0, 3), (3, 3), (6, 2)]);
        assert_eq!(all(11, 4), [(0, 3), (3, 3), (6, 3), (9, 2)]);
    }

    /// conv → relu → pooling → linear, with an auxiliary classifier and no batch norm.
    fn model(seed: u64) -> Model {
        let mut b = GraphBuilder::new("plain", [3, 8, 8], 5);
        let x = b.conv("conv", "input", 6, 3, 2);
        let x = b.relu("relu", &x);
        let flat = b.push("flat", Op::Flatten, &[&x]);
        b.linear("aux", &flat, 5);
        let logits = b.classifier(&x);
        let mut graph = b.finish(&logits).unwrap();
        graph.auxiliary.push(Auxiliary { output: "aux".into(), loss_weight: 0.3 });
        init::model(graph, seed)
    }

    fn batch(images: i64) -> Batch {
        tch::manual_seed(5);
        let labels = (0..images).map(|index| index % 5).collect::<Vec<_>>();
        let images = Tensor::randn([images, 3, 8, 8], (Kind::Float, Device::Cpu));
        Batch { images, labels: Tensor::from_slice(&labels) }
    }

    /// All gradients in one row, and the tally's loss and accuracy.
    fn gradients(objective: &mut dyn Objective, batch: &Batch, parts: u32) -> (Tensor, [f64; 2]) {
        let net = Net::double(&model(1), Device::Cpu).unwrap();
        let mut tally = Tally::new(Device::Cpu).unwrap();
        accumulate(&net, objective, batch, parts, false, &mut tally).unwrap();
        let flat: Vec<Tensor> = net.parameters().iter().map(|(_, p)| p.grad().reshape([-1])).collect();
        assert_eq!(tally.images(), batch.labels.size()[0]);
        (Tensor::cat(&flat, 0), [tally.loss().unwrap(), tally.accuracy().unwrap()])
    }

    fn check(objective: &mut dyn Objective, tolerance: f64) {
        let batch = batch(11);
        let (whole, told) = gradients(objective, &batch, 1);
        let size = whole.abs().max().double_value(&[]);
        for parts in [2, 3, 5, 11] {
            let (found, told_in_parts) = gradients(objective, &batch, parts);
            let apart = (&found - &whole).abs().max().double_value(&[]) / size;
            assert!(apart < tolerance, "{parts} parts: gradients {apart} apart");
            assert!((told[0] - told_in_parts[0]).abs() < tolerance * told[0] && told[1] == told_in_parts[1]);
        }
    }

    #[test]
    fn the_gradients_of_the_parts_add_up_to_those_of_the_whole_batch() {
        check(&mut CrossEntropy { label_smoothing: 0.1, masks: Masks::none() }, 1e-13);
    }

    #[test]
    fn so_they_do_with_a_teacher() {
        let teacher = Net::double(&model(2), Device::Cpu).unwrap();
        // The divergence's logarithms are in f32.
        check(&mut Distillation { teacher, alpha: 0.7, temperature: 4.0, label_smoothing: 0.1 }, 1e-6);
    }

    #[test]
    fn running_statistics_of_equal_parts_have_forgotten_as_much_as_those_of_the_whole() {
        let mut b = GraphBuilder::new("bn", [3, 8, 8], 5);
        let x = b.batch_norm("bn", "input");
        let logits = b.classifier(&x);
        let model = init::model(b.finish(&logits).unwrap(), 1);
        let mean = |parts: u32, images: &Batch| {
            let net = Net::double(&model, Device::Cpu).unwrap();
            net.set_tensor("bn.running_mean", &Tensor::full([3], 10.0, (Kind::Double, Device::Cpu))).unwrap();
            let mut objective = CrossEntropy { label_smoothing: 0.0, masks: Masks::none() };
            accumulate(&net, &mut objective, images, parts, false, &mut Tally::new(Device::Cpu).unwrap()).unwrap();
            net.tensor("bn.running_mean").unwrap().double_value(&[0])
        };
        // Four times the same images: each part's statistics are the batch's.
        let once = batch(3);
        let four = Batch { images: once.images.repeat([4, 1, 1, 1]), labels: once.labels.repeat([4]) };
        let (whole, parts) = (mean(1, &four), mean(4, &four));
        assert!(whole < 9.1 && (whole - parts).abs() < 1e-12, "{whole} and {parts}");
    }
}
