//! The machines that rows are booted on, each until it ends or has said nothing for a while.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use bootwright::assets::{Assets, Need};
use bootwright::command::Command;

use super::{Direct, Whole};
use crate::workbench::text;

/// A machine that does nothing is given time to show that, on a host that has others to run.
const SILENCE: Duration = Duration::from_secs(60);

/// After which any machine is given up.
const TIMEOUT: Duration = Duration::from_secs(600);

/// A machine with one serial port, which is written to `log`.
fn machine(assets: &Assets, kind: &str, memory: u32, log: &Path) -> Command {
    let qemu = assets.command(Need::Qemu).expect("resolved");
    qemu.args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"])
        .args(["-machine", kind, "-accel", "tcg", "-cpu", "max"])
        .args(["-m", &memory.to_string()])
        .args(["-serial", &format!("file:{}", text(log))])
}

/// Has QEMU load a kernel, and what else is in the folder.
pub(super) fn direct(assets: &Assets, direct: &Direct, kernel: &Path, folder: &Path, log: &Path) {
    let mut command = machine(assets, "q35", direct.memory, log)
        .args(["-append", &direct.cmdline])
        .arg("-kernel")
        .arg(kernel);
    if direct.initramfs.is_some() {
        command = command.arg("-initrd").arg(folder.join("initramfs"));
    }
    if direct.disk.is_some() {
        let drive = format!("if=none,id=d0,format=raw,file={}", text(&folder.join("disk")));
        command = command.args(["-drive", &drive, "-device", "nvme,drive=d0,serial=1"]);
    }
    watch(&command, log);
}

/// Starts a disk by firmware. Where that enforces Secure Boot, it keeps its variables where only SMM writes.
pub(super) fn whole(assets: &Assets, whole: &Whole, disk: &Path, log: &Path) {
    let (kind, enrolled) = if whole.is_secure { ("q35,smm=on", ".ms") } else { ("q35", "") };
    let vars = disk.with_extension("vars");
    fs::copy(firmware(assets, &format!("OVMF_VARS_4M{enrolled}.fd")), &vars).expect("Debian's");
    let flash = |unit, path: &Path| format!("if=pflash,format=raw,unit={unit},file={}", text(path));
    let code = flash(0, &firmware(assets, &format!("OVMF_CODE_4M{enrolled}.fd"))) + ",readonly=on";
    let mut command = machine(assets, kind, whole.memory, log)
        .args(["-drive", &code, "-drive", &flash(1, &vars)])
        .args(["-drive", &format!("if=none,id=d0,format=raw,file={}", text(disk))])
        .args(["-device", "virtio-blk-pci,drive=d0"]);
    if whole.is_secure {
        command = command
            .args(["-global", "driver=cfi.pflash01,property=secure,value=on"])
            .args(["-global", "ICH9-LPC.disable_s3=1"]);
    }
    watch(&command, log);
}

/// One of the files of Debian's package, wherever that is.
fn firmware(assets: &Assets, name: &str) -> PathBuf {
    assets.firmware().expect("resolved").code.path.with_file_name(name)
}

fn watch(command: &Command, log: &Path) {
    let mut child =
        command.spawn(Stdio::null(), Stdio::null(), Stdio::inherit()).expect("it starts");
    let (started, mut said, mut silent_since) = (Instant::now(), 0, Instant::now());
    while is_running(&mut child) {
        let len = fs::metadata(log).map_or(0, |metadata| metadata.len());
        if len != said {
            (said, silent_since) = (len, Instant::now());
        }
        if silent_since.elapsed() > SILENCE || started.elapsed() > TIMEOUT {
            child.kill().expect("it is ours");
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn is_running(child: &mut Child) -> bool {
    child.try_wait().expect("it is ours").is_none()
}
