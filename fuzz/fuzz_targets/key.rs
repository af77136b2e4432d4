//! Any bytes as a host and a target: a refusal, or the key that every spelling and every purge has.
//! How it is run stands in `fuzz/run`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::fuzzing::key(data));
