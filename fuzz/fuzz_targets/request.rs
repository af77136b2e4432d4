//! Any bytes as a request's head: a refusal, or what the origin is asked, with the fields of our hop.
//! How it is run stands in `fuzz/run`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::fuzzing::request(data));
