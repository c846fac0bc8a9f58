//! Sandboxes in a folder of their own, judged by qemu-img where it is there.

use std::fs::File;

use super::*;
use crate::command::{Command, find_in_path};
use crate::size::MIB;

struct Bench {
    folder: tempfile::TempDir,
    store: Store,
    base: PathBuf,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(Some(&folder.path().join("boxes"))).expect("named");
        let base = folder.path().join("base image,.img");
        std::fs::write(&base, vec![b'b'; 3 * MIB as usize]).expect("written");
        Bench { base: base.canonicalize().expect("there"), folder, store }
    }

    fn create(&self, name: &str, base: &Path, size: u64) -> Result<Sandbox> {
        let name = name.parse().expect("a name");
        self.store.create(&name, &Base::open(base, false)?, size, None)
    }

    fn get(&self, name: &str) -> Sandbox {
        self.store.find(name).expect("readable").expect("there")
    }
}

/// What a guest would write.
fn write(sandbox: &Sandbox, bytes: &[u8], offset: u64) {
    let disk = crate::format::Writable::open(&sandbox.disk()).expect("open");
    disk.storage().write_all_at(bytes, offset).expect("written");
}

fn read(path: &Path, len: usize, offset: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let disk = Disk::open(path).expect("open");
    disk.read_exact_at(&mut bytes, offset).expect("readable");
    bytes
}

/// qemu-img finds nothing to say, and names the base with its format.
fn is_good(sandbox: &Sandbox) {
    let Some(qemu_img) = find_in_path("qemu-img") else { return };
    Command::new(&qemu_img).arg("check").arg(sandbox.disk()).run().expect("a good image");
    let info = Command::new(qemu_img).args(["info", "-U"]).arg(sandbox.disk()).run().expect("good");
    let info = String::from_utf8_lossy(&info).into_owned();
    assert!(info.contains("backing file format: raw"), "{info}");
}

#[test]
fn names_are_those_of_folders_and_guests() {
    for good in ["a", "web-1", "x.y_z", &"n".repeat(63)] {
        assert_eq!(good.parse::<Name>().map(|n| n.to_string()), Ok(good.into()));
    }
    for bad in ["", ".", "..", "-x", "a/b", "ä", "a b", &"n".repeat(64)] {
        assert!(bad.parse::<Name>().is_err(), "{bad}");
    }
}

#[test]
fn copies_begin_as_their_base_and_keep_what_their_guests_write() {
    let bench = Bench::new();
    for name in ["a", "b", "c"] {
        bench.create(name, &bench.base, 8 * MIB).expect("made");
    }
    let (a, b) = (bench.get("a"), bench.get("b"));
    write(&a, b"hello", 5 * MIB);
    is_good(&a);
    assert_eq!(read(&a.disk(), 5, 5 * MIB), b"hello");
    assert_eq!(read(&b.disk(), 5, 5 * MIB), [0; 5]);
    assert_eq!(read(&b.disk(), 5, MIB), b"bbbbb");
    assert!(a.check(&bench.store).is_ok());
    let taken = bench.create("a", &bench.base, 8 * MIB).expect_err("taken");
    assert_eq!(taken.to_string(), "making the sandbox a: there is a sandbox a already");
    let names: Vec<_> = bench.store.list().expect("readable").into_keys().collect();
    assert_eq!(names.iter().map(Name::as_str).collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[test]
fn a_base_that_changed_is_noticed_and_a_reset_starts_over() {
    let bench = Bench::new();
    let mut a = bench.create("a", &bench.base, 3 * MIB).expect("made");
    write(&a, b"hello", 0);
    File::options()
        .append(true)
        .open(&bench.base)
        .and_then(|f| f.set_len(4 * MIB))
        .expect("longer");
    let error = a.check(&bench.store).expect_err("changed");
    let text = error.to_string();
    assert!(text.starts_with("running the sandbox a: "), "{text}");
    assert!(text.ends_with("changed since a was put on it: it had 3 MiB and has 4 MiB"), "{text}");
    assert!(error.hint_text().is_some_and(|hint| hint.contains("overlay reset a")));
    a.reset(&bench.store).expect("reset");
    assert!(bench.get("a").check(&bench.store).is_ok());
    assert_eq!(read(&a.disk(), 5, 0), b"bbbbb");
    assert_eq!(Disk::open(&a.disk()).expect("open").size(), 4 * MIB);
}

#[test]
fn a_commit_writes_to_the_base_and_empties_the_overlay() {
    let bench = Bench::new();
    let mut a = bench.create("a", &bench.base, 6 * MIB).expect("made");
    write(&a, b"hello", MIB + 7);
    write(&a, b"world", 5 * MIB);
    let b = bench.create("b", &bench.base, 3 * MIB).expect("made");
    let refused = a.commit(&bench.store, &|_| {}).expect_err("b stands there").to_string();
    assert!(refused.contains("b stands on "), "{refused}");
    bench.store.remove(&b.name).expect("removed");
    // An interruption at any point leaves the overlay with all that it had.
    a.record.committing = true;
    a.record.write(&a.folder.join(RECORD), OutputFile::commit).expect("written");
    let interrupted = bench.get("a").check(&bench.store).expect_err("interrupted").to_string();
    assert!(interrupted.contains("the commit of a was interrupted"), "{interrupted}");
    let written = a.commit(&bench.store, &|_| {}).expect("committed");
    assert_eq!(written, 2 * 65536);
    assert_eq!(bench.base.metadata().expect("there").len(), 6 * MIB);
    for path in [&bench.base, &a.disk()] {
        assert_eq!(read(path, 5, MIB + 7), b"hello");
        assert_eq!(read(path, 5, 5 * MIB), b"world");
    }
    is_good(&a);
    assert!(bench.get("a").check(&bench.store).is_ok());
    assert_eq!(Disk::open(&a.disk()).expect("open").next_data(0).expect("readable").start, 0);
}

#[test]
fn what_others_stand_on_is_not_changed() {
    let bench = Bench::new();
    let mut a = bench.create("a", &bench.base, 3 * MIB).expect("made");
    bench.create("a2", &a.disk(), 3 * MIB).expect("a sandbox is a base too");
    for text in [
        a.check(&bench.store).expect_err("it would write").to_string(),
        a.reset(&bench.store).expect_err("it would change").to_string(),
        a.commit(&bench.store, &|_| {}).expect_err("it would change").to_string(),
        bench.store.remove(&a.name).expect_err("it would be gone").to_string(),
    ] {
        assert!(text.ends_with("a2 stands on it: it would change under them"), "{text}");
    }
    assert!(bench.store.refuse_base(&bench.base, "grown").is_err());
    assert!(bench.get("a2").check(&bench.store).is_ok());
    let picture = Chain::of(&bench.store).expect("readable").to_string();
    let lines: Vec<_> = picture.lines().collect();
    assert!(lines[0].contains("base image,.img") && lines[0].contains("3 MiB"), "{picture}");
    assert!(lines[1].starts_with("└── a   ") && lines[2].starts_with("    └── a2"), "{picture}");
}

#[test]
fn a_running_guest_is_respected() {
    let bench = Bench::new();
    let mut a = bench.create("a", &bench.base, 3 * MIB).expect("made");
    let file = File::options().read(true).write(true).open(a.disk()).expect("there");
    lock::lock(&file, &a.disk(), Use::Write).expect("as QEMU does");
    assert!(a.is_running());
    for text in [
        a.reset(&bench.store).expect_err("in use").to_string(),
        a.commit(&bench.store, &|_| {}).expect_err("in use").to_string(),
        bench.store.remove(&a.name).expect_err("in use").to_string(),
    ] {
        assert!(text.contains("in use by a running QEMU"), "{text}");
    }
    drop(file);
    bench.store.remove(&a.name).expect("removed");
    assert!(bench.store.find("a").expect("readable").is_none());
    assert!(bench.folder.path().join("boxes").read_dir().expect("there").next().is_none());
}

#[test]
fn a_lost_base_and_a_damaged_record_are_said() {
    let bench = Bench::new();
    let a = bench.create("a", &bench.base, 3 * MIB).expect("made");
    std::fs::rename(&bench.base, bench.base.with_extension("gone")).expect("moved");
    assert!(a.check(&bench.store).expect_err("gone").to_string().contains("no such file"));
    assert!(Chain::of(&bench.store).expect("readable").to_string().contains("missing"));
    std::fs::write(a.folder.join(RECORD), "{").expect("damaged");
    let text = bench.store.find("a").expect_err("damaged").to_string();
    assert!(text.contains("sandbox.json: "), "{text}");
}

#[test]
fn a_damaged_record_is_in_nobody_elses_way_and_can_be_removed() {
    let bench = Bench::new();
    let mut a = bench.create("a", &bench.base, 3 * MIB).expect("made");
    let b = bench.create("b", &bench.base, 3 * MIB).expect("made");
    std::fs::write(b.folder.join(RECORD), "{").expect("damaged");
    a.check(&bench.store).expect("it can run");
    a.commit(&bench.store, &|_| {}).expect("nobody else stands on it");
    let picture = Chain::of(&bench.store).expect("readable").to_string();
    let line = picture.lines().find(|line| line.starts_with("b ")).expect("it is there too");
    assert!(line.contains("sandbox.json: "), "{picture}");
    let text = bench.create("b", &bench.base, 3 * MIB).expect_err("taken").to_string();
    assert_eq!(text, "making the sandbox b: there is a sandbox b already");
    bench.store.remove(&b.name).expect("removed");
    assert!(!b.folder.exists());
}

#[test]
fn what_a_commit_left_half_written_is_not_used_and_what_completes_it_is_not_lost() {
    let bench = Bench::new();
    let mut a = bench.create("a", &bench.base, 3 * MIB).expect("made");
    write(&a, b"hello", MIB);
    a.record.committing = true;
    a.record.write(&a.folder.join(RECORD), OutputFile::commit).expect("written");
    for error in [
        a.check(&bench.store).expect_err("half written"),
        a.reset(&bench.store).expect_err("it would be lost"),
        bench.store.remove(&a.name).expect_err("it would be lost"),
        bench.create("b", &bench.base, 3 * MIB).expect_err("half written"),
        bench.create("b", &a.disk(), 3 * MIB).expect_err("it could not be completed"),
        bench.store.refuse_half_written(&bench.base).expect_err("half written"),
    ] {
        let text = error.to_string();
        assert!(text.contains("the commit of a was interrupted: "), "{text}");
        assert_eq!(error.hint_text(), Some("`bootwright overlay commit a` completes it"));
    }
    assert_eq!(read(&a.disk(), 5, MIB), b"hello");
    bench.get("a").commit(&bench.store, &|_| {}).expect("completed");
    bench.store.refuse_half_written(&bench.base).expect("whole");
    assert_eq!(read(&bench.base, 5, MIB), b"hello");
    // Where the base is gone, there is nothing to complete.
    a.record.write(&a.folder.join(RECORD), OutputFile::commit).expect("written");
    std::fs::remove_file(&bench.base).expect("removed");
    bench.store.remove(&a.name).expect("removed");
}

#[test]
fn the_base_stays_where_the_record_cannot_say_that_a_commit_was_begun() {
    let bench = Bench::new();
    let mut a = bench.create("a", &bench.base, 3 * MIB).expect("made");
    write(&a, b"hello", MIB);
    std::fs::remove_file(a.folder.join(RECORD)).expect("removed");
    std::fs::create_dir(a.folder.join(RECORD)).expect("in its place");
    a.commit(&bench.store, &|_| {}).expect_err("no record can be written");
    assert_eq!(read(&bench.base, 5, MIB), b"bbbbb");
}
