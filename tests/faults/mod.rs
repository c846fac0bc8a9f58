//! Boots that are broken in one way each: the lint that names the fault beforehand, the words that the
//! console then shows, and the cause that `explain` names. Three answers that have to agree.
//!
//! One row a fault; `Fault::boot` says what is broken. Every row is linted in the default run, which
//! boots the few of [`TELLING`]; `tests/long.rs` boots all. Which causes of the catalogue have no row, and
//! why, stands in `without.rs`. Faults with which a machine boots on, such as a wrong checksum or
//! console, are [`Ends::Boots`]: there the lint is a warning.

mod custom;
mod distribution;
mod early;
mod grub;
mod loaders;
mod machine;
mod modules;
mod root;
mod silent;
pub(crate) mod without;

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

use bootwright::assets::{Assets, Need, Options};
use bootwright::boot::log::Log;
use bootwright::command::Command;
use bootwright::initramfs::newc;
use bootwright::tree::{Content, Node, Time, Tree, TreePath};
use serde_json::Value;

use crate::debian::Debian;
use crate::kernels::{Change, Kernels};
use crate::workbench::{bootwright, copy_of_demo, is_ready, run, scratch, stderr, text};

/// What the default run boots.
pub(crate) const TELLING: [&str; 4] =
    ["init without its loader", "archive cut short", "no driver for the disk", "kernel not there"];

/// One thing that is broken.
pub(crate) struct Fault {
    /// What, in a few words.
    pub(crate) name: &'static str,
    /// The lint that comes first.
    pub(crate) lint: &'static str,
    /// How it is made.
    pub(crate) boot: fn(&Kit) -> Boot,
    /// What becomes of it.
    pub(crate) ends: Ends,
}

/// How the boot ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// As `explain` and the lint say alike.
    Fails,
    /// The same, of which the lint only warns: another machine may have what is missing here, and of one
    /// that is silent nobody can tell how it ended.
    Warned,
    /// Well: it was a warning.
    Boots,
}

/// What is booted.
pub(crate) enum Boot {
    /// The kernel itself, as `qemu -kernel` starts it.
    Direct(Direct),
    /// A disk with its loader, from a copy of the demo.
    Disk(fn(&Path)),
    /// A whole disk on another machine than images are usually booted on.
    Whole(Whole),
}

/// What every kernel is told. On a busy host the check of the timer fails under emulation.
const LINE: &str = "console=ttyS0 panic=-1 no_timer_check";

/// What QEMU loads.
pub(crate) struct Direct {
    /// Another kernel than the one that images are built with.
    pub(crate) kernel: Option<Vec<u8>>,
    pub(crate) initramfs: Option<Vec<u8>>,
    pub(crate) cmdline: String,
    /// An NVMe disk, whose driver the kernel has built in.
    pub(crate) disk: Option<Vec<u8>>,
    /// MiB.
    pub(crate) memory: u32,
}

/// What firmware starts.
pub(crate) struct Whole {
    pub(crate) disk: Vec<u8>,
    /// MiB.
    pub(crate) memory: u32,
    /// Whether the firmware has the keys of the world's shims enrolled, and enforces Secure Boot.
    pub(crate) is_secure: bool,
}

impl Boot {
    /// The same, with something else in what QEMU loads.
    pub(crate) fn with(self, change: impl FnOnce(&mut Direct)) -> Boot {
        let Boot::Direct(mut direct) = self else { panic!("firmware starts it") };
        change(&mut direct);
        Boot::Direct(direct)
    }
}

impl Direct {
    /// A boot of an initramfs.
    pub(crate) fn early(initramfs: Vec<u8>) -> Boot {
        Self::with_line(initramfs, "")
    }

    /// The same, with more arguments.
    pub(crate) fn with_line(initramfs: Vec<u8>, more: &str) -> Boot {
        let cmdline = format!("{LINE} {more}").trim_end().to_owned();
        let initramfs = Some(initramfs);
        Boot::Direct(Direct { kernel: None, initramfs, cmdline, disk: None, memory: 512 })
    }

    /// What QEMU loads as files, under the names of the flags that `lint` takes them by.
    fn files(&self) -> [(&'static str, &Option<Vec<u8>>); 3] {
        [("kernel", &self.kernel), ("initramfs", &self.initramfs), ("disk", &self.disk)]
    }

    /// A boot without initramfs.
    pub(crate) fn root(disk: Option<Vec<u8>>, line: &str) -> Boot {
        let cmdline = format!("{LINE} {line}");
        Boot::Direct(Direct { kernel: None, initramfs: None, cmdline, disk, memory: 512 })
    }
}

/// What faults are made from.
pub(crate) struct Kit {
    assets: Assets,
    /// A static program for this machine that runs as init: busybox.
    pub(crate) busybox: Vec<u8>,
    debian: OnceCell<Debian>,
    kernels: OnceCell<Kernels>,
}

impl Kit {
    fn new() -> Self {
        let options = Options { offline: true, ..Options::default() };
        let needs = [Need::IMAGE, Need::BOOT].concat();
        let assets = Assets::resolve(&needs, &options, &mut |_| {}).expect("is_ready has looked");
        let busybox = fs::read(assets.busybox().expect("resolved")).expect("readable");
        Kit { assets, busybox, debian: OnceCell::new(), kernels: OnceCell::new() }
    }

    /// A Debian, for the rows that the long tests alone have.
    pub(crate) fn debian(&self) -> &Debian {
        self.debian.get_or_init(Debian::new)
    }

    /// The tiny kernel with these changes, for the long tests alone too.
    pub(crate) fn tiny(&self, changes: &[Change]) -> Vec<u8> {
        let kernels = self.kernels.get_or_init(Kernels::new);
        fs::read(kernels.compiled(changes)).expect("compiled")
    }

    /// The kernel's file.
    pub(crate) fn kernel(&self) -> &Path {
        &self.assets.kernel().expect("resolved").vmlinuz
    }
}

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

/// The same as a plain archive.
pub(crate) fn archive(files: &[(&str, u16, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    newc::write(&tree(files), &mut bytes).expect("it fits");
    bytes
}

pub(crate) use custom::{FAULTS as CUSTOM, sound as tiny};
pub(crate) use distribution::FAULTS as DISTRIBUTION;
pub(crate) use early::FAULTS as EARLY;
pub(crate) use grub::FAULTS as GRUB;
pub(crate) use loaders::{FAULTS as LOADERS, sound as signed};
pub(crate) use modules::FAULTS as MODULES;
pub(crate) use root::FAULTS as ROOT;
pub(crate) use silent::FAULTS as SILENT;

/// The rows that take no more than an image does.
fn small() -> impl Iterator<Item = &'static Fault> {
    [EARLY, MODULES, ROOT, GRUB, SILENT].into_iter().flatten()
}

/// All rows.
fn all() -> impl Iterator<Item = &'static Fault> {
    small().chain(DISTRIBUTION).chain(LOADERS).chain(CUSTOM)
}

/// The rows of [`TELLING`].
pub(crate) fn telling() -> impl Iterator<Item = &'static Fault> {
    small().filter(|fault| TELLING.contains(&fault.name))
}

/// Whether what the rows need is there.
pub(crate) fn is_bootable() -> bool {
    let judges = ["mcopy", "mdel", "grub-mkimage", "timeout"];
    is_ready(&[Need::IMAGE, Need::BOOT].concat(), &judges)
}

/// A fault whose files are written.
struct Made {
    folder: tempfile::TempDir,
    /// The flags by which `lint` and `explain` are told of it.
    pieces: Vec<String>,
    boot: Boot,
}

impl Made {
    fn new(fault: &Fault, kit: &Kit) -> Self {
        let folder = scratch();
        let boot = (fault.boot)(kit);
        let mut pieces = Vec::new();
        match &boot {
            Boot::Disk(break_it) => {
                break_it(&copy_of_demo(folder.path()));
                // As `boot` attaches it.
                pieces.extend(["--bus".into(), "virtio".into()]);
            }
            Boot::Whole(whole) => {
                fs::write(folder.path().join("copy.img"), &whole.disk).expect("written");
                let memory = format!("{}M", whole.memory);
                pieces.extend(["--bus", "virtio", "--memory", &memory].map(str::to_owned));
                pieces.extend(whole.is_secure.then(|| "--secure-boot".to_owned()));
            }
            Boot::Direct(direct) => {
                let mut flag = |name: &str, value: &str| pieces.extend([name.into(), value.into()]);
                flag("--cmdline", &direct.cmdline);
                flag("--memory", &format!("{}M", direct.memory));
                if direct.kernel.is_none() {
                    flag("--kernel", text(kit.kernel()));
                }
                for (name, content) in direct.files() {
                    let Some(content) = content else { continue };
                    let path = folder.path().join(name);
                    fs::write(&path, content).expect("written");
                    flag(&format!("--{name}"), text(&path));
                }
            }
        }
        Made { folder, pieces, boot }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What `lint` finds.
    fn lint(&self) -> Value {
        let command = bootwright(&["lint", "--json"]).args(self.pieces.iter());
        json(&match self.boot {
            Boot::Disk(_) | Boot::Whole(_) => command.arg(self.path("copy.img")),
            Boot::Direct(_) => command,
        })
    }

    /// Boots it; its console, and what `explain` says of it.
    fn boot(&self, kit: &Kit) -> (String, Value) {
        let log = self.path("serial.log");
        let image = self.path("copy.img");
        match &self.boot {
            Boot::Direct(direct) => {
                let given = self.path("kernel");
                let kernel = direct.kernel.as_ref().map_or(kit.kernel(), |_| &given);
                machine::direct(&kit.assets, direct, kernel, self.folder.path(), &log);
            }
            Boot::Whole(whole) => machine::whole(&kit.assets, whole, &image, &log),
            Boot::Disk(_) => {
                let run_dir = self.path("run");
                let flags = ["boot", "--offline", "--accel", "tcg", "--silence", "90", "--run-dir"];
                run(&bootwright(&flags).arg(&run_dir).arg(&image));
                fs::copy(run_dir.join("serial.log"), &log).expect("kept");
            }
        }
        let bytes = fs::read(&log).expect("a log");
        let lines: Vec<_> =
            Log::from_bytes(&bytes).lines().map(|line| line.text().to_owned()).collect();
        let command = bootwright(&["explain", "--json"]).arg(&log).args(self.pieces.iter());
        let command = match self.boot {
            Boot::Disk(_) | Boot::Whole(_) => command.arg("--image").arg(image),
            Boot::Direct(_) => command,
        };
        (lines.join("\n"), json(&command))
    }
}

fn json(command: &Command) -> Value {
    let output = run(command);
    let said = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}{}", stderr(&output)))
}

/// Lints a row; what disagrees.
fn lint(fault: &Fault, made: &Made) -> Result<Value, String> {
    let report = made.lint();
    let finding = &report["findings"][0];
    let is_warning = finding["severity"] == "warning";
    match finding["id"] == fault.lint
        && is_warning == matches!(fault.ends, Ends::Boots | Ends::Warned)
    {
        true => Ok(finding.clone()),
        false => Err(format!("{}: lint says {report:#}", fault.name)),
    }
}

/// Lints, boots and explains a row; what disagrees.
fn agree(fault: &Fault, kit: &Kit) -> Result<(), String> {
    let made = Made::new(fault, kit);
    let finding = lint(fault, &made)?;
    let (log, explanation) = made.boot(kit);
    let mut rest = &log[..];
    for words in finding["console"].as_array().into_iter().flatten() {
        let words = words.as_str().unwrap_or_default();
        let Some(at) = rest.find(words) else {
            return Err(format!("{}: the console does not show `{words}`:\n{log}", fault.name));
        };
        rest = &rest[at..];
    }
    if fault.ends == Ends::Boots {
        return Ok(());
    }
    let top = &explanation["findings"][0];
    let mut seen = top["content"]["saw"].as_array().into_iter().flatten();
    // Whoever mounts the root says what every fault of it comes to; the content says which it was.
    let is_proved = top["content"]["verdict"] == "proved" && seen.any(|s| s["lint"] == fault.lint);
    match top["id"] == finding["cause"] || is_proved {
        true => Ok(()),
        false => Err(format!("{}: lint {finding:#}\nexplain {explanation:#}\n{log}", fault.name)),
    }
}

/// Lints every row that needs no distribution, without booting it.
pub(crate) fn every_fault_is_linted() {
    let kit = Kit::new();
    let wrong: Vec<_> =
        small().filter_map(|fault| lint(fault, &Made::new(fault, &kit)).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Boots rows.
pub(crate) fn three_answers_agree(rows: impl Iterator<Item = &'static Fault>) {
    let kit = Kit::new();
    let answers: Vec<_> = rows.map(|fault| agree(fault, &kit).err()).collect();
    let wrong: Vec<_> = answers.iter().flatten().map(String::as_str).collect();
    assert!(!answers.is_empty() && wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What has no fault: nothing is linted, and userspace comes up.
pub(crate) fn boots_in_silence(boot: fn(&Kit) -> Boot) {
    let kit = Kit::new();
    let sound = Fault { name: "nothing", lint: "", boot, ends: Ends::Boots };
    let made = Made::new(&sound, &kit);
    let report = made.lint();
    assert_eq!(report["findings"], Value::Array(Vec::new()), "{report:#}");
    let (log, explanation) = made.boot(&kit);
    assert_eq!(explanation["outcome"], "booted", "{explanation:#}\n{log}");
}
