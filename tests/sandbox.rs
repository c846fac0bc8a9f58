//! `bootwright overlay` and what asks the sandboxes before it changes an image.

use std::fs;
use std::path::PathBuf;

use bootwright::command::Output;

use crate::workbench::{bootwright, run, scratch, stderr, text};

/// A folder with an image, and sandboxes of its own.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Desk {
        let folder = scratch();
        fs::write(folder.path().join("base.img"), vec![b'b'; 3 << 20]).expect("written");
        Desk { folder }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        run(&bootwright(args).arg("--sandboxes").arg(self.at("boxes")))
    }

    fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// It is refused, for this reason.
    fn refused(&self, args: &[&str], why: &str) {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(why), "{args:?}: {}", stderr(&output));
    }

    fn change_record(&self, name: &str, from: &str, to: &str) {
        let path = self.at("boxes").join(name).join("sandbox.json");
        let record = fs::read_to_string(&path).expect("there");
        assert!(record.contains(from), "{record}");
        fs::write(&path, record.replace(from, to)).expect("written");
    }
}

#[test]
fn flags_stand_before_and_behind_a_verb_but_those_that_make_sandboxes() {
    let desk = Desk::new();
    let (base, boxes) = (desk.at("base.img"), desk.at("boxes"));
    desk.ok(&["overlay", text(&base), "a"]);
    for list in [["overlay", "--json", "list"], ["overlay", "list", "--json"]] {
        assert!(desk.ok(&list).contains("\"name\": \"a\""));
    }
    let list = ["overlay", "--sandboxes", text(&boxes), "list"];
    let output = run(&bootwright(&list));
    assert!(String::from_utf8_lossy(&output.stdout).contains("└── a"), "{}", stderr(&output));
    let why = "a verb takes neither a base nor";
    desk.refused(&["overlay", "--dry-run", "rm", "a"], why);
    desk.refused(&["overlay", text(&base), "rm", "a"], why);
    assert!(boxes.join("a").exists());
    desk.ok(&["overlay", "rm", "a"]);
    assert!(!boxes.join("a").exists());
}

#[test]
fn all_sandboxes_are_made_or_none() {
    let desk = Desk::new();
    let base = desk.at("base.img");
    fs::write(desk.at("one.seed"), "").expect("written");
    desk.ok(&["overlay", text(&base), "taken"]);
    let seeds = desk.at("{name}.seed");
    desk.refused(&["overlay", text(&base), "one", "taken"], "there is a sandbox taken already");
    desk.refused(&["overlay", text(&base), "one", "one"], "one is named twice");
    let seeded = ["overlay", text(&base), "one", "two", "--seed", text(&seeds)];
    desk.refused(&seeded, "two.seed: no such file");
    assert!(!desk.at("boxes/one").exists());
    desk.refused(&["overlay", "rm", "taken", "gone"], "there is no sandbox gone");
    assert!(desk.at("boxes/taken").exists());
}

#[test]
fn what_sandboxes_stand_on_is_neither_grown_nor_exported() {
    let desk = Desk::new();
    let base = desk.at("base.img");
    desk.ok(&["overlay", text(&base), "a"]);
    desk.refused(&["disk", "grow", text(&base), "+1G"], "a stands on it");
    desk.refused(&["export", "libvirt", text(&base)], "a stands on it");
    desk.ok(&["export", "libvirt", "a"]);
    assert_eq!(base.metadata().expect("there").len(), 3 << 20);
    fs::write(&base, "changed").expect("written");
    desk.refused(&["export", "libvirt", "a"], "has changed since a was put on it");
}

#[test]
fn a_half_written_base_is_only_completed() {
    let desk = Desk::new();
    let base = desk.at("base.img");
    desk.ok(&["overlay", text(&base), "a"]);
    desk.change_record("a", "\"committing\": false", "\"committing\": true");
    for verb in [
        &["run", "a"][..],
        &["run", text(&base)],
        &["export", "libvirt", text(&base)],
        &["overlay", "reset", "a"],
        &["overlay", "rm", "a"],
        &["overlay", text(&base), "b"],
    ] {
        desk.refused(verb, "the commit of a was interrupted: ");
        desk.refused(verb, "hint: `bootwright overlay commit a` completes it");
    }
    desk.ok(&["overlay", "commit", "a"]);
    desk.ok(&["overlay", "rm", "a"]);
}

#[test]
fn a_damaged_record_is_in_nobody_elses_way() {
    let desk = Desk::new();
    let base = desk.at("base.img");
    desk.ok(&["overlay", text(&base), "a", "b"]);
    desk.change_record("b", "{", "");
    assert!(desk.ok(&["overlay", "list"]).contains("sandbox.json: "));
    desk.ok(&["overlay", "commit", "a"]);
    desk.refused(&["run", "b"], "sandbox.json: ");
    desk.ok(&["overlay", "rm", "b"]);
}

#[test]
fn an_overlay_is_converted_with_what_it_stands_on_also_where_its_format_is_said() {
    let desk = Desk::new();
    desk.ok(&["overlay", text(&desk.at("base.img")), "a"]);
    let (overlay, out) = (desk.at("boxes/a/disk.qcow2"), desk.at("out.img"));
    let args = ["disk", "convert", "--input-format", "qcow2", text(&overlay), text(&out)];
    bootwright(&args).run().expect("converted");
    assert!(fs::read(out).expect("there") == fs::read(desk.at("base.img")).expect("there"));
}
