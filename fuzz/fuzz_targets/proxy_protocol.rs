//! Any bytes as the first of a connection whose peer owes a PROXY header.
//! How it is run stands in `fuzz/run`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::fuzzing::proxy_protocol(data));
