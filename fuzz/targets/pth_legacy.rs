#![no_main]

use std::sync::LazyLock;

use sweep_fuzz::{changes, small};
use sweep_model::Model;

static SMALL: LazyLock<Model> = LazyLock::new(small);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| changes::use_state_dict(bytes, &SMALL));
