//! Measured values: a map from a unit-bearing name to a number, open so that `command` stages can add their own.
//! The names that `sweep` itself writes and reads are constants here.

use std::collections::BTreeMap;

/// Values by name. Names bear their unit (`latency_ms_b1`, `size_onnx_bytes`); shares are in 0..=1.
pub type Metrics = BTreeMap<String, f64>;

/// Top-1 accuracy on the test split of the deployed file, in 0..=1.
pub const ACCURACY: &str = "accuracy";
/// Top-5 accuracy on the test split of the deployed file, in 0..=1.
pub const TOP5: &str = "top5_accuracy";
/// Top-1 accuracy on the validation split, in 0..=1; the only one that may choose anything.
pub const VAL_ACCURACY: &str = "val_accuracy";
pub const TEST_LOSS: &str = "test_loss";
pub const MACRO_PRECISION: &str = "macro_precision";
pub const MACRO_RECALL: &str = "macro_recall";
pub const MACRO_F1: &str = "macro_f1";
pub const PARAMETERS: &str = "parameters";
pub const PARAMETERS_TRAINABLE: &str = "parameters_trainable";
pub const PARAMETERS_NONZERO: &str = "parameters_nonzero";
/// Multiply–accumulates of one image.
pub const MACS: &str = "macs";
/// Bytes of the fp32 weights file.
pub const SIZE_FP32_BYTES: &str = "size_fp32_bytes";
/// Bytes of the deployed ONNX file.
pub const SIZE_ONNX_BYTES: &str = "size_onnx_bytes";
pub const TRAINING_S: &str = "training_s";
/// What the GPU took while training, over all attempts; absent where it was shared, or tells nothing.
pub const TRAINING_ENERGY_J: &str = "training_energy_j";
pub const PREPARATION_S: &str = "preparation_s";
/// 1 where the point's network is quantized to int8, 0 where it is fp32.
pub const QUANTIZED: &str = "quantized";
/// Largest |engine − ONNX Runtime| over the largest |logit|.
pub const PARITY_MAX_RELATIVE: &str = "parity_max_relative";
/// Share of test images on which simulation and ONNX Runtime agree in top-1.
pub const PARITY_TOP1: &str = "parity_top1";
/// Share of convolutions and linear layers that run as integer kernels in ONNX Runtime.
pub const FUSED_SHARE: &str = "fused_integer_share";
/// What the deployed file took in ONNX Runtime.
pub const PEAK_MEMORY_BYTES: &str = "peak_memory_bytes";
/// What the job that made the point took of its device at most.
pub const JOB_PEAK_MEMORY_BYTES: &str = "job_peak_memory_bytes";
/// Into how many parts each training batch was split; absent where it was not, in any attempt.
pub const MICRO_BATCHES: &str = "micro_batches";
/// 1 where an attempt continued on other hardware, or with its batches split differently, than the one before: bits differ then.
pub const HOST_CHANGED: &str = "host_changed";

/// Median latency of one batch of the candidate, in milliseconds.
pub fn latency_ms(batch: u32) -> String {
    format!("latency_ms_b{batch}")
}

/// 95th percentile of the candidate's latency, in milliseconds.
pub fn latency_p95_ms(batch: u32) -> String {
    format!("latency_p95_ms_b{batch}")
}

/// Median latency of the fp32 reference, measured in the same process, in milliseconds.
pub fn reference_latency_ms(batch: u32) -> String {
    format!("reference_latency_ms_b{batch}")
}

/// Reference latency over candidate latency: above 1 the candidate is faster.
pub fn speedup(batch: u32) -> String {
    format!("speedup_b{batch}")
}

/// Images per second of the candidate at this batch size.
pub fn throughput_per_s(batch: u32) -> String {
    format!("throughput_per_s_b{batch}")
}
