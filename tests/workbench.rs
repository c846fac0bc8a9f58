//! What the integration tests share: the program, the demo image, and the judges.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bootwright::assets::{Assets, Need, Options};
use bootwright::command::{Command, Output, find_in_path};
use bootwright::disk::gpt;
use bootwright::volume::Volume;

/// The program, with nothing to fetch: a test that needs what is not there is skipped before.
pub(crate) fn bootwright(args: &[&str]) -> Command {
    Command::new(env!("CARGO_BIN_EXE_bootwright")).args(args)
}

/// Runs it and returns what came of it.
pub(crate) fn run(command: &Command) -> Output {
    command.output().expect("the program starts")
}

/// What it said on standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An empty folder of this test's own, removed with the value.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder")
}

/// Whether what this test needs is there. On a laptop a test may be skipped, and says so; in CI
/// everything has to be there.
pub(crate) fn is_ready(needs: &[Need], programs: &[&str]) -> bool {
    let options = Options { offline: true, ..Options::default() };
    let missing = match Assets::resolve(needs, &options, &mut |_| {}) {
        _ if !init().is_file() => Some("/init is not built".to_owned()),
        Err(error) => Some(error.to_string()),
        Ok(_) => programs.iter().find(|p| find_in_path(p).is_none()).map(|p| format!("no {p}")),
    };
    missing.is_none_or(|why| skip(&format!("{why}; `cargo xtask test` sets it up")))
}

/// Says why a test is skipped: `false`, for its caller to hand on.
pub(crate) fn skip(why: &str) -> bool {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    eprintln!("skipped: {why}");
    false
}

/// The guest's init, as `cargo xtask init` builds it.
pub(crate) fn init() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/init/init")
}

/// `bootwright image` with our init, offline.
pub(crate) fn image(output: &Path, args: &[&str]) -> Command {
    bootwright(&["image", "--offline"])
        .arg("--init")
        .arg(init())
        .arg("--output")
        .arg(output)
        .args(args.iter().copied())
}

/// The demo image, built once for all tests; nobody changes it.
pub(crate) fn demo() -> &'static Path {
    static DEMO: OnceLock<PathBuf> = OnceLock::new();
    DEMO.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo.img");
        image(&path, &[]).run().expect("the demo image builds");
        path
    })
}

/// A copy of the demo image that may be broken.
pub(crate) fn copy_of_demo(folder: &Path) -> PathBuf {
    let path = folder.join("copy.img");
    fs::copy(demo(), &path).expect("copied");
    path
}

/// The content of a partition, by its number, as a file of its own.
pub(crate) fn partition(image: &Path, number: u32, to: &Path) {
    let file = fs::File::open(image).expect("the image is there");
    let disk = Volume::new(&file, 0, file.metadata().expect("it has a size").len());
    let table = gpt::read(&disk).expect("it has a GPT");
    let entry = table.entries.iter().find(|e| e.number == number).expect("the partition is there");
    let (start, len) = entry.range(table.sector);
    let mut bytes = vec![0; len as usize];
    disk.read_exact_at(&mut bytes, start).expect("readable");
    fs::write(to, bytes).expect("written");
}

/// Runs a judge by name; its standard output.
pub(crate) fn judge(name: &str, args: &[&str]) -> String {
    let program = find_in_path(name).expect("is_ready has looked");
    let output = Command::new(program).args(args.iter().copied()).run();
    String::from_utf8_lossy(&output.unwrap_or_else(|e| panic!("{name}: {e}"))).into_owned()
}

/// A path as an argument; the tests' own folders are UTF-8.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
