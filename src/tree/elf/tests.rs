//! Closures of programs that a compiler made, and of the host's own, judged by its loader.

use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::prelude::*;

use super::object::Object;
use super::{ClosureError, Sysroot, closure};
use crate::command::{Command, find_in_path};
use crate::tree::samples::path;
use crate::tree::{Content, Kind, Node, Time, Tree, dir};

/// A compiler, or nothing where it may be missing.
fn compiler() -> Option<Command> {
    let found = find_in_path("cc").map(Command::new);
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "a C compiler is missing (Debian: gcc)");
        eprintln!("skipped: no cc");
    }
    found
}

/// Makes a library or program out of nothing, with these arguments.
fn link(cc: &Command, root: &Path, output: &str, arguments: &[&str]) {
    let output = root.join(output);
    std::fs::create_dir_all(output.parent().expect("a folder")).expect("made");
    let source = root.join("source.c");
    std::fs::write(&source, "int main(void) { return 0; }\n").expect("written");
    let cc = cc.clone().args(["-nostdlib", "-Wl,--no-as-needed", "-Wl,-e,main", "-o"]).arg(&output);
    cc.arg(&source).args(arguments).run().expect("cc runs");
    std::fs::remove_file(source).expect("removed");
}

fn names(tree: &Tree) -> Vec<String> {
    let is_directory = |e: &crate::tree::Entry<'_>| matches!(e.node.kind, Kind::Directory);
    tree.iter().filter(|e| !is_directory(e)).map(|e| e.path.to_string()).collect()
}

/// A sysroot: app needs liba (by RUNPATH), which needs libb (in a directory of ld.so.conf).
fn sample(cc: &Command) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path();
    let at = |name: &str| root.join(name).to_string_lossy().into_owned();
    link(cc, root, "opt/more/libb.so.1", &["-shared", "-Wl,-soname,libb.so.1"]);
    let liba = ["-shared", "-Wl,-soname,liba.so.1", &at("opt/more/libb.so.1")];
    link(cc, root, "opt/app/lib/liba.so.1.2", &liba);
    symlink("liba.so.1.2", root.join("opt/app/lib/liba.so.1")).expect("linked");
    link(cc, root, "usr/lib/ld-test.so", &["-shared"]);
    symlink("usr/lib", root.join("lib")).expect("linked");
    let app = [
        "-Wl,--enable-new-dtags,-rpath,$ORIGIN/../lib",
        "-Wl,-dynamic-linker,/lib/ld-test.so",
        "-Wl,--allow-shlib-undefined",
        &at("opt/app/lib/liba.so.1"),
    ];
    link(cc, root, "opt/app/bin/app", &app);
    std::fs::create_dir_all(root.join("etc/ld.so.conf.d")).expect("made");
    std::fs::write(root.join("etc/ld.so.conf"), "# x\ninclude ld.so.conf.d/*.conf\n")
        .expect("written");
    std::fs::write(root.join("etc/ld.so.conf.d/more.conf"), "/opt/more\n").expect("written");
    std::fs::write(root.join("run"), "#!/usr/bin/env -S app\n").expect("written");
    folder
}

const CLOSURE: &[&str] = &[
    "lib",
    "opt/app/bin/app",
    "opt/app/lib/liba.so.1",
    "opt/app/lib/liba.so.1.2",
    "opt/more/libb.so.1",
    "usr/lib/ld-test.so",
];

#[test]
fn interpreter_libraries_and_links_are_taken_and_nothing_else() {
    let Some(cc) = compiler() else { return };
    let folder = sample(&cc);
    let source = closure(Sysroot::Host(folder.path()), &[path("opt/app/bin/app")]).expect("whole");
    assert_eq!(names(&source.tree), CLOSURE);
    let told: Vec<_> = source.notices.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("libb.so.1") && told[0].contains("ldconfig"), "{told:?}");
    let tree = dir::read(folder.path(), &dir::Options::default()).expect("reads").tree;
    let again = closure(Sysroot::Tree(&tree), &[path("opt/app/bin/app")]).expect("whole").tree;
    assert_eq!(again.digest().expect("reads"), source.tree.digest().expect("reads"));
}

#[test]
fn what_is_missing_is_named_with_who_needs_it() {
    let Some(cc) = compiler() else { return };
    let folder = sample(&cc);
    let refusal = |program: &str| {
        let error = closure(Sysroot::Host(folder.path()), &[path(program)]).expect_err("refused");
        error.downcast_ref::<ClosureError>().expect("of closures").clone()
    };
    std::fs::remove_file(folder.path().join("opt/more/libb.so.1")).expect("removed");
    let by = path("opt/app/lib/liba.so.1");
    assert_eq!(refusal("opt/app/bin/app"), ClosureError::Library { name: b"libb.so.1".into(), by });
    std::fs::remove_file(folder.path().join("usr/lib/ld-test.so")).expect("removed");
    let (interpreter, by) = (b"/lib/ld-test.so".to_vec(), path("opt/app/bin/app"));
    let missing = ClosureError::Interpreter { path: interpreter, by };
    assert_eq!(refusal("opt/app/bin/app"), missing);
    assert_eq!(refusal("nope"), ClosureError::Program(path("nope")));
    assert_eq!(refusal("etc/ld.so.conf"), ClosureError::NotProgram(path("etc/ld.so.conf")));
    let by = path("run");
    assert_eq!(refusal("run"), ClosureError::Interpreter { path: b"/usr/bin/env".into(), by });
}

#[test]
fn scripts_bring_their_interpreters() {
    let mut tree = Tree::new(Time::EPOCH);
    let mut put = |name: &str, text: &str| {
        let content = Content::from(text.as_bytes().to_vec());
        tree.insert(path(name), Node::file(0o755, Time::EPOCH, content)).expect("free");
    };
    put("a", "#!/usr/bin/env -S b --flag\n");
    put("usr/bin/env", "#!/loop\n");
    put("loop", "#!/loop\n");
    let error = closure(Sysroot::Tree(&tree), &[path("a")]).expect_err("a loop").to_string();
    assert_eq!(
        error,
        "looking for what `/a` needs: `/loop` is no program: neither an ELF file nor a script"
    );
}

/// The files that the host's own loader says a program needs.
fn of_loader(program: &str) -> Option<Vec<String>> {
    let ldd = Command::new(find_in_path("ldd")?).arg(program).run().ok()?;
    let text = String::from_utf8_lossy(&ldd).into_owned();
    let paths =
        text.lines().filter_map(|line| line.split_whitespace().find(|w| w.starts_with('/')));
    let real = |p: &str| std::fs::canonicalize(p).ok().map(|p| p.to_string_lossy().into_owned());
    let mut paths: Vec<_> = paths.chain([program]).filter_map(real).collect();
    paths.sort();
    paths.dedup();
    Some(paths)
}

#[test]
fn the_hosts_loader_agrees() {
    for program in ["/bin/ls", "/usr/bin/python3", "/bin/bash", "/usr/bin/perl"] {
        let Some(wanted) = of_loader(program).filter(|p| p.len() > 1) else {
            eprintln!("skipped: ldd knows no {program}");
            continue;
        };
        let source = closure(Sysroot::Host(Path::new("/")), &[path(program)]).expect("whole");
        let files = source.tree.iter().filter(|e| matches!(e.node.kind, Kind::File(_)));
        let files: Vec<_> = files.map(|e| format!("/{}", e.path)).collect();
        let cache = |f: &&String| *f != "/etc/ld.so.cache";
        assert_eq!(
            files.iter().filter(cache).collect::<Vec<_>>(),
            wanted.iter().collect::<Vec<_>>()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damaged_files_are_read_or_refused(
        flips in proptest::collection::vec((0..1024usize, any::<u8>()), 0..12),
        cut in 0..4096usize,
    ) {
        let mut bytes = std::fs::read(std::env::current_exe().expect("known")).expect("reads");
        bytes.truncate(64 << 10);
        for (at, value) in flips {
            bytes[at] = value;
        }
        bytes.truncate(if cut < 2048 { cut } else { bytes.len() });
        let _ = Object::read(&Content::from(bytes));
    }
}
