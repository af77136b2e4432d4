//! Any bytes as a target and Location: what a change of one page says of others.
//! How it is run stands in `fuzz/run`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::fuzzing::location(data));
