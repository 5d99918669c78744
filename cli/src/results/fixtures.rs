//! Points for tests.

use sweep_shared::ids::JobId;

use crate::answer::{Point, StoredFile};

pub fn point(stage: &str, label: &str, seed: u64, metrics: &[(&str, f64)]) -> Point {
    Point {
        job: JobId(1),
        stage: stage.into(),
        kind: "train".into(),
        label: label.into(),
        point: "main".into(),
        seed,
        key: "k".into(),
        params: serde_json::Map::new(),
        metrics: metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        files: vec![StoredFile {
            name: "model.onnx".into(),
            hash: "0".repeat(64),
            size_bytes: 10,
            path: format!("/home/results/s1/{stage}/model.onnx").into(),
        }],
        host: "desk".into(),
        agent: "a".into(),
        attempt: 1,
        resumed_from: 0,
        reused: false,
    }
}

/// A full-precision network and its int8 version, as measure jobs describe them.
pub fn base_and_int8() -> Vec<Point> {
    let base = [
        ("accuracy", 0.9312),
        ("size_onnx_bytes", 1_183_000.0),
        ("parameters", 293_000.0),
        ("parameters_nonzero", 293_000.0),
        ("macs", 11_200_000.0),
        ("latency_ms_b1", 0.412),
        ("quantized", 0.0),
    ];
    let int8 = [
        ("accuracy", 0.9290),
        ("size_onnx_bytes", 310_000.0),
        ("parameters", 293_000.0),
        ("parameters_nonzero", 293_000.0),
        ("macs", 11_200_000.0),
        ("latency_ms_b1", 0.205),
        ("reference_latency_ms_b1", 0.418),
        ("quantized", 1.0),
    ];
    vec![point("base", "", 0, &base), point("int8", "mode=static input=base", 0, &int8)]
}
