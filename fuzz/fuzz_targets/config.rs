//! Any bytes as a configuration: an error or a configuration that prints as what is read again.
//! How it is run stands in `fuzz/run`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::fuzzing::config(data));
