//! Fuzzes the reader `erofs`: see `fuzz/src/lib.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bootwright_fuzz::read("erofs", input));
