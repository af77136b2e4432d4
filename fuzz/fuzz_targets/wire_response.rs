//! Any bytes as an origin's connection, cut anywhere: the same answers, and the plainest reading's.
//! How it is run stands in `fuzz/run`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::fuzzing::wire_response(data));
