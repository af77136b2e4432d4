//! Any bytes as a stored head and a request's: entity tags, dates and ranges.
//! How it is run stands in `fuzz/run`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::fuzzing::conditions(data));
