//! Any bytes as a policy's name and a target: one spelling, which means the same.
//! How it is run stands in `fuzz/run`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::fuzzing::spelling(data));
