//! Files of every format that is read, with a few bytes or numbers changed: reading ends in something sound or in an error, never
//! in a panic. `fuzz/` goes on from here.

mod changes;

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use sweep_model::graph::GraphBuilder;
use sweep_model::op::Op;
use sweep_model::passes::pipeline;
use sweep_model::zoo::{self, ZooOptions};
use sweep_model::{Model, init, onnx, state_dict};

/// Networks that together have most ops.
static GRAPHS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let names = ["tiny-cnn", "mobilenet_v3_small", "shufflenet_v2_x1_0", "densenet121", "inception_v3", "vit_b_16"];
    let graph = |name: &&str| {
        let options = ZooOptions { input: zoo::input(name).unwrap(), ..ZooOptions::default() };
        zoo::build(name, &options).unwrap().to_json()
    };
    names.iter().map(graph).collect()
});

/// `conv`, `norm`, `fc`: the network of `fuzz/seeds`.
static SMALL: LazyLock<Model> = LazyLock::new(|| {
    let mut b = GraphBuilder::new("small", [3, 4, 4], 10);
    let conv = b.conv("conv", "input", 4, 3, 1);
    let norm = b.batch_norm("norm", &conv);
    let flat = b.push("flat", Op::Flatten, &[&norm]);
    let fc = b.linear("fc", &flat, 10);
    init::model(b.finish(&fc).unwrap(), 1)
});

static STATE_DICTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let of_torch: [&[u8]; 5] = [
        include_bytes!("../../fixtures/state_dict/zip.pth"),
        include_bytes!("../../fixtures/state_dict/zip_protocol5.pth"),
        include_bytes!("../../fixtures/state_dict/legacy.pth"),
        include_bytes!("../../fixtures/state_dict/checkpoint.pth"),
        include_bytes!("../../fixtures/state_dict/parameters.pth"),
    ];
    let safetensors = state_dict::to_safetensors(&SMALL).unwrap();
    of_torch.into_iter().map(Vec::from).chain([safetensors]).collect()
});

/// Our own exports, and those of both of PyTorch's exporters.
static ONNX: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let of_torch: [&[u8]; 3] = [
        include_bytes!("../../../fuzz/seeds/onnx/torch_script"),
        include_bytes!("../../../fuzz/seeds/onnx/torch_dynamo"),
        include_bytes!("../../../fuzz/seeds/onnx/vit_script"),
    ];
    let deployed = pipeline::deploy(&SMALL).unwrap();
    let ours = [&*SMALL, &deployed].map(|model| onnx::export(model).unwrap());
    of_torch.into_iter().map(Vec::from).chain(ours).collect()
});

/// Which bytes become what, and where the file ends.
type Changes = (Vec<(Index, u8)>, Option<Index>);

fn changes() -> impl Strategy<Value = Changes> {
    (prop::collection::vec((any::<Index>(), any::<u8>()), 1..4), prop::option::weighted(0.2, any::<Index>()))
}

fn changed(file: &[u8], (changes, end): Changes) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for (at, byte) in changes {
        let at = at.index(bytes.len());
        bytes[at] = byte;
    }
    if let Some(end) = end {
        bytes.truncate(end.index(bytes.len()));
    }
    bytes
}

#[test]
fn what_is_changed_here_is_sound_before() {
    assert!(STATE_DICTS.iter().all(|file| state_dict::read(file).is_ok()));
    assert!(ONNX.iter().all(|file| onnx::import(file, "mine").is_ok()));
    let untouched = changes::other_numbers(&GRAPHS[0], &[]);
    assert!(sweep_model::Graph::from_json(&untouched).is_ok());
    assert_ne!(changes::other_numbers(&GRAPHS[0], &[(5, 17)]), untouched);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn state_dicts(which in any::<Index>(), changes in changes()) {
        changes::use_state_dict(&changed(&STATE_DICTS[which.index(STATE_DICTS.len())], changes), &SMALL);
    }

    #[test]
    fn onnx_files(which in any::<Index>(), changes in changes()) {
        changes::use_onnx(&changed(&ONNX[which.index(ONNX.len())], changes));
    }

    #[test]
    fn texts_of_graphs(which in any::<Index>(), changes in changes()) {
        let bytes = changed(GRAPHS[which.index(GRAPHS.len())].as_bytes(), changes);
        changes::use_graph(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn numbers_in_graphs(which in any::<Index>(), changes in prop::collection::vec(any::<(u16, u8)>(), 1..4)) {
        changes::use_graph(&changes::other_numbers(&GRAPHS[which.index(GRAPHS.len())], &changes));
    }
}
