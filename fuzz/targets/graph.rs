//! The text itself, and, where the first byte is no brace, networks of the zoo in which numbers were changed: byte by byte the fuzzer
//! hardly ever gets beyond JSON.

#![no_main]

use std::sync::LazyLock;

use sweep_fuzz::changes;
use sweep_model::zoo::{self, ZooOptions};

static GRAPHS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let graph = |name| {
        let options = ZooOptions { input: zoo::input(name).expect("it has a size"), ..ZooOptions::default() };
        zoo::build(name, &options).expect("the size is its own").to_json()
    };
    zoo::names().map(graph).collect()
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match bytes {
        [b'{', ..] => changes::use_graph(&String::from_utf8_lossy(bytes)),
        [which, rest @ ..] => {
            let changes: Vec<_> =
                rest.as_chunks::<3>().0.iter().map(|[a, b, what]| (u16::from_le_bytes([*a, *b]), *what)).collect();
            let json = &GRAPHS[usize::from(*which) % GRAPHS.len()];
            changes::use_graph(&changes::other_numbers(json, &changes[..changes.len().min(8)]));
        }
        [] => {}
    }
});
