//! A kernel in small, linked; and what cannot be. Whole core images are judged by grub-mkimage in
//! `tests/image.rs`.

use proptest::prelude::*;

use super::*;
use crate::arch::X86_64;
use crate::bytes::{le32, le64};

const OBJECT: &[u8] = include_bytes!("fixture/kernel.o");

/// The fixture with other bytes at some offset.
fn with(at: usize, bytes: &[u8]) -> Result<KernelImage, LinkError> {
    let mut object = OBJECT.to_vec();
    object[at..at + bytes.len()].copy_from_slice(bytes);
    KernelImage::link(&object, &X86_64)
}

/// Where the fixture's first relocation of code is, a call.
const CALL: usize = 0x138;

#[test]
fn addresses_and_distances_are_filled_in() {
    let image = KernelImage::link(OBJECT, &X86_64).expect("it links");
    assert_eq!((image.code.len(), image.data.len()), (0x1000, 0x2000));
    assert_eq!((image.entry, &image.pointers[..]), (0x1000, &[0x100e, 0x2000, 0x2008][..]));
    // The call of `help` at 0x1017 and the address of `counter` at 0x2020, from the next instruction.
    assert_eq!(le32(&image.code, 1), Some(0x1017 - 0x1005));
    assert_eq!(le32(&image.code, 8), Some(0x2020 - 0x100c));
    assert_eq!(le64(&image.code, 14), Some(0x2010));
    assert_eq!((le64(&image.data, 0), le64(&image.data, 8)), (Some(0x1000), Some(0x2011)));
    assert_eq!(image.data[16..21], *b"GRUB\0");
    assert!(image.data[21..].iter().all(|&b| b == 0));
}

#[test]
fn what_cannot_be_linked_says_why() {
    let refusal = |at, bytes: &[u8]| with(at, bytes).expect_err("refused").to_string();
    assert_eq!(refusal(16, &[2]), LinkError::Linked.to_string());
    let kind = refusal(CALL + 8, &[9]);
    assert_eq!(kind, "its relocation at 0x1 has type 9, which is not supported");
    let far = refusal(CALL + 16, &i64::MAX.to_le_bytes());
    assert_eq!(far, "the target of its relocation at 0x1 is too far away");
    assert_eq!(with(CALL, &[0xff; 8]), Err(LinkError::Damaged("relocation table")));
    assert_eq!(with(CALL + 12, &[77]), Err(LinkError::Damaged("relocation table")));
    // The fourth symbol is `help`: it becomes one of another object.
    let undefined = refusal(0x88 + 4 * 24 + 6, &[0, 0]);
    assert_eq!(undefined, "it needs the symbol `help`, which it does not have");
}

proptest! {
    #[test]
    fn damaged_objects_never_panic(
        damage in prop::collection::vec((0..OBJECT.len(), any::<u8>()), 1..8),
        keep in 0..=OBJECT.len(),
    ) {
        let mut object = OBJECT.to_vec();
        damage.iter().for_each(|&(at, byte)| object[at] = byte);
        object.truncate(keep.max(64));
        let _ = KernelImage::link(&object, &X86_64);
    }
}
