//! Any bytes as a client's connection, cut anywhere: the same requests, and the plainest reading's.
//! How it is run stands in `fuzz/run`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::fuzzing::wire_request(data));
