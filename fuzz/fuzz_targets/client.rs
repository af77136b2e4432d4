//! Any bytes as prefixes, a peer and X-Forwarded-For: who asks.
//! How it is run stands in `fuzz/run`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::fuzzing::client(data));
