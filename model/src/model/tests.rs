use super::*;
use crate::init;
use crate::zoo::{self, ZooOptions};

fn tiny() -> Model {
    init::model(zoo::build("tiny-cnn", &ZooOptions::default()).unwrap(), 5)
}

#[test]
fn a_saved_model_loads_equal_and_equal_models_give_equal_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("a"), dir.path().join("deep/b"));
    let model = tiny();
    model.save(&first).unwrap();
    model.save(&first).unwrap();
    let loaded = Model::load(&first).unwrap();
    assert_eq!(loaded, model);
    loaded.save(&second).unwrap();
    for file in [GRAPH_FILE, WEIGHTS_FILE] {
        assert_eq!(fs::read(first.join(file)).unwrap(), fs::read(second.join(file)).unwrap(), "{file}");
    }
    assert_eq!(fs::read_dir(&first).unwrap().count(), 2, "no temporary file is left");
}

#[test]
fn a_missing_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = Model::load(dir.path()).unwrap_err();
    assert!(error.to_string().contains("graph.json"), "{error}");
}

#[test]
fn a_damaged_or_foreign_weights_file_is_an_error() {
    let model = tiny();
    let graph = model.graph.to_json();
    let bytes = model.weights.to_safetensors().unwrap();
    let load = |weights: &[u8]| Model::from_bytes(graph.as_bytes(), weights);
    assert!(matches!(load(&bytes[..bytes.len() - 4]), Err(ModelError::Safetensors(_))));
    assert!(matches!(load(&bytes[..10]), Err(ModelError::Safetensors(_))));
    assert!(matches!(load(b""), Err(ModelError::Safetensors(_))));
    let mut other = model.weights.clone();
    other.remove("fc.bias");
    let error = load(&other.to_safetensors().unwrap()).unwrap_err();
    assert!(matches!(error, ModelError::Verify(VerifyError::MissingTensor { .. })), "{error}");
}

#[test]
fn other_element_types_are_refused_by_name() {
    let data = [0u8; 8];
    let view = TensorView::new(Dtype::I64, vec![1], &data).unwrap();
    let bytes = safetensors::serialize([("bn1.num_batches_tracked", view)], None).unwrap();
    let error = Weights::from_safetensors(&bytes).unwrap_err();
    assert!(error.to_string().contains("bn1.num_batches_tracked"), "{error}");
}

#[test]
fn a_graph_of_a_newer_program_is_refused_in_words() {
    let json = tiny().graph.to_json().replacen("\"format\": 2", "\"format\": 3, \"novelty\": true", 1);
    let error = Graph::from_json(&json).unwrap_err();
    assert!(matches!(error, FormatError::Newer { found: 3 }), "{error}");
    assert!(error.to_string().contains("newer version"), "{error}");
    assert!(matches!(Graph::from_json("{}"), Err(FormatError::Json(_))));
}

#[test]
fn bytes_that_are_no_text_are_an_error_and_not_a_panic() {
    let weights = tiny().weights.to_safetensors().unwrap();
    assert!(matches!(Model::from_bytes(&[0xff, 0xfe], &weights), Err(ModelError::Graph(_))));
}

#[test]
fn a_graph_with_a_number_that_is_no_size_is_refused() {
    let json = zoo::build("tiny-cnn", &ZooOptions::default()).unwrap().to_json();
    let error =
        Graph::from_json(&json.replace("\"in_channels\": 3,", "\"in_channels\": 9223372036854775808,")).unwrap_err();
    assert!(matches!(error, FormatError::Number { number: 0x8000_0000_0000_0000 }), "{error}");
}
