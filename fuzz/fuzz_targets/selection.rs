//! Any bytes as Vary and two requests' heads: whether one answer is for both.
//! How it is run stands in `fuzz/run`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::fuzzing::selection(data));
