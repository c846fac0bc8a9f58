//! Tests that take minutes: `cargo xtask test --all`.

#[allow(dead_code, reason = "the other binary uses the rest")]
#[path = "workbench.rs"]
mod workbench;

use std::time::{Duration, Instant};

use bootwright::assets::Need;
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
    let log = std::fs::read(run_folder.join("serial.log")).expect("kept");
    assert!(String::from_utf8_lossy(&log).contains("fstype=overlay mode=rw"));
}
