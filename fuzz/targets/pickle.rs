//! The pickle of an old file of torch.save, behind the three that it begins with: here the fuzzer need not find those.

#![no_main]

use std::sync::LazyLock;

use sweep_fuzz::{changes, small};
use sweep_model::Model;

static SMALL: LazyLock<Model> = LazyLock::new(small);
const BEGIN: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| changes::use_state_dict(&[BEGIN, bytes].concat(), &SMALL));
