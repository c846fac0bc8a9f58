//! What cannot do is refused with a sentence: nothing is taken for what it is not, nothing that was named is
//! passed over, nothing is waited for that never comes, and no terminal is controlled by a name.

use std::fs;
use std::path::Path;

use bootwright::command::Command;

use crate::workbench::{bootwright, run, scratch, stderr, text};

/// Words of a command line, and a part of the sentence that it ends with.
type Refusal = (&'static [&'static str], &'static str);

/// A folder with files that are not what they are given for.
fn prepared() -> tempfile::TempDir {
    let folder = scratch();
    let write =
        |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect("written");
    write("text", b"a text\n");
    write("empty", b"");
    write("zeros", &[0; 8192]);
    write("damaged.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03 no gzip");
    write("sparse", b"");
    let sparse = fs::File::options().write(true).open(folder.path().join("sparse"));
    sparse.and_then(|file| file.set_len(3 << 40)).expect("sparse");
    fs::create_dir(folder.path().join("tree")).expect("made");
    write("tree/file", b"content\n");
    let pipe = Command::new("mkfifo").arg(folder.path().join("pipe"));
    assert!(run(&pipe).status.success());
    folder
}

/// Runs in the folder, where nothing new may be afterwards, and not for ever.
fn refused(folder: &Path, (words, says): &Refusal) {
    let count = || fs::read_dir(folder).expect("there").count();
    let before = count();
    let script = "cd \"$1\" && shift && exec timeout 60 \"$@\"";
    let shell = Command::new("sh").args(["-c", script, "sh", text(folder)]);
    let output = run(&shell.arg(env!("CARGO_BIN_EXE_bootwright")).args(words.iter().copied()));
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
    assert!(said.contains(says), "{words:?}: no `{says}` in {said}");
    assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{words:?}: {said:?}");
    assert_eq!(count(), before, "{words:?} left something");
}

const NO_INITRAMFS: &[Refusal] = &[
    (&["initramfs", "ls", "zeros"], "there is no archive in it"),
    (&["initramfs", "ls", "text"], "neither a newc archive"),
    (&["initramfs", "size", "empty"], "there is no archive in it"),
    (&["initramfs", "diff", "zeros", "zeros"], "there is no archive in it"),
    (&["initramfs", "unpack", "text", "out"], "neither a newc archive"),
    (&["initramfs", "unpack", "damaged.gz", "out"], "the gzip"),
    (&["initramfs", "unpack", "empty", "out"], "there is no archive in it"),
    (&["initramfs", "pack", "tree", "out", "--early", "text"], "neither a newc archive"),
    (&["initramfs", "pack", "tree", "out", "--early", "zeros"], "--early wants a plain archive"),
    (&["initramfs", "pack", "tree", "out", "--early", "/dev/zero"], "at most 256 MiB are read"),
    (&["initramfs", "pack", "tree", "out", "--compress", "none", "--level", "5"], "no --level"),
    (&["initramfs", "pack", "zeros", "out"], "neither a folder nor a manifest"),
    (&["tree", "ls", "initramfs:zeros"], "there is no archive in it"),
];

#[test]
fn what_is_no_initramfs_is_not_taken_for_one() {
    let folder = prepared();
    NO_INITRAMFS.iter().for_each(|refusal| refused(folder.path(), refusal));
}

const ENDLESS: &[Refusal] = &[
    (&["build", "/dev/zero"], "at most 16 MiB are read"),
    (&["build", "pipe"], "a pipe to which nobody writes"),
    (&["initramfs", "pack", "/dev/zero", "out"], "at most 256 MiB are read"),
    (&["initramfs", "pack", "pipe", "out"], "a pipe to which nobody writes"),
    (&["initramfs", "pack", "tree", "out", "--early", "pipe"], "a pipe to which nobody writes"),
    (&["seed", "-o", "out", "--user-data", "sparse"], "it has 3 TiB"),
    (&["seed", "-o", "out", "--user-data", "pipe"], "a pipe to which nobody writes"),
    (&["seed", "-o", "out", "--ssh-key", "sparse"], "it has 3 TiB"),
    (&["seed", "-o", "out", "--password-file", "pipe"], "a pipe to which nobody writes"),
    (
        &["seed", "-o", "out", "--ssh-key", "text"],
        "reading text: line 1: it is no public key of SSH",
    ),
    (&["boot", "--offline", "text", "--ovmf-code", "pipe", "--ovmf-vars", "pipe"], "nobody writes"),
    (&["tree", "ls", "pipe"], "reading pipe: it is neither"),
    (&["seed", "-o", "out", "--ssh-key", "empty"], "there is no public key in it"),
    (&["explain", "pipe"], "reading pipe: it is a pipe to which nobody writes"),
    (&["explain", "text", "--vmlinux", "pipe"], "a pipe to which nobody writes"),
    (&["tree", "convert", "tree", "out.tar", "--add", "/proc/version:/x"], "before it is read"),
];

#[test]
fn what_never_ends_or_never_comes_is_not_waited_for() {
    let folder = prepared();
    ENDLESS.iter().for_each(|refusal| refused(folder.path(), refusal));
}

const CONTROLS: &[Refusal] = &[
    (&["a\u{1b}[2J\u{7}"], "unrecognized subcommand 'a"),
    (&["image", "--size", "1\u{1b}[31mM\u{7}"], "has an unknown unit"),
    (&["lint", "text", "--allow", "a\u{1b}[2J\u{9b}31m"], "\\u009b"),
    (&["tree", "ls", "tree\u{1b}[2J"], "tree\\u{1b}"),
];

#[test]
fn no_control_character_of_an_argument_reaches_a_terminal() {
    let folder = prepared();
    CONTROLS.iter().for_each(|refusal| refused(folder.path(), refusal));
}

const PASSED_OVER: &[Refusal] = &[
    (&["lint", "text", "--kernel-config", "nope"], "cannot be used with"),
    (&["explain", "text", "--image", "text", "--kernel-config", "nope"], "cannot be used with"),
    (&["boot", "text", "--kernel", "nope"], "unexpected argument '--kernel'"),
    (&["boot", "text", "--busybox", "nope"], "unexpected argument '--busybox'"),
    (&["run", "text", "--modules", "nope"], "unexpected argument '--modules'"),
    (&["image", "--no-bios", "--dry-run"], "--no-bios is for an ISO"),
    (&["tree", "convert", "tree", "out.tar", "--size", "5M"], "--size is for .ext4"),
    (&["tree", "convert", "tree", "out.fat", "--label", "ESP"], "this target has --fat-label"),
    (&["disk", "convert", "zeros", "out.ova", "--package-cpus", "0"], "0 is not in 1.."),
    (&["disk", "convert", "zeros", "out.ova", "--package-memory", "0"], "needs memory"),
    (&["disk", "convert", "zeros", "out.ova", "--package-name", ""], "a value is required"),
    (&["disk", "convert", "zeros", "tree", "-f", "raw", "--dry-run"], "a directory is there"),
    (&["export", "libvirt", "zeros", "--name", "a/b"], "have no slash"),
    (&["export", "libvirt", "zeros", "--network", ""], "are not empty"),
];

#[test]
fn what_was_named_is_not_passed_over() {
    let folder = prepared();
    PASSED_OVER.iter().for_each(|refusal| refused(folder.path(), refusal));
}

/// What a verb answers as JSON, beside its exit code and what it said.
fn json(words: &[&str]) -> (serde_json::Value, Option<i32>, String) {
    let output = run(&bootwright(words));
    let value = serde_json::from_slice(&output.stdout).expect("JSON");
    (value, output.status.code(), stderr(&output))
}

#[test]
fn one_bad_file_does_not_lose_the_answers_of_others() {
    let folder = prepared();
    let log = folder.path().join("good.log");
    fs::write(&log, "Linux version 6.1.0\r\nDebian GNU/Linux 12 box ttyS0\r\n\r\nbox login: ")
        .expect("written");
    let (value, code, said) = json(&["explain", "--json", "/nope", text(&log)]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.starts_with("error: reading /nope: no such file"), "{said}");
    assert!(value[0].is_null() && value[1].is_object(), "{value}");
    let (value, code, said) = json(&["inspect", "--json", "/nope", text(&log)]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.starts_with("error: reading /nope: no such file"), "{said}");
    assert_eq!(value[0]["name"], text(&log), "{value}");
    let output = run(&bootwright(&["inspect", "--json", "/nope"]));
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
}

#[test]
fn lists_are_json_too() {
    for words in [&["lint", "--list", "--json"][..], &["seed", "check", "--list", "--json"]] {
        let (value, code, _) = json(words);
        assert_eq!(code, Some(0));
        let list = value.as_array().expect("an array");
        assert!(list.len() > 10 && list.iter().all(|row| row["id"].is_string()), "{value}");
    }
}

#[test]
fn a_user_whom_nobody_can_be_is_told() {
    let folder = scratch();
    let seed = folder.path().join("seed.img");
    let output = run(&bootwright(&["seed", "--user", "a", "-o", text(&seed)]));
    assert!(output.status.success());
    assert!(stderr(&output).contains("nobody can log in as `a`"), "{}", stderr(&output));
}

#[test]
fn an_open_pipe_is_read() {
    let folder = prepared();
    let script =
        "cd \"$1\" && echo '#cloud-config' | \"$2\" seed -o seed.img --user-data /dev/stdin";
    let shell = Command::new("sh").args(["-c", script, "sh", text(folder.path())]);
    let output = run(&shell.arg(env!("CARGO_BIN_EXE_bootwright")));
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn a_path_that_is_not_there_is_named() {
    let folder = prepared();
    let output =
        run(&bootwright(&["tree", "ls", text(&folder.path().join("tree")), "--below", "nope"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("/nope is not in "), "{}", stderr(&output));
}
