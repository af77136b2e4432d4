//! Any bytes as a response's head and a 304's: how long it lives, and what is stored of it.
//! How it is run stands in `fuzz/run`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::fuzzing::response(data));
