//! VHDX of QEMU read, and damage.

use super::*;
use crate::format::Disk;
use crate::format::convert::Target;
use crate::format::judge::{content, converted, damaged, qemu, qemu_img, raw, sample, scratch};

#[test]
fn what_qemu_writes_is_read() {
    if qemu_img().is_none() {
        return;
    }
    let folder = scratch();
    let (from, to) = (folder.path().join("disk.img"), folder.path().join("disk.vhdx"));
    raw(&from, &sample());
    for options in [
        "subformat=dynamic",
        "subformat=fixed",
        "block_size=1M",
        "block_state_zero=off,block_size=2M",
    ] {
        qemu(&format!("convert -f raw -O vhdx -o {options}"), &[&from, &to]);
        assert!(content(&to) == sample(), "{options}");
    }
}

#[test]
fn the_other_header_and_table_count_where_one_is_damaged() {
    let folder = scratch();
    let path = folder.path().join("disk.img");
    raw(&path, &sample());
    let written = converted(&path, Target::Vhdx);
    let good = std::fs::read(&written).expect("there");
    let mut bytes = good.clone();
    for at in [HEADERS[1], REGION_TABLES[0]] {
        bytes[at as usize + 40] ^= 1;
    }
    std::fs::write(&written, &bytes).expect("written");
    assert!(content(&written) == sample());
    bytes[HEADERS[0] as usize + 40] ^= 1;
    std::fs::write(&written, &bytes).expect("written");
    let text = Disk::open(&written).expect_err("no good header").to_string();
    assert!(text.ends_with("both headers, whose checksums are wrong at 65536"), "{text}");
}

#[test]
fn a_log_that_has_to_be_replayed_is_said() {
    let folder = scratch();
    let path = folder.path().join("disk.img");
    raw(&path, &sample());
    let written = converted(&path, Target::Vhdx);
    let mut bytes = std::fs::read(&written).expect("there");
    for at in HEADERS {
        let header = &mut bytes[at as usize..][..4096];
        header[48] = 1;
        let sum = checksum(header);
        header[4..8].copy_from_slice(&sum.to_le_bytes());
    }
    std::fs::write(&written, &bytes).expect("written");
    let text = Disk::open(&written).expect_err("a log").to_string();
    assert!(text.contains("it was not closed: its log has to be replayed first"), "{text}");
}

#[test]
fn metadata_that_must_be_known_and_is_not_is_refused() {
    let folder = scratch();
    let path = folder.path().join("disk.img");
    raw(&path, &sample());
    let written = converted(&path, Target::Vhdx);
    let mut bytes = std::fs::read(&written).expect("there");
    let table = bytes.windows(8).position(|at| at == b"metadata").expect("it has a table");
    bytes[table + 10] += 1;
    let item = table + 32 + 5 * 32;
    bytes[item] = 7;
    for (flags, is_read) in [(2, true), (2 | 4, false)] {
        bytes[item + 24] = flags;
        std::fs::write(&written, &bytes).expect("written");
        let disk = Disk::open(&written);
        assert_eq!(disk.is_ok(), is_read, "{disk:?}");
    }
    let text = Disk::open(&written).expect_err("required").to_string();
    assert!(
        text.ends_with("it has metadata that a reader has to know, and is not known here"),
        "{text}"
    );
}

#[test]
fn damage_never_panics() {
    damaged(Target::Vhdx, 4 << 20);
}
