//! A kernel made here, damaged and changed.

use super::*;
use proptest::prelude::*;

/// [`kernel`] of a release.
pub(crate) fn kernel_of(release: &str) -> Vec<u8> {
    let mut file = kernel();
    let version = format!("{release} (me@here) #1 SMP\0");
    file[0x500..0x500 + version.len()].copy_from_slice(version.as_bytes());
    file
}

const VERSION: &[u8] = b"6.1.0-test (me@here) #1 SMP\0";

/// A kernel with a setup of 4 sectors, a payload of 1000 * 16 bytes and a signature.
pub(crate) fn kernel() -> Vec<u8> {
    let mut file = vec![0; 5 * SECTOR_SIZE + 16_000 + 64];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &[0x40]);
    put(0x40, b"PE\0\0\x64\x86");
    put(0x40 + 24 + 108, &[6]);
    put(0x40 + 24 + 144, &(18_560u32).to_le_bytes());
    put(0x40 + 24 + 148, &(64u32).to_le_bytes());
    put(0x1f1, &[4]);
    put(0x1f4, &(1000u32).to_le_bytes());
    put(0x1fe, &[0x55, 0xaa]);
    put(0x202, b"HdrS\x0f\x02");
    put(0x20e, &(0x300u16).to_le_bytes());
    put(0x234, &[1, 0, 0b1011]);
    put(0x238, &(2047u32).to_le_bytes());
    put(0x264, &[1]);
    put(0x500, VERSION);
    file
}

fn parsed(file: &[u8]) -> Result<BzImage, BzImageError> {
    BzImage::parse(&file[..file.len().min(HEAD_MAX)], file.len() as u64)
}

/// A kernel with bytes changed.
fn with(at: usize, bytes: &[u8]) -> Result<BzImage, BzImageError> {
    let mut file = kernel();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    parsed(&file)
}

#[test]
fn a_kernel_says_what_it_is() {
    let image = parsed(&kernel()).expect("a kernel");
    assert_eq!(image.version, "6.1.0-test (me@here) #1 SMP");
    assert_eq!(image.release(), "6.1.0-test");
    assert_eq!((image.protocol, image.cmdline_size), ((2, 15), 2047));
    assert!(image.relocatable && image.signed && image.flags.above_4g());
    assert_eq!((image.needs, image.handover_offset), (18_624, Some(1)));
}

#[test]
fn a_kernel_without_its_end_is_refused_with_the_numbers() {
    let file = kernel();
    let has = |len: usize| parsed(&file[..len]);
    assert_eq!(has(18_559), Err(BzImageError::Truncated { has: 18_559, needs: 18_624 }));
    assert_eq!(has(18_600), Err(BzImageError::Truncated { has: 18_600, needs: 18_624 }));
    assert_eq!(has(0x210), Err(BzImageError::Truncated { has: 0x210, needs: 0x268 }));
    assert_eq!(has(100), Err(BzImageError::Truncated { has: 100, needs: 0x268 }));
    let mut unsigned = kernel();
    unsigned[0x40 + 24 + 108] = 4;
    assert_eq!(
        parsed(&unsigned[..18_559]),
        Err(BzImageError::Truncated { has: 18_559, needs: 18_560 })
    );
    let text = has(18_559).expect_err("truncated").to_string();
    assert_eq!(text, "it is truncated: it has 18559 bytes and needs 18624");
}

#[test]
fn kernels_that_do_not_boot_here_say_why() {
    assert_eq!(with(0, b"\xea\x05"), Err(BzImageError::NoEfiStub));
    assert_eq!(with(0x40, b"XX"), Err(BzImageError::NoEfiStub));
    assert_eq!(with(0x44, &[0x4c, 1]), Err(BzImageError::NotX86_64));
    assert_eq!(with(0x236, &[0]), Err(BzImageError::NotX86_64));
    assert_eq!(with(0x206, &[3, 2]), Err(BzImageError::Protocol(2, 3)));
    assert_eq!(with(0x20e, &[0xff; 2]).map(|k| k.version), Ok(String::new()));
    let unsigned = with(0x40 + 24 + 108, &[4]).expect("a kernel");
    assert_eq!((unsigned.signed, unsigned.needs), (false, 18_560));
}

#[test]
fn other_files_are_told_by_their_name() {
    let mut arm64 = vec![0; 0x400];
    arm64[..2].copy_from_slice(b"MZ");
    arm64[0x38..0x3c].copy_from_slice(b"ARM\x64");
    assert_eq!(parsed(b""), Err(BzImageError::Empty));
    assert_eq!(parsed(b"\x7fELF\x02"), Err(BzImageError::Vmlinux));
    assert_eq!(parsed(&arm64), Err(BzImageError::OtherArch("arm64")));
    assert_eq!(parsed(&[0x1f, 0x8b, 8]), Err(BzImageError::Compressed("gzip")));
    assert_eq!(parsed(&[b"MZ", &[0; 0x400][..]].concat()), Err(BzImageError::EfiProgram));
    assert_eq!(parsed(b"#!/bin/sh"), Err(BzImageError::NotBzImage));
}

#[test]
fn a_file_that_is_missing_or_no_kernel_says_so() {
    let error = BzImage::open(Path::new("/nowhere/vmlinuz")).expect_err("missing").to_string();
    assert_eq!(error, "no such file or directory");
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let error = BzImage::open(file.path()).expect_err("empty");
    assert_eq!(error.downcast_ref(), Some(&BzImageError::Empty));
}

proptest! {
    #[test]
    fn damaged_kernels_never_panic(
        damage in prop::collection::vec((0..0x600usize, any::<u8>()), 0..12),
        len in any::<u64>(),
        keep in 0..20_000usize,
    ) {
        let mut file = kernel();
        damage.iter().for_each(|&(at, byte)| file[at] = byte);
        let _ = BzImage::parse(&file[..keep.min(file.len())], len);
    }
}
