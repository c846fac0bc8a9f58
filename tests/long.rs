//! Tests that take minutes: `cargo xtask test --all`.

#[allow(dead_code, reason = "the other binary uses the rest")]
#[path = "workbench.rs"]
mod workbench;

#[allow(dead_code, reason = "the other binary uses the rest")]
#[path = "faults/mod.rs"]
mod faults;
mod archives;
mod chroot;
mod cloud_init;
mod debian;
mod disk;
mod every_format;
mod foreign;
mod growth;
mod iso;
mod journeys;
mod kernels;
mod sources;

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use bootwright::assets::Need;
use bootwright::command::Command;

use workbench::{bootwright, demo, image, is_ready, judge, run, scratch, text};

pub(crate) fn is_bootable() -> bool {
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
fn packed_roots_boot_under_an_overlay_and_stay_as_they_are() {
    if !is_bootable() {
        return;
    }
    let folder = scratch();
    let path = folder.path().join("x.img");
    for kind in ["squashfs", "erofs"] {
        image(&path, &["--root-fs", kind]).run().expect("it builds");
        let before = fs::read(&path).expect("there");
        let boot = ["boot", "--offline", "--accel", "tcg", "--persist", text(&path)];
        let output = run(&bootwright(&boot));
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{said}{}", workbench::stderr(&output));
        assert!(said.contains("fstype=overlay mode=rw"), "{said}");
        let root = |image: &[u8]| image[16 << 20..].to_vec();
        assert!(root(&before) == root(&fs::read(&path).expect("there")), "{kind} was written to");
    }
}

#[test]
fn a_system_with_an_init_of_its_own_boots_from_a_directory_and_a_tar() {
    if !is_bootable() || !is_ready(Need::IMAGE, &["tar"]) {
        return;
    }
    let folder = scratch();
    let (root, tar) = (folder.path().join("root"), folder.path().join("root.tar.gz"));
    sources::system(&root);
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
    sources::system(&root);
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

#[test]
fn an_image_whose_growth_was_stopped_boots_whatever_it_was_stopped_by() {
    if !is_bootable() || !is_ready(Need::IMAGE, &growth::JUDGES) {
        return;
    }
    let (folder, mut writes) = (scratch(), 0);
    loop {
        let image = workbench::copy_of_demo(folder.path());
        let to = image.metadata().expect("there").len() + (200 << 20);
        let is_done = growth::grow(&image, to, writes).expect("it can grow");
        let run_folder = folder.path().join(format!("run{writes}"));
        let boot = workbench::bootwright(&["boot", "--offline", "--accel", "tcg", "--run-dir"])
            .args([text(&run_folder), text(&image)]);
        let output = run(&boot);
        assert_eq!(output.status.code(), Some(0), "{writes}: {}", workbench::stderr(&output));
        if is_done {
            return;
        }
        writes += 1;
    }
}

#[test]
fn an_image_survives_a_hundred_kills_of_its_growth() {
    if !is_ready(Need::IMAGE, &growth::JUDGES) {
        return;
    }
    let folder = scratch();
    let program = env!("CARGO_BIN_EXE_bootwright");
    let mut image = workbench::copy_of_demo(folder.path());
    let size = image.metadata().expect("there").len();
    for kill in 0..100 {
        // From before it has begun to after it has ended, in no order that a disk would know.
        let seconds = f64::from(kill * 37 % 100) / 500.0;
        let command = Command::new("timeout").args([
            "-s",
            "KILL",
            &seconds.to_string(),
            program,
            "disk",
            "grow",
            text(&image),
            "+1G",
        ]);
        run(&command);
        let what = format!("killed after {seconds} s");
        growth::is_whole(&image, &what);
        workbench::bootwright(&["disk", "grow", text(&image), &(size + (1 << 30)).to_string()])
            .run()
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        growth::is_grown(&image);
        image = workbench::copy_of_demo(folder.path());
    }
}

/// A commit that was begun is completed by the same command: the base has all that the overlay had, and the
/// overlay keeps it until then.
#[test]
fn a_base_survives_a_hundred_kills_of_a_commit() {
    if !is_ready(Need::IMAGE, &["qemu-img"]) {
        return;
    }
    let folder = scratch();
    let boxes = folder.path().join("boxes");
    let (image, want) = (folder.path().join("base.img"), folder.path().join("want.img"));
    let sandboxes = ["--sandboxes", text(&boxes)];
    let overlay = |args: &[&str]| bootwright(&["overlay"]).args(args).args(sandboxes);
    // What a guest would write: another disk's data, as far as it differs.
    let noise: Vec<u8> =
        (0..24u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(&want, &noise).expect("written");
    let mut killed = 0;
    for kill in 0..100u32 {
        fs::write(&image, vec![7; noise.len()]).expect("written");
        overlay(&[text(&image), "a"]).run().expect("made");
        let disk = boxes.join("a/disk.qcow2");
        judge("qemu-img", &["convert", "-n", "-O", "qcow2", text(&want), text(&disk)]);
        let after = f64::from(kill * 37 % 100) / 1000.0;
        let program = env!("CARGO_BIN_EXE_bootwright");
        let commit = Command::new("timeout").args(["-s", "KILL", &after.to_string(), program]);
        let commit = commit.args(["overlay", "commit", "a"]).args(sandboxes);
        if !run(&commit).status.success() {
            killed += 1;
            overlay(&["commit", "a"]).run().unwrap_or_else(|e| panic!("after {after} s: {e}"));
        }
        assert!(fs::read(&image).expect("there") == noise, "killed after {after} s");
        overlay(&["rm", "a"]).run().expect("removed");
    }
    assert!(killed > 0, "some commit was killed");
}

#[test]
fn faults_of_the_initramfs_are_foretold_shown_and_explained_alike() {
    if faults::is_bootable() {
        faults::three_answers_agree(faults::EARLY.iter());
        faults::three_answers_agree(faults::MODULES.iter());
    }
}

#[test]
fn faults_of_the_root_filesystem_are_foretold_shown_and_explained_alike() {
    if faults::is_bootable() {
        faults::three_answers_agree(faults::ROOT.iter());
    }
}

#[test]
fn faults_of_the_loader_are_foretold_shown_and_explained_alike() {
    if faults::is_bootable() {
        faults::three_answers_agree(faults::GRUB.iter());
        faults::three_answers_agree(faults::SILENT.iter());
    }
}

#[test]
fn faults_of_a_distributions_initramfs_and_root_are_foretold_shown_and_explained_alike() {
    if faults::is_bootable() && debian::is_possible() {
        faults::three_answers_agree(faults::DISTRIBUTION.iter());
    }
}

#[test]
fn faults_of_the_kernels_configuration_are_foretold_shown_and_explained_alike() {
    if faults::is_bootable() && kernels::is_possible() {
        a_kernel_with_what_is_asked_of_one_starts_an_image();
        faults::boots_in_silence(faults::tiny);
        faults::three_answers_agree(faults::CUSTOM.iter());
    }
}

/// By firmware and GRUB, with `kernel-configs/uefi-vm.config` and what makes it compile.
fn a_kernel_with_what_is_asked_of_one_starts_an_image() {
    let (folder, kernel) = (scratch(), kernels::Kernels::new().compiled(&[]));
    let path = folder.path().join("x.img");
    image(&path, &["--kernel", text(&kernel)]).run().expect("it builds");
    let linted = run(&bootwright(&["lint", "--bus", "virtio", "--memory", "512M", text(&path)]));
    let said = String::from_utf8_lossy(&linted.stdout);
    assert!(said.starts_with("nothing was found that"), "{said}");
    let output = run(&bootwright(&["boot", "--offline", "--accel", "tcg", text(&path)]));
    assert_eq!(output.status.code(), Some(0), "{}", workbench::stderr(&output));
}

#[test]
fn faults_of_other_loaders_are_foretold_shown_and_explained_alike() {
    if faults::is_bootable() && debian::is_possible() {
        faults::three_answers_agree(faults::LOADERS.iter());
        faults::boots_in_silence(faults::signed);
    }
}

#[test]
fn every_format_boots() {
    if is_bootable() && is_ready(&[], &["qemu-img"]) {
        every_format::holds(true);
    }
}
