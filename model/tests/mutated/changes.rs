//! Changed files: what `cargo test` tries a few thousand times, and `fuzz/` for as long as one likes.

use serde_json::Value;
use sweep_model::graph::Graph;
use sweep_model::memory::{self, Setting};
use sweep_model::state_dict::{self, LoadOptions, StateDict};
use sweep_model::{Model, cost, init, onnx, verify};

/// What a network may weigh here, in parameters and multiplications: mistakes are looked for, not patience.
const WEIGHT: u64 = 1_000_000;

/// Numbers at which arithmetic goes wrong.
const NUMBERS: [u64; 18] = [
    0,
    1,
    2,
    3,
    5,
    7,
    64,
    255,
    256,
    65_535,
    65_536,
    (1 << 31) - 1,
    1 << 31,
    1 << 32,
    1 << 53,
    1 << 62,
    1 << 63,
    u64::MAX,
];

/// The JSON text with other numbers: `(which, what)`, both taken modulo what there is. Of what there is, −1 and a half follow
/// [`NUMBERS`].
pub fn other_numbers(json: &str, changes: &[(u16, u8)]) -> String {
    let mut document: Value = serde_json::from_str(json).expect("the text to begin with is JSON");
    for (which, what) in changes {
        let mut numbers = Vec::new();
        collect(&mut document, &mut numbers);
        let place = usize::from(*which) % numbers.len();
        *numbers[place] = match usize::from(*what) % (NUMBERS.len() + 2) {
            at if at < NUMBERS.len() => NUMBERS[at].into(),
            at if at == NUMBERS.len() => (-1).into(),
            _ => 0.5.into(),
        };
    }
    document.to_string()
}

fn collect<'a>(value: &'a mut Value, into: &mut Vec<&'a mut Value>) {
    match value {
        Value::Number(_) => into.push(value),
        Value::Array(items) => items.iter_mut().for_each(|item| collect(item, into)),
        Value::Object(items) => items.values_mut().for_each(|item| collect(item, into)),
        _ => {}
    }
}

/// Everything that is worked out from `graph.json` before a weight is there, and an export of small networks.
pub fn use_graph(json: &str) {
    let Ok(graph) = Graph::from_json(json) else { return };
    let again = Graph::from_json(&graph.to_json()).expect("what was written can be read");
    assert_eq!(again, graph);
    if verify::graph(&graph).is_err() {
        return;
    }
    let cost = cost::count(&graph).expect("a sound graph has a cost");
    memory::predict(&graph, &Setting::training(64, 1)).expect("and needs memory");
    assert!(graph.to_string().lines().count() >= graph.nodes.len());
    if cost.parameters + cost.macs + cost.activations <= WEIGHT {
        let model = init::model(graph, 0);
        verify::model(&model).expect("first weights fit their graph");
        let _ = onnx::export(&model);
    }
}

/// Imports an ONNX file; what was imported is sound, and can be exported and imported again.
pub fn use_onnx(bytes: &[u8]) {
    let Ok(model) = onnx::import(bytes, "mine") else { return };
    verify::model(&model).expect("an imported network is sound");
    let exported = onnx::export(&model).expect("and can be exported");
    onnx::import(&exported, "mine").expect("and imported again");
}

/// Reads a state dict and loads it into the network.
pub fn use_state_dict(bytes: &[u8], model: &Model) {
    let Ok(file) = state_dict::read(bytes) else { return };
    for (_, array) in file.iter().filter(|(_, array)| array.shape().iter().product::<usize>() <= WEIGHT as usize) {
        let tensor = array.to_tensor();
        assert!(tensor.is_none_or(|tensor| tensor.data.len() == tensor.shape.iter().product::<usize>()));
    }
    load(&file, model);
}

fn load(file: &StateDict, model: &Model) {
    let mut loaded = model.clone();
    let options = LoadOptions { replace: vec!["fc".into()] };
    match state_dict::load(&mut loaded, file, &options) {
        Ok(_) => {
            verify::model(&loaded).expect("a loaded network is sound");
            let bytes = state_dict::to_safetensors(&loaded).expect("a sound network can be written");
            let again = state_dict::read(&bytes).expect("what was written can be read");
            state_dict::load(&mut loaded, &again, &LoadOptions::default()).expect("and loaded");
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert_eq!(loaded, *model, "after an error the network is as it was");
        }
    }
}
