//! The parts that several stage kinds share: data, optimizer, schedule, and the fit they drive.

use serde::{Deserialize, Serialize};

/// Which images, and how they reach the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataSpec {
    pub source: DataSource,
    /// Share of the training split carved off for validation where the source has no such split, in 0..1.
    pub validation: f64,
    pub augment: Vec<Augment>,
    pub normalization: Normalization,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataSource {
    /// Generated images, 32×32×3 in 10 classes; nothing is downloaded.
    Synthetic(SyntheticSpec),
    /// CIFAR-10's binary files in this folder (`None`: the agent's data set folder).
    Cifar10 { path: Option<String> },
    /// `train/<class>/*.jpg`, `test/<class>/*.png`, …; every image is brought to `size`×`size`.
    Folder { path: String, size: u32 },
}

/// Numbers of images in the three splits of the generated data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyntheticSpec {
    pub train: u32,
    pub validation: u32,
    pub test: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Augment {
    /// Left–right, with probability ½.
    Flip,
    /// Pad by 4 pixels, crop back at random.
    Crop4,
}

/// Whose channel means and standard deviations are subtracted and divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalization {
    /// The training split's own.
    Dataset,
    Imagenet,
}

/// One training run: by gradient descent, for a number of epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FitSpec {
    pub epochs: u32,
    pub batch: u32,
    pub optimizer: OptimizerSpec,
    pub schedule: ScheduleSpec,
    /// In 0..1.
    pub label_smoothing: f64,
    pub precision: Precision,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// The faster of fp32 and bf16 on the device, probed. On the CPU this is fp32.
    Auto,
    Fp32,
    Bf16,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerSpec {
    Sgd { lr: f64, momentum: f64, weight_decay: f64, nesterov: bool },
    Adamw { lr: f64, beta1: f64, beta2: f64, eps: f64, weight_decay: f64 },
}

/// The learning rate over the steps of a fit, as a share of the optimizer's `lr`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleSpec {
    Constant,
    /// Half a cosine down to 0, after a linear warm-up of this many epochs.
    Cosine {
        warmup_epochs: f64,
    },
    /// Smith & Topin 2018, `lr` being the maximum.
    OneCycle {
        warmup_share: f64,
    },
    /// × `gamma` at each of these epochs.
    Multistep {
        milestones: Vec<u32>,
        gamma: f64,
    },
}
