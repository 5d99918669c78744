//! Knowledge distillation.

use tch::{Kind, Reduction, Tensor};

use super::objective::{Objective, Outcome, cross_entropy};
use crate::checkpoint::{self, State, StateReader, StateWriter};
use crate::data::Batch;
use crate::error::Result;
use crate::lower::{Mode, Net};

/// Hinton et al. 2015: `alpha`·T²·KL(teacher ‖ student) + (1 − `alpha`)·cross-entropy. The teacher stays as it is.
pub struct Distillation {
    pub teacher: Net,
    /// In 0..=1.
    pub alpha: f64,
    /// T, above 0.
    pub temperature: f64,
    pub label_smoothing: f64,
}

impl Objective for Distillation {
    fn outcome(&mut self, net: &Net, batch: &Batch) -> Result<Outcome> {
        let soft = tch::no_grad(|| self.teacher.forward(&batch.images, Mode::Eval))?;
        let (loss, logits) = net.training_loss(&batch.images, |logits| -> Result<Tensor> {
            let distilled = divergence(logits, &soft, self.temperature)?;
            let hard = cross_entropy(logits, &batch.labels, self.label_smoothing)?;
            Ok(distilled.f_mul_scalar(self.alpha)?.f_add(&hard.f_mul_scalar(1.0 - self.alpha)?)?)
        })?;
        Ok(Outcome { loss, logits })
    }
}

/// T²·KL(softmax(teacher/T) ‖ softmax(student/T)), the mean over the batch; T² keeps gradients comparable across temperatures.
fn divergence(student: &Tensor, teacher: &Tensor, temperature: f64) -> Result<Tensor> {
    let log_softmax = |x: &Tensor| x.f_div_scalar(temperature)?.f_log_softmax(-1, Kind::Float);
    let sum = log_softmax(student)?.f_kl_div(&log_softmax(teacher)?, Reduction::Sum, true)?;
    Ok(sum.f_mul_scalar(temperature * temperature / student.size()[0] as f64)?)
}

impl State for Distillation {
    fn save(&self, _: &mut StateWriter) -> checkpoint::Result<()> {
        Ok(())
    }

    fn load(&mut self, _: &StateReader) -> checkpoint::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_divergence_is_that_of_the_formula() {
        let (student, teacher) = ([1.0f64, 2.0, 0.5], [0.2f64, 3.0, -1.0]);
        for t in [1.0f64, 4.0] {
            let softmax = |x: [f64; 3]| {
                let e = x.map(|v| (v / t).exp());
                e.map(|v| v / e.iter().sum::<f64>())
            };
            let (p, q) = (softmax(teacher), softmax(student));
            let expected = t * t * p.iter().zip(q).map(|(p, q)| p * (p / q).ln()).sum::<f64>();
            let rows = |x: [f64; 3]| Tensor::from_slice(&x.map(|v| v as f32)).view([1, 3]).repeat([5, 1]);
            let found = divergence(&rows(student), &rows(teacher), t).unwrap().double_value(&[]);
            assert!((found - expected).abs() < 1e-5, "T={t}: {found} instead of {expected}");
        }
    }

    #[test]
    fn equal_logits_have_no_divergence() {
        let x = Tensor::from_slice(&[1f32, -2.0, 3.0]).view([1, 3]);
        assert!(divergence(&x, &x, 2.0).unwrap().double_value(&[]).abs() < 1e-6);
    }
}
