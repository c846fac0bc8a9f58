//! Boots made in memory, sound ones and broken ones: each broken one is named by its lint alone.

mod cmdline;
mod blscfg;
pub(crate) mod disk;
mod early;
mod firmware;
mod iso;
mod kernel;
mod modules;
mod system;

use super::subject::{Initramfs, Kernel};
use super::{Given, Levels, Report, Severity, Subject, all, run};
use crate::kernel::config::Config;
use crate::tree::{Content, Node, Time, Tree, TreePath};

/// A tree of files: path, mode, content; `->target` is a symlink.
pub(crate) fn tree(files: &[(&str, u16, &[u8])]) -> Tree {
    let mut tree = Tree::new(Time::EPOCH);
    for (path, mode, content) in files {
        let node = match content.strip_prefix(b"->") {
            Some(target) => Node::symlink(target, Time::EPOCH),
            None => Node::file(*mode, Time::EPOCH, Content::from(content.to_vec())),
        };
        tree.insert(TreePath::new(path.as_bytes()).expect("good"), node).expect("free");
    }
    tree
}

/// What every lint says.
fn report(subject: &Subject) -> Report {
    run(subject, &Levels::default())
}

/// The ids of what was found, errors first.
fn ids(subject: &Subject) -> Vec<&'static str> {
    report(subject).findings.iter().map(|finding| finding.id).collect()
}

/// A sound static program.
pub(crate) fn program() -> Vec<u8> {
    crate::elf::tests::image(2, 0, &[(1, 1, b"\x90", 0)], &[])
}

/// A subject of an initramfs and a command line.
pub(crate) fn early(initramfs: &[u8], cmdline: &str) -> Subject {
    Subject {
        initramfs: Given::Here(Initramfs::new("initramfs", initramfs).expect("room")),
        cmdline: Some(cmdline.into()),
        ..Subject::default()
    }
}

/// The kernel 6.1.0-test with a configuration.
pub(crate) fn kernel(config: &str) -> Kernel {
    let config = Config::parse(config.as_bytes()).expect("a configuration");
    Kernel::new("vmlinuz", crate::kernel::bzimage::tests::kernel(), Some(config))
}

#[test]
fn ids_are_unique_and_every_text_is_there() {
    let mut seen: Vec<_> = all().map(|lint| lint.id).collect();
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), count);
    for lint in all() {
        assert!(lint.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
        assert!(!lint.proves.ends_with('.') && !lint.remedy.ends_with('.'), "{}", lint.id);
        assert!(lint.proves.len() > 10 && lint.remedy.len() > 5, "{}", lint.id);
    }
}

/// The tests of this folder, as text.
const TESTS: [&str; 8] = [
    include_str!("cmdline.rs"),
    include_str!("disk.rs"),
    include_str!("early.rs"),
    include_str!("firmware.rs"),
    include_str!("iso.rs"),
    include_str!("kernel.rs"),
    include_str!("modules.rs"),
    include_str!("system.rs"),
];

#[test]
fn every_lint_is_shown_by_a_fault() {
    let is_shown = |id: &str| TESTS.iter().any(|test| test.contains(&format!("\"{id}\"")));
    let rest: Vec<_> = all().map(|lint| lint.id).filter(|id| !is_shown(id)).collect();
    assert_eq!(rest, [""; 0], "lints that no test makes fire");
}

#[test]
fn a_subject_of_which_nothing_is_known_is_silent() {
    assert_eq!(ids(&Subject::default()), [""; 0]);
}

#[test]
fn levels_pass_over_and_count_as_errors() {
    let subject = early(&[], "root=/dev/vda1");
    let with = |allow: &[&str], deny: &[&str]| {
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let levels = Levels::new(&owned(allow), &owned(deny)).expect("known lints");
        let report = run(&subject, &levels);
        report.findings.iter().map(|f| (f.id, f.severity)).collect::<Vec<_>>()
    };
    let (missing, console) = ("initramfs-no-init", "console-missing");
    assert_eq!(with(&[], &[]), [(missing, Severity::Error), (console, Severity::Warning)]);
    assert_eq!(with(&[missing], &["all"]), [(console, Severity::Error)]);
    assert_eq!(with(&["all"], &[console]), [(console, Severity::Error)]);
    assert_eq!(with(&["all"], &[]), []);
    let denied = Levels::new(&[missing.into()], &["all".into()]).expect("they are there");
    let words = run(&subject, &denied).to_string();
    assert!(words.ends_with("1 error: it should boot, and that was denied\n"), "{words}");
    let error = Levels::new(&["no-such".into()], &[]).expect_err("there is none");
    assert_eq!(error.to_string(), "there is no lint called `no-such`");
}

#[test]
fn a_finding_says_where_what_and_what_will_be_seen() {
    let tree = tree(&[("init", 0o644, &program())]);
    let packed = crate::initramfs::pack(&tree, 6).expect("packed");
    let report = report(&early(&packed, "console=ttyS0"));
    assert_eq!(
        report.to_string(),
        "error[init-not-executable]: initramfs: /init has the mode 0644: not executable\n  \
         at boot  Failed to execute /init (error -13)\n           \
         Kernel panic - not syncing: No working init found.\n  \
         remedy   `chmod 755 init` before packing\n\n\
         1 error: it will not boot\n"
    );
}
