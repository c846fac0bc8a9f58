//! Fuzzes the reader `grub_kernel`: see `fuzz/src/lib.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bootwright_fuzz::read("grub_kernel", input));
