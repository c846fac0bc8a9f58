//! Tests that take minutes: `cargo xtask test --all`.

#[allow(dead_code, reason = "the other binary uses the rest")]
#[path = "workbench.rs"]
mod workbench;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use bootwright::assets::{Assets, Need, Options};
use bootwright::command::Command;

use workbench::{bootwright, demo, image, is_ready, run, scratch, text};

fn is_bootable() -> bool {
    is_ready(&[Need::IMAGE, Need::BOOT].concat(), &[])
}

/// `bootwright boot` of the demo, as the words of a shell script.
fn boot(run_folder: &str, args: &str) -> String {
    let program = env!("CARGO_BIN_EXE_bootwright");
    format!(
        "'{program}' boot --offline --accel tcg --run-dir '{run_folder}' {args} '{}'",
        text(demo())
    )
}

#[test]
fn an_interactive_boot_has_a_shell_on_the_serial_console() {
    if !is_bootable() {
        return;
    }
    let folder = scratch();
    // Firmware and loader read keys too: what is typed has to wait for the shell.
    let boot = boot(text(folder.path()), "--interactive");
    let log = folder.path().join("serial.log");
    let script = format!(
        "(until grep -q userspace-ready '{}' 2>/dev/null; do sleep 1; done; sleep 2; \
         printf 'echo six by seven is $((6*7))\\nexit\\n'; sleep 60) | {boot}",
        text(&log)
    );
    let output = run(&Command::new("timeout").args(["300", "sh", "-c", &script]));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("six by seven is 42"), "{said}");
    assert!(said.contains("Power down"), "{said}");
}

#[test]
fn qemu_ends_with_us_whatever_ends_us() {
    if !is_bootable() {
        return;
    }
    for signal in ["INT", "TERM", "HUP", "KILL"] {
        let folder = scratch();
        let boot = boot(text(folder.path()), "");
        let script = format!("exec timeout -s {signal} 4 {boot}");
        run(&Command::new("sh").args(["-c", &script]));
        let deadline = Instant::now() + Duration::from_secs(20);
        while is_running_with(text(folder.path())) {
            assert!(Instant::now() < deadline, "QEMU outlives SIG{signal}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Whether a process has this on its command line, ours apart.
fn is_running_with(words: &str) -> bool {
    let processes = std::fs::read_dir("/proc").expect("procfs").flatten();
    let mut lines = processes.filter_map(|p| std::fs::read(p.path().join("cmdline")).ok());
    lines.any(|line| String::from_utf8_lossy(&line).contains(words))
}

#[test]
fn machines_of_other_sizes_boot_too() {
    if !is_bootable() {
        return;
    }
    for args in ["--memory 256M", "--memory 2G --cpus 2"] {
        let folder = scratch();
        let output = run(&Command::new("sh").args(["-c", &boot(text(folder.path()), args)]));
        assert_eq!(output.status.code(), Some(0), "{args}: {}", workbench::stderr(&output));
    }
}

#[test]
fn an_iso_boots_as_a_disk() {
    if !is_bootable() {
        return;
    }
    let folder = scratch();
    let (iso, run_folder) = (folder.path().join("demo.iso"), folder.path().join("run"));
    image(&iso, &["--iso"]).run().expect("it builds");
    let boot = bootwright(&["boot", "--offline", "--accel", "tcg"]).args([
        "--run-dir",
        text(&run_folder),
        text(&iso),
    ]);
    let output = run(&boot);
    assert_eq!(output.status.code(), Some(0), "{}", workbench::stderr(&output));
    let log = fs::read(run_folder.join("serial.log")).expect("kept");
    assert!(String::from_utf8_lossy(&log).contains("fstype=overlay mode=rw"));
}

/// A whole system: busybox as its init, with a getty on the serial console.
fn system(root: &Path) {
    let options = Options { offline: true, ..Options::default() };
    let assets = Assets::resolve(Need::IMAGE, &options, &mut |_| {}).expect("is_ready has looked");
    for folder in ["bin", "sbin", "etc"] {
        fs::create_dir_all(root.join(folder)).expect("made");
    }
    fs::copy(assets.busybox().expect("resolved"), root.join("bin/busybox")).expect("copied");
    symlink("/bin/busybox", root.join("sbin/init")).expect("linked");
    symlink("busybox", root.join("bin/sh")).expect("linked");
    let getty = "ttyS0::respawn:/bin/busybox getty -L 115200 ttyS0 vt100\n";
    fs::write(root.join("etc/inittab"), getty).expect("written");
}

#[test]
fn a_system_with_an_init_of_its_own_boots_from_a_directory_and_a_tar() {
    if !is_bootable() || !is_ready(Need::IMAGE, &["tar"]) {
        return;
    }
    let folder = scratch();
    let (root, tar) = (folder.path().join("root"), folder.path().join("root.tar.gz"));
    system(&root);
    Command::new("tar").arg("-C").arg(&root).arg("-czf").arg(&tar).arg(".").run().expect("packed");
    let path = folder.path().join("x.img");
    for source in [&root, &tar] {
        let args =
            ["--root", text(source), "--write", "/etc/hostname:lab", "--boot", "--accel", "tcg"];
        let output = run(&image(&path, &args));
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{said}{}", workbench::stderr(&output));
        assert!(said.contains("expecting `switch-root` with this boot's token"), "{said}");
        assert!(said.contains("login:"), "{said}");
    }
    // Nobody who boots it later knows what was expected: the guest tells.
    let boot = bootwright(&["boot", "--offline", "--accel", "tcg", text(&path)]);
    assert_eq!(run(&boot).status.code(), Some(0));
}

#[test]
fn an_init_of_its_own_that_dies_is_no_boot() {
    if !is_bootable() {
        return;
    }
    let folder = scratch();
    let root = folder.path().join("root");
    system(&root);
    symlink("busybox", root.join("bin/false")).expect("linked");
    let path = folder.path().join("x.img");
    let args = ["--root", text(&root), "--root-init", "/bin/false", "--boot", "--accel", "tcg"];
    let output = run(&image(&path, &args));
    assert_eq!(output.status.code(), Some(1), "{}", workbench::stderr(&output));
}

#[test]
fn a_dynamic_program_boots_with_its_closure() {
    if !is_bootable() {
        return;
    }
    let folder = scratch();
    let path = folder.path().join("x.img");
    let args = ["--root", "elf:/usr/bin/env", "--root-run", "env", "--boot", "--accel", "tcg"];
    let output = run(&image(&path, &args));
    assert_eq!(output.status.code(), Some(0), "{}", workbench::stderr(&output));
    let log = fs::read(folder.path().join("x.img.boot/serial.log")).expect("kept");
    assert!(String::from_utf8_lossy(&log).contains("HOME=/"), "its environment is not in the log");
}
