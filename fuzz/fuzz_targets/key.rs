//! Any bytes as a host and a target: a refusal or a key, never a panic.
//! Run with `cargo +nightly fuzz run key`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::fuzzing::key(data));
