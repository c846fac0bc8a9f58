//! A disk that is grown while everything goes wrong: stopped, in use, stood on. The image is whole every
//! time, and the same command again completes it.

use std::fs;

use bootwright::assets::Need;
use bootwright::format::Writable;

use crate::growth::{JUDGES, grow, is_grown, is_whole};
use crate::workbench::{bootwright, copy_of_demo, is_ready, judge, run, scratch, stderr, text};

#[test]
fn a_growth_that_stops_after_any_write_leaves_a_whole_image() {
    if !is_ready(Need::IMAGE, &JUDGES) {
        return;
    }
    let (folder, mut writes) = (scratch(), 0);
    loop {
        let image = copy_of_demo(folder.path());
        let to = image.metadata().expect("there").len() + (200 << 20);
        let is_done = grow(&image, to, writes).expect("it can grow");
        is_whole(&image, &format!("{writes} writes"));
        // The same again.
        assert!(grow(&image, to, usize::MAX).unwrap_or_else(|e| panic!("{writes} writes: {e}")));
        assert_eq!(image.metadata().expect("there").len(), to, "{writes} writes");
        is_grown(&image);
        if is_done {
            break;
        }
        writes += 1;
    }
    assert!(writes > 10, "{writes}");
}

#[test]
fn a_qcow2_grows_as_a_raw_image_does() {
    if !is_ready(Need::IMAGE, &JUDGES) {
        return;
    }
    let folder = scratch();
    let (raw, qcow2) = (copy_of_demo(folder.path()), folder.path().join("disk.qcow2"));
    bootwright(&["disk", "convert", text(&raw), text(&qcow2)]).run().expect("converted");
    for image in [&raw, &qcow2] {
        bootwright(&["disk", "grow", text(image), "+20G"]).run().expect("grown");
    }
    judge("qemu-img", &["check", text(&qcow2)]);
    let back = folder.path().join("back.img");
    bootwright(&["disk", "convert", text(&qcow2), text(&back)]).run().expect("converted");
    is_grown(&raw);
    judge("qemu-img", &["compare", text(&raw), text(&back)]);
}

#[test]
fn an_image_in_use_and_a_base_are_not_grown() {
    if !is_ready(Need::IMAGE, &JUDGES) {
        return;
    }
    let folder = scratch();
    let image = copy_of_demo(folder.path());
    let before = fs::read(&image).expect("there");
    let used = Writable::open(&image).expect("nobody else");
    let output = run(&bootwright(&["disk", "grow", text(&image), "+1G"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("in use by a running QEMU"), "{}", stderr(&output));
    drop(used);
    let data = folder.path().join("data");
    let with_data = |args: &[&str]| run(&bootwright(args).env("XDG_DATA_HOME", data.as_os_str()));
    assert!(with_data(&["overlay", text(&image), "a", "b"]).status.success());
    let output = with_data(&["disk", "grow", text(&image), "+1G"]);
    assert!(stderr(&output).contains("a, b stand on it"), "{}", stderr(&output));
    assert!(fs::read(&image).expect("there") == before);
}

/// The flow of doc/sandbox.md but for the guests: grow, three copies, a machine of each.
#[test]
fn one_image_becomes_three_sandboxes() {
    if !is_ready(Need::IMAGE, &JUDGES) {
        return;
    }
    let folder = scratch();
    let image = copy_of_demo(folder.path());
    let boxes = folder.path().join("boxes");
    let ok = |args: &[&str]| {
        let command = bootwright(args).args(["--sandboxes", text(&boxes)]);
        String::from_utf8_lossy(&command.run().expect("it works")).into_owned()
    };
    bootwright(&["disk", "grow", text(&image), "+20G"]).run().expect("grown");
    for name in ["alice", "bob", "carol"] {
        fs::write(folder.path().join(format!("{name}.seed")), vec![0; 4096]).expect("written");
    }
    let seeds = folder.path().join("{name}.seed");
    ok(&["overlay", text(&image), "alice", "bob", "carol", "--seed", text(&seeds)]);
    let list = ok(&["overlay", "list"]);
    assert_eq!(list.lines().count(), 4, "{list}");
    assert!(list.contains("├── alice") && list.contains("└── carol"), "{list}");
    let xml = ok(&["export", "libvirt", "bob"]);
    assert!(xml.contains("/bob/disk.qcow2'/>") && xml.contains("bob.seed'/>"), "{xml}");
    ok(&["overlay", "rm", "alice", "bob", "carol"]);
    assert_eq!(ok(&["overlay", "list"]), "there are no sandboxes\n");
    is_grown(&image);
}
