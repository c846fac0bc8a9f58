//! Every format that a disk image is written as: one table of what qemu-img has to say of each.

use bootwright::format::convert::Target;
use serde_json::Value;

use crate::workbench::{bootwright, demo, judge, run, scratch, stderr, text};

/// What `qemu-img info --output=json` says: the format, and of its own facts one with its value.
struct Row {
    target: Target,
    qemu: &'static str,
    fact: Option<(&'static str, &'static str)>,
    /// Whether `qemu-img check` knows how.
    is_checked: bool,
}

const fn row(
    target: Target,
    qemu: &'static str,
    fact: Option<(&'static str, &'static str)>,
    is_checked: bool,
) -> Row {
    Row { target, qemu, fact, is_checked }
}

const ROWS: [Row; 10] = [
    row(Target::Raw, "raw", None, false),
    row(Target::Qcow2, "qcow2", Some(("compat", "1.1")), true),
    row(Target::Qcow2Deflate, "qcow2", Some(("compression-type", "zlib")), true),
    row(Target::Qcow2Zstd, "qcow2", Some(("compression-type", "zstd")), true),
    row(Target::VhdFixed, "vpc", None, false),
    row(Target::VhdDynamic, "vpc", None, false),
    row(Target::Vhdx, "vhdx", None, true),
    row(Target::Vmdk, "vmdk", Some(("create-type", "monolithicSparse")), true),
    row(Target::VmdkStream, "vmdk", Some(("create-type", "streamOptimized")), true),
    row(Target::Vdi, "vdi", None, true),
];

/// The demo in every format: what qemu-img says of it, whether it is whole, the same disk, and boots.
pub(crate) fn holds(boots: bool) {
    assert!(Target::all().eq(ROWS.iter().map(|row| row.target)), "a format has no row");
    let folder = scratch();
    let size = demo().metadata().expect("there").len();
    for Row { target, qemu, fact, is_checked } in &ROWS {
        let path = folder.path().join(target.name());
        let args = ["disk", "convert", "--format", target.name(), text(demo()), text(&path)];
        bootwright(&args).run().expect("converted");
        let said = judge("qemu-img", &["info", "--output=json", "-f", qemu, text(&path)]);
        let info: Value = serde_json::from_str(&said).expect("JSON");
        let virtual_size = info["virtual-size"].as_u64().expect("a number");
        assert_eq!(
            (&info["format"], virtual_size),
            (&Value::from(*qemu), size),
            "{target}: {said}"
        );
        if let Some((key, value)) = fact {
            assert_eq!(info["format-specific"]["data"][*key], *value, "{target}: {said}");
        }
        if *is_checked {
            judge("qemu-img", &["check", "-f", qemu, text(&path)]);
        }
        judge("qemu-img", &["compare", "-f", qemu, "-F", "raw", text(&path), text(demo())]);
        if boots {
            let boot = bootwright(&["boot", "--offline", "--accel", "tcg", text(&path)]);
            let output = run(&boot);
            assert_eq!(output.status.code(), Some(0), "{target}: {}", stderr(&output));
        }
        std::fs::remove_file(&path).expect("there");
    }
}
