//! Disk images in every format: written, read back, judged by qemu-img, booted, killed in the middle.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use bootwright::assets::{Assets, Need, Options};
use bootwright::command::Command;
use bootwright::package::Export;
use serde_json::Value;

use crate::every_format;
use crate::workbench::{
    bootwright, demo, image, init, is_ready, judge, partition, run, scratch, stderr, text,
};

fn json(args: &[&str]) -> (Option<i32>, Value) {
    let output = run(&bootwright(args));
    let said = String::from_utf8_lossy(&output.stdout);
    let value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{args:?}: {e}: {said}"));
    (output.status.code(), value)
}

/// Names of a folder, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().expect("readable").flatten();
    let mut names: Vec<_> = entries.map(|e| e.file_name().to_string_lossy().into()).collect();
    names.sort();
    names
}

/// A spec that asks for everything that an image is handed out as, built into a folder.
fn build_all(folder: &Path) {
    fs::create_dir(folder).expect("new");
    let formats: Vec<_> = Export::all().map(|export| format!("\"{export}\"")).collect();
    let text = format!(
        "output = \"disk.img\"\nformats = [{}]\n[kernel]\ninit = \"{}\"\n",
        formats.join(", "),
        text(&init())
    );
    let spec = folder.with_extension("toml");
    fs::write(&spec, text.replace("disk.img", self::text(&folder.join("disk.img"))))
        .expect("written");
    bootwright(&["build", "--offline", self::text(&spec)]).run().expect("it builds");
}

#[test]
fn one_spec_makes_every_format_by_one_command_and_two_builds_are_the_same() {
    if !is_ready(&[Need::IMAGE, Need::ISO].concat(), &["qemu-img", "tar"]) {
        return;
    }
    let folder = scratch();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    build_all(&one);
    build_all(&two);
    // The AMI has two requests beside it, the partition image kernel and initramfs.
    assert_eq!(names(&one).len(), Export::all().count() + 4, "{:?}", names(&one));
    for name in names(&one) {
        let bytes = |folder: &Path| fs::read(folder.join(&name)).expect("there");
        assert!(bytes(&one) == bytes(&two), "{name}");
    }
    let at = |name: &str| one.join(format!("disk.{name}"));
    for (package, member) in [
        ("ova", "disk-disk1.vmdk"),
        ("libvirt.box", "box.img"),
        ("virtualbox.box", "box-disk1.vmdk"),
    ] {
        judge("tar", &["-xf", text(&at(package)), "-C", text(&one), member]);
        fs::rename(one.join(member), at(&format!("{package}.disk"))).expect("unpacked");
    }
    let disk = fs::read(at("img")).expect("there");
    let others = ["json", "iso", "ova", "box", "partition.qcow2", "vmlinuz", "initrd"];
    let is_disk = |name: &String| !others.iter().any(|ending| name.ends_with(ending));
    for name in names(&one).into_iter().filter(is_disk) {
        let (path, back) = (one.join(&name), folder.path().join("back.img"));
        bootwright(&["disk", "convert", text(&path), text(&back)]).run().expect("it converts");
        assert!(fs::read(&back).expect("there") == disk, "{name}");
        // A fixed VHD is known by its end, where qemu-img does not look.
        let format: &[&str] = if name == "disk.vhd" { &["-f", "vpc"] } else { &[] };
        let raw = at("img");
        let said = judge("qemu-img", &[&["compare"], format, &[text(&path), text(&raw)]].concat());
        assert!(said.contains("Images are identical"), "{name}: {said}");
    }
    // The lints and the readers see the same disk; the ISO has another root filesystem.
    for name in ["img", "zstd.qcow2", "vhdx", "stream.vmdk", "iso"] {
        let (code, report) = json(&["lint", "--json", text(&at(name))]);
        assert_eq!((code, &report["findings"]), (Some(0), &Value::Array(vec![])), "{name}");
    }
}

#[test]
fn every_format_is_what_it_says_and_is_whole() {
    if is_ready(Need::IMAGE, &["qemu-img"]) {
        every_format::holds(false);
    }
}

#[test]
fn a_package_is_not_booted_and_a_format_is_not_named_twice() {
    let folder = scratch();
    let path = folder.path().join("disk.img");
    for (args, why) in [
        (&["--format", "ova", "--boot"][..], "QEMU boots no package"),
        (&["--format", "vdi,vdi"], "two formats would be "),
        (&["--format", "qcow3"], "`qcow3` is not written"),
    ] {
        let output = run(&image(&path, args));
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(why), "{args:?}: {}", stderr(&output));
    }
    assert!(names(folder.path()).is_empty());
}

#[test]
fn info_shows_chain_partitions_and_what_is_free() {
    if !is_ready(Need::IMAGE, &["qemu-img"]) {
        return;
    }
    let folder = scratch();
    let top = folder.path().join("top.qcow2");
    judge(
        "qemu-img",
        &["create", "-q", "-f", "qcow2", "-F", "raw", "-b", text(demo()), text(&top)],
    );
    let (code, info) = json(&["disk", "info", "--json", text(&top)]);
    assert_eq!(code, Some(0));
    let formats: Vec<_> =
        info["chain"].as_array().expect("a chain").iter().map(|i| &i["format"]).collect();
    assert_eq!(formats, ["qcow2", "raw"]);
    assert_eq!(info["chain"][0]["facts"]["backing_format"], "raw");
    assert_eq!(info["partitions"][0]["filesystem"], "vfat");
    let root = &info["partitions"][1];
    let number = |key: &str| root[key].as_u64().expect("a number");
    assert!(number("free") >= 8 << 20, "{root}");
    assert!(number("used") + number("free") <= number("size"), "{root}");
    let picture = run(&bootwright(&["disk", "info", text(&top)]));
    let picture = String::from_utf8_lossy(&picture.stdout).into_owned();
    assert!(picture.contains("\n└─ "), "{picture}");
}

#[test]
fn what_cannot_be_converted_leaves_what_was_there() {
    let folder = scratch();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("cut.qcow2"), b"QFI\xfb\0\0\0\x03").expect("written");
    fs::write(at("out.img"), "good").expect("written");
    let refused = |from: &str, why: &str| {
        let output = run(&bootwright(&["disk", "convert", text(&at(from)), text(&at("out.img"))]));
        assert_eq!(output.status.code(), Some(2), "{from}");
        assert!(stderr(&output).contains(why), "{from}: {}", stderr(&output));
        assert_eq!(fs::read(at("out.img")).expect("there"), b"good", "{from}");
    };
    refused("cut.qcow2", "cut.qcow2: the file is cut off: the header at 8 is past its end");
    refused("none.qcow2", "none.qcow2: no such file or directory");
    let output = run(&bootwright(&["disk", "convert", text(&at("out.img")), text(&at("out"))]));
    assert!(stderr(&output).contains("has no ending that says its format"), "{}", stderr(&output));
    assert_eq!(names(folder.path()), ["cut.qcow2", "out.img"]);
}

#[test]
fn a_kill_at_any_point_harms_neither_input_nor_output() {
    let folder = scratch();
    let at = |name: &str| folder.path().join(name);
    let noise: Vec<u8> =
        (0..8u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(at("disk.img"), &noise).expect("written");
    fs::write(at("out.qcow2"), "good").expect("written");
    let mut killed = 0;
    for round in 0..100u32 {
        let program = env!("CARGO_BIN_EXE_bootwright");
        let after = format!("{:.4}", 0.0004 * f64::from(round + 1));
        let converting = Command::new("timeout")
            .args(["-s", "KILL", &after, program, "disk", "convert", "--json"])
            .args([at("disk.img"), at("out.qcow2")]);
        killed += u32::from(!run(&converting).status.success());
        assert!(fs::read(at("disk.img")).expect("there") == noise, "round {round}");
        let out = fs::read(at("out.qcow2")).expect("there");
        assert!(out == b"good" || out.starts_with(b"QFI\xfb"), "round {round}");
        if out != b"good" {
            bootwright(&["disk", "convert", text(&at("out.qcow2")), text(&at("back.img"))])
                .run()
                .expect("whole");
            assert!(fs::read(at("back.img")).expect("there") == noise, "round {round}");
            fs::remove_file(at("back.img")).expect("there");
        }
        fs::write(at("out.qcow2"), "good").expect("written");
    }
    assert!(killed > 0, "some round was killed");
    assert_eq!(names(folder.path()), ["disk.img", "out.qcow2"]);
}

#[test]
fn an_image_that_is_written_by_a_running_program_is_not_read() {
    if !is_ready(&[], &["qemu-img"]) {
        return;
    }
    let folder = scratch();
    let path = folder.path().join("disk.qcow2");
    judge("qemu-img", &["create", "-q", "-f", "qcow2", text(&path), "64M"]);
    // Another one that changes it in place, as QEMU would.
    let editor = bootwright::format::qcow2::Editor::open(&path).expect("free");
    let out = folder.path().join("out.img");
    let output = run(&bootwright(&["disk", "convert", text(&path), text(&out)]));
    assert_eq!(output.status.code(), Some(2));
    let why = "it is in use by a running QEMU or another program";
    assert!(stderr(&output).contains(why), "{}", stderr(&output));
    let (_, info) = json(&["disk", "info", "--json", text(&path)]);
    assert_eq!(info["chain"][0]["in_use"], true);
    // QEMU respects the same lock.
    let program = bootwright::command::find_in_path("qemu-img").expect("is_ready has looked");
    let refused = Command::new(program).args(["info", text(&path)]).output().expect("runs");
    assert!(stderr(&refused).contains("lock"), "{}", stderr(&refused));
    drop(editor);
    bootwright(&["disk", "convert", text(&path), text(&out)]).run().expect("free again");
}

#[test]
fn a_fault_is_one_sentence_for_every_verb_and_the_image_stays() {
    if !is_ready(Need::BOOT, &["qemu-img"]) {
        return;
    }
    let folder = scratch();
    let at = |name: &str| text(&folder.path().join(name)).to_owned();
    let create = |base: &str, name: &str, format: &str| {
        let args =
            ["create", "-q", "-u", "-f", "qcow2", "-F", format, "-b", base, &at(name), "64M"];
        judge("qemu-img", &args);
    };
    create("gone.img", "missing.qcow2", "raw");
    create("two.qcow2", "one.qcow2", "qcow2");
    create("one.qcow2", "two.qcow2", "qcow2");
    let mut overlapping = vec![0; 4 << 20];
    for (index, first) in [(0, 2048u32), (1, 4000)] {
        let record = &mut overlapping[446 + 16 * index..][..16];
        record[4] = 0x83;
        record[8..12].copy_from_slice(&first.to_le_bytes());
        record[12..].copy_from_slice(&4000u32.to_le_bytes());
    }
    overlapping[510..512].copy_from_slice(&[0x55, 0xaa]);
    fs::write(at("overlap.img"), overlapping).expect("written");
    fs::write(at("cut.qcow2"), &fs::read(at("one.qcow2")).expect("there")[..60]).expect("written");
    let out = at("out.img");
    for (name, why) in [
        ("missing.qcow2", "gone.img: no such file or directory"),
        ("one.qcow2", "one.qcow2 backs itself: the chain is a loop"),
        ("overlap.img", "partitions 1 and 2 overlap"),
        ("cut.qcow2", "the file is cut off: the header at"),
    ] {
        let path = at(name);
        let before = fs::read(&path).expect("there");
        let convert = ["disk", "convert", &path, &out];
        let boot = ["boot", "--offline", "--accel", "tcg", &path];
        let verbs: &[&[&str]] = match name {
            "overlap.img" => &[&["disk", "grow", &path, "+1G"]],
            _ => &[&convert, &boot, &["disk", "info", &path], &["disk", "grow", &path, "+1G"]],
        };
        for verb in verbs {
            let output = run(&bootwright(verb));
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{verb:?}: {said}");
            assert!(said.contains(why), "{verb:?}: {said}");
            assert_eq!(said.matches("error: ").count(), 1, "{verb:?}: {said}");
            assert!(fs::read(&path).expect("there") == before, "{verb:?}");
        }
    }
    assert!(!Path::new(&out).exists());
}

#[test]
fn a_damaged_image_says_where() {
    let folder = scratch();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("disk.img"), vec![7; 1 << 20]).expect("written");
    bootwright(&["disk", "convert", text(&at("disk.img")), text(&at("disk.qcow2"))])
        .run()
        .expect("converted");
    let file = fs::File::options().write(true).open(at("disk.qcow2")).expect("there");
    // The first entry of the L1 table, which follows the header's cluster, points into a cluster.
    file.write_all_at(&[0x80, 0, 0, 0, 0, 2, 2, 0], 65536).expect("written");
    let (from, to) = (at("disk.qcow2"), at("back.img"));
    let output = run(&bootwright(&["disk", "convert", text(&from), text(&to)]));
    assert_eq!(output.status.code(), Some(2));
    let why = "it is damaged: an offset within a cluster at 65536";
    assert!(stderr(&output).contains(why), "{}", stderr(&output));
}

#[test]
fn a_compressed_qcow2_boots() {
    if !is_ready(&[Need::IMAGE, Need::BOOT].concat(), &[]) {
        return;
    }
    let folder = scratch();
    let path = folder.path().join("disk.qcow2");
    let args = ["disk", "convert", "--format", "qcow2-zstd", text(demo()), text(&path)];
    bootwright(&args).run().expect("converted");
    let boot = bootwright(&["boot", "--offline", "--accel", "tcg", "--json", text(&path)]);
    let output = run(&boot);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn a_partition_image_has_kernel_and_initramfs_beside_it_and_boots_by_them() {
    if !is_ready(&[Need::IMAGE, Need::BOOT].concat(), &["qemu-img", "mcopy", "timeout"]) {
        return;
    }
    let folder = scratch();
    let at = |name: &str| folder.path().join(name);
    let image = at("demo.partition.qcow2");
    bootwright(&["disk", "convert", text(demo()), text(&image)]).run().expect("converted");
    judge("qemu-img", &["check", text(&image)]);
    judge("qemu-img", &["convert", "-O", "raw", text(&image), text(&at("back"))]);
    partition(demo(), 2, &at("root"));
    assert!(fs::read(at("back")).expect("there") == fs::read(at("root")).expect("there"));
    let esp = format!("{}@@1M", text(demo()));
    for (ours, theirs) in [("vmlinuz", "vmlinuz"), ("initrd", "initramfs.img")] {
        let beside = at(&format!("demo.partition.{ours}"));
        judge("mcopy", &["-n", "-i", &esp, &format!("::/EFI/BOOT/{theirs}"), text(&at(theirs))]);
        assert!(fs::read(beside).expect("there") == fs::read(at(theirs)).expect("there"), "{ours}");
    }
    let options = Options { offline: true, ..Options::default() };
    let assets = Assets::resolve(Need::BOOT, &options, &mut |_| {}).expect("is_ready has looked");
    let boot = assets.command(Need::Qemu).expect("resolved");
    let environment = boot.environment().iter().cloned();
    let limited = Command::new("timeout").arg("240").arg(boot.program());
    let limited = environment.fold(limited, |command, (key, value)| command.env(key, value));
    let machine = ["-nodefaults", "-no-reboot", "-display", "none", "-machine", "q35", "-accel"];
    let devices = ["tcg", "-cpu", "max", "-m", "512", "-serial", "stdio", "-kernel"];
    let output = limited.args(boot.arguments().iter().cloned()).args(machine).args(devices);
    let output = output.arg(at("demo.partition.vmlinuz")).arg("-initrd");
    let output = output.arg(at("demo.partition.initrd")).arg("-drive");
    let output = output.arg(format!("if=virtio,format=qcow2,file={}", text(&image)));
    let arguments = "console=ttyS0 panic=-1 root=/dev/vda rootfstype=ext4 rw handoff=mine:poweroff";
    let output = output.args(["-append", arguments]).output().expect("QEMU starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("mine userspace-ready"), "{said}");
}
