#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sweep_fuzz::changes::use_onnx(bytes));
