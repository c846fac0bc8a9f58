//! Boots that are broken in one way each: the lint that names the fault beforehand, the words that the
//! console then shows, and the cause that `explain` names. Three answers that have to agree.
//!
//! One row a fault; `Fault::boot` says what is broken. Every row is linted in the default run, which
//! boots the few of [`TELLING`]; `tests/long.rs` boots all. Which causes of the catalogue have no row, and
//! why, stands in `without.rs`. Faults with which a machine boots on, such as a wrong checksum or
//! console, are [`Ends::Boots`]: there the lint is a warning.

mod early;
mod grub;
mod modules;
mod root;
pub(crate) mod without;

use std::fs;
use std::path::{Path, PathBuf};

use bootwright::assets::{Assets, Need, Options};
use bootwright::boot::log::Log;
use bootwright::command::Command;
use bootwright::initramfs::newc;
use bootwright::tree::{Content, Node, Time, Tree, TreePath};
use serde_json::Value;

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
    /// The same; nothing ends the machine, so it is given up.
    Hangs,
    /// Well: it was a warning.
    Boots,
}

/// What is booted.
pub(crate) enum Boot {
    /// The kernel itself, as `qemu -kernel` starts it.
    Direct(Direct),
    /// A disk with its loader, from a copy of the demo.
    Disk(fn(&Path)),
}

/// What every kernel is told. On a busy host the check of the timer fails under emulation.
const LINE: &str = "console=ttyS0 panic=-1 no_timer_check";

/// What QEMU loads.
pub(crate) struct Direct {
    pub(crate) initramfs: Option<Vec<u8>>,
    pub(crate) cmdline: String,
    /// An NVMe disk, whose driver the kernel has built in.
    pub(crate) disk: Option<Vec<u8>>,
    /// MiB.
    pub(crate) memory: u32,
}

impl Direct {
    /// A boot of an initramfs.
    pub(crate) fn early(initramfs: Vec<u8>) -> Boot {
        Self::with_line(initramfs, "")
    }

    /// The same, with more arguments.
    pub(crate) fn with_line(initramfs: Vec<u8>, more: &str) -> Boot {
        let cmdline = format!("{LINE} {more}").trim_end().to_owned();
        Boot::Direct(Direct { initramfs: Some(initramfs), cmdline, disk: None, memory: 512 })
    }

    /// A boot without initramfs.
    pub(crate) fn root(disk: Option<Vec<u8>>, line: &str) -> Boot {
        let cmdline = format!("{LINE} {line}");
        Boot::Direct(Direct { initramfs: None, cmdline, disk, memory: 512 })
    }
}

/// What faults are made from.
pub(crate) struct Kit {
    assets: Assets,
    /// A static program for this machine that runs as init: busybox.
    pub(crate) busybox: Vec<u8>,
}

impl Kit {
    fn new() -> Self {
        let options = Options { offline: true, ..Options::default() };
        let needs = [Need::IMAGE, Need::BOOT].concat();
        let assets = Assets::resolve(&needs, &options, &mut |_| {}).expect("is_ready has looked");
        let busybox = fs::read(assets.busybox().expect("resolved")).expect("readable");
        Kit { assets, busybox }
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

pub(crate) use early::FAULTS as EARLY;
pub(crate) use grub::FAULTS as GRUB;
pub(crate) use modules::FAULTS as MODULES;
pub(crate) use root::FAULTS as ROOT;

/// All rows.
fn all() -> impl Iterator<Item = &'static Fault> {
    [EARLY, MODULES, ROOT, GRUB].into_iter().flatten()
}

/// The rows of [`TELLING`].
pub(crate) fn telling() -> impl Iterator<Item = &'static Fault> {
    all().filter(|fault| TELLING.contains(&fault.name))
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
            Boot::Direct(direct) => {
                let mut flag = |name: &str, value: &str| pieces.extend([name.into(), value.into()]);
                flag("--kernel", text(kit.kernel()));
                flag("--cmdline", &direct.cmdline);
                flag("--memory", &format!("{}M", direct.memory));
                for (name, content) in [("initramfs", &direct.initramfs), ("disk", &direct.disk)] {
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
            Boot::Disk(_) => command.arg(self.path("copy.img")),
            Boot::Direct(_) => command,
        })
    }

    /// Boots it; its console, and what `explain` says of it.
    fn boot(&self, kit: &Kit, ends: Ends) -> (String, Value) {
        let log = self.path("serial.log");
        let qemu = kit.assets.command(Need::Qemu).expect("resolved");
        match &self.boot {
            Boot::Direct(direct) => self.start(direct, kit.kernel(), &qemu, ends, &log),
            Boot::Disk(_) => {
                let image = self.path("copy.img");
                let run_dir = self.path("run");
                let flags = ["boot", "--offline", "--accel", "tcg", "--silence", "90", "--run-dir"];
                run(&bootwright(&flags).arg(&run_dir).arg(image));
                fs::copy(run_dir.join("serial.log"), &log).expect("kept");
            }
        }
        let bytes = fs::read(&log).expect("a log");
        let lines: Vec<_> =
            Log::from_bytes(&bytes).lines().map(|line| line.text().to_owned()).collect();
        let command = bootwright(&["explain", "--json"]).arg(&log).args(self.pieces.iter());
        let command = match self.boot {
            Boot::Disk(_) => command.arg("--image").arg(self.path("copy.img")),
            Boot::Direct(_) => command,
        };
        (lines.join("\n"), json(&command))
    }

    fn start(&self, direct: &Direct, kernel: &Path, qemu: &Command, ends: Ends, log: &Path) {
        // A machine that does nothing is given time to show that.
        let seconds = if ends == Ends::Hangs { "40" } else { "240" };
        let command = Command::new("timeout").arg(seconds).arg(qemu.program());
        let command = qemu.environment().iter().fold(command, |c, (key, value)| c.env(key, value));
        let mut command = command
            .args(qemu.arguments().iter().cloned())
            .args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"])
            .args(["-machine", "q35", "-accel", "tcg", "-cpu", "max"])
            .args(["-m", &direct.memory.to_string()])
            .args(["-serial", &format!("file:{}", text(log))])
            .args(["-append", &direct.cmdline])
            .arg("-kernel")
            .arg(kernel);
        if direct.initramfs.is_some() {
            command = command.arg("-initrd").arg(self.path("initramfs"));
        }
        if direct.disk.is_some() {
            let drive = format!("if=none,id=d0,format=raw,file={}", text(&self.path("disk")));
            command = command.args(["-drive", &drive, "-device", "nvme,drive=d0,serial=1"]);
        }
        run(&command);
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
    match finding["id"] == fault.lint && is_warning == (fault.ends == Ends::Boots) {
        true => Ok(finding.clone()),
        false => Err(format!("{}: lint says {report:#}", fault.name)),
    }
}

/// Lints, boots and explains a row; what disagrees.
fn agree(fault: &Fault, kit: &Kit) -> Result<(), String> {
    let made = Made::new(fault, kit);
    let finding = lint(fault, &made)?;
    let (log, explanation) = made.boot(kit, fault.ends);
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
    match explanation["findings"][0]["id"] == finding["cause"] {
        true => Ok(()),
        false => Err(format!("{}: lint {finding:#}\nexplain {explanation:#}\n{log}", fault.name)),
    }
}

/// Lints every row without booting it.
pub(crate) fn every_fault_is_linted() {
    let kit = Kit::new();
    let wrong: Vec<_> =
        all().filter_map(|fault| lint(fault, &Made::new(fault, &kit)).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Boots rows.
pub(crate) fn three_answers_agree(rows: impl Iterator<Item = &'static Fault>) {
    let kit = Kit::new();
    let answers: Vec<_> = rows.map(|fault| agree(fault, &kit).err()).collect();
    let wrong: Vec<_> = answers.iter().flatten().map(String::as_str).collect();
    assert!(!answers.is_empty() && wrong.is_empty(), "{}", wrong.join("\n\n"));
}
