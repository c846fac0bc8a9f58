//! Every target, judged by reading back and by qemu-img.

use proptest::prelude::*;

use super::*;
use crate::format::Format;
use crate::format::judge::{content, converted, disks, qemu, qemu_img, raw, scratch};
use crate::size::MIB;

/// What qemu-img has a check for.
fn is_checked(target: Target) -> bool {
    !matches!(target.format(), Format::Raw | Format::Vhd)
}

/// A disk that has all there is: noise over a block, text, zeros, and a last sector.
fn demo() -> Vec<u8> {
    let mut bytes = vec![0; 9 * MIB as usize];
    let mut state = 7u32;
    for byte in &mut bytes[100_000..400_000] {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (state >> 24) as u8;
    }
    for (index, byte) in bytes[3_000_000..5_000_000].iter_mut().enumerate() {
        *byte = (index / 100) as u8;
    }
    let last = bytes.len() - 1;
    bytes[last] = 0xaa;
    bytes
}

#[test]
fn what_is_written_is_what_qemu_reads() {
    let folder = scratch();
    let path = folder.path().join("disk.img");
    raw(&path, &demo());
    for target in Target::all() {
        let written = converted(&path, target);
        assert!(content(&written) == demo(), "{target}");
        assert_eq!(Disk::open(&written).expect("read").format(), target.format());
        if qemu_img().is_none() {
            continue;
        }
        if is_checked(target) {
            let said = qemu("check", &[&written]);
            assert!(said.contains("No errors"), "{target}: {said}");
        }
        let words = format!("compare -f {} -F raw", target.format().qemu_name());
        let said = qemu(&words, &[&written, &path]);
        assert!(said.contains("Images are identical"), "{target}: {said}");
        // A fixed VHD looks raw from the front.
        let words = format!("info --output=json -f {}", target.format().qemu_name());
        let info = qemu(&words, &[&written]);
        let info: serde_json::Value = serde_json::from_str(&info).expect("JSON");
        assert_eq!(info["virtual-size"], 9 * MIB, "{target}");
    }
}

#[test]
fn the_same_disk_gives_the_same_bytes_from_any_image_of_it() {
    let folder = scratch();
    let path = folder.path().join("disk.img");
    raw(&path, &demo());
    let other = folder.path().join("other");
    std::fs::copy(converted(&path, Target::Qcow2Zstd), &other).expect("copied");
    for target in Target::all() {
        let one = std::fs::read(converted(&path, target)).expect("there");
        let two = std::fs::read(converted(&other, target)).expect("there");
        assert!(one == two, "{target}");
    }
}

#[test]
fn an_empty_disk_is_small_in_every_format() {
    let folder = scratch();
    let path = folder.path().join("disk.img");
    let file = std::fs::File::create(&path).expect("new");
    file.set_len(1 << 36).expect("sparse");
    for target in Target::all() {
        let written = converted(&path, target);
        let disk = Disk::open(&written).expect("read");
        assert_eq!(disk.size(), 1 << 36, "{target}");
        assert!(disk.next_data(0).expect("read").is_empty(), "{target}");
        use std::os::unix::fs::MetadataExt;
        let allocated = written.metadata().expect("there").blocks() * 512;
        assert!(allocated < 8 * MIB, "{target}: {allocated} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_disks_come_back(bytes in disks(6 << 20)) {
        let folder = scratch();
        let path = folder.path().join("disk.img");
        raw(&path, &bytes);
        for target in Target::all() {
            let back = content(&converted(&path, target));
            // Some formats have only whole blocks: what they add is zero.
            prop_assert!(back.len() >= bytes.len() && back.len() < bytes.len() + MIB as usize);
            prop_assert!(back[..bytes.len()] == bytes, "{}", target);
            prop_assert!(back[bytes.len()..].iter().all(|byte| *byte == 0), "{}", target);
        }
    }
}
