//! Any bytes as a configuration: an error or a configuration, never a panic.
//! Run with `cargo +nightly fuzz run config`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::fuzzing::config(data));
