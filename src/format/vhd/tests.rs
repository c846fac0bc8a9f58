//! VHD of QEMU read, and what Azure wants of ours.

use crate::format::Disk;
use crate::format::convert::Target;
use crate::format::judge::{content, converted, damaged, qemu, qemu_img, raw, sample, scratch};
use crate::size::MIB;

#[test]
fn what_qemu_writes_is_read() {
    if qemu_img().is_none() {
        return;
    }
    let folder = scratch();
    let (from, to) = (folder.path().join("disk.img"), folder.path().join("disk.vhd"));
    raw(&from, &sample());
    for options in ["subformat=dynamic", "subformat=fixed", "subformat=fixed,force_size"] {
        qemu(&format!("convert -f raw -O vpc -o {options}"), &[&from, &to]);
        let back = content(&to);
        // Without force_size the disk is as large as the next geometry.
        assert!(back[..sample().len()] == sample(), "{options}");
        assert!(back[sample().len()..].iter().all(|byte| *byte == 0), "{options}");
    }
}

#[test]
fn a_fixed_disk_is_what_azure_wants() {
    let folder = scratch();
    let path = folder.path().join("disk.img");
    raw(&path, &[1; 3 * 512]);
    let written = converted(&path, Target::VhdFixed);
    assert_eq!(written.metadata().expect("there").len(), MIB + 512);
    let disk = Disk::open(&written).expect("read");
    assert_eq!((disk.size(), disk.format()), (MIB, crate::format::Format::Vhd));
}

#[test]
fn the_copy_of_the_footer_is_read_where_the_last_one_is_gone() {
    let folder = scratch();
    let path = folder.path().join("disk.img");
    raw(&path, &sample());
    let written = converted(&path, Target::VhdDynamic);
    let mut bytes = std::fs::read(&written).expect("there");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&written, &bytes).expect("written");
    assert!(content(&written) == sample());
    bytes[100] ^= 1;
    std::fs::write(&written, &bytes).expect("written");
    let text = Disk::open(&written).expect_err("both are damaged").to_string();
    assert!(text.contains("it is damaged: the footer, whose checksum is wrong at "), "{text}");
}

#[test]
fn damage_never_panics() {
    damaged(Target::VhdDynamic, 4096);
    damaged(Target::VhdFixed, 4096);
}
