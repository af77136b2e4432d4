//! Any bytes as lines of Cookie: who has a session, and what the rest share.
//! How it is run stands in `fuzz/run`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::fuzzing::cookies(data));
