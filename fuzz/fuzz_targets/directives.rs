//! Any bytes as Cache-Control: case and repetition mean nothing, and what forbids is heard.
//! How it is run stands in `fuzz/run`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate::fuzzing::directives(data));
