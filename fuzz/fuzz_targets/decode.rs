#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| daybook::adapters::file_log::fuzzing::decode(data));
