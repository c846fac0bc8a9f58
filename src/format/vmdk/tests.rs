//! VMDK of QEMU read, what is refused, and damage.

use crate::format::Disk;
use crate::format::convert::Target;
use crate::format::judge::{content, converted, damaged, qemu, qemu_img, raw, sample, scratch};

#[test]
fn what_qemu_writes_is_read_or_refused_in_words() {
    if qemu_img().is_none() {
        return;
    }
    let folder = scratch();
    let (from, to) = (folder.path().join("disk.img"), folder.path().join("disk.vmdk"));
    raw(&from, &sample());
    for options in
        ["subformat=monolithicSparse", "subformat=streamOptimized", "zeroed_grain=on,compat6=on"]
    {
        qemu(&format!("convert -f raw -O vmdk -o {options}"), &[&from, &to]);
        assert!(content(&to) == sample(), "{options}");
    }
    for kind in ["monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"] {
        qemu(&format!("convert -f raw -O vmdk -o subformat={kind}"), &[&from, &to]);
        let text = Disk::open(&to).expect_err(kind).to_string();
        let why = "it is the descriptor of an image of several files, which is not read";
        assert!(text.ends_with(why), "{text}");
    }
}

#[test]
fn a_transfer_as_text_is_seen() {
    let folder = scratch();
    let path = folder.path().join("disk.img");
    raw(&path, &sample());
    let written = converted(&path, Target::Vmdk);
    let mut bytes = std::fs::read(&written).expect("there");
    bytes[75] = b'\n';
    std::fs::write(&written, bytes).expect("written");
    let text = Disk::open(&written).expect_err("changed").to_string();
    assert!(text.contains("line ends that were changed, as by a transfer as text at 73"), "{text}");
}

#[test]
fn damage_never_panics() {
    damaged(Target::Vmdk, 128 << 10);
    damaged(Target::VmdkStream, 128 << 10);
}
