//! Fuzzes the reader `iso9660`: see `fuzz/src/lib.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bootwright_fuzz::read("iso9660", input));
