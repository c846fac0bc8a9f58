//! The image, judged by the tools that partition, check and list: sgdisk, fsck.fat, e2fsck, debugfs,
//! cpio, lsinitramfs and grub-mkimage.

use std::fs;
use std::path::Path;

use bootwright::arch::X86_64;
use bootwright::assets::{Assets, Need, Options};
use bootwright::command::Command;
use bootwright::grub::core_image::{self, Medium, PREFIX};
use liblzma::stream::{Action, Filters, LzmaOptions, Stream};

use crate::workbench::{
    bootwright, demo, image, init, is_ready, judge, partition, run, scratch, stderr, text,
};

#[test]
fn the_partition_table_is_as_sgdisk_wants_it() {
    if !is_ready(Need::IMAGE, &["sgdisk"]) {
        return;
    }
    let verified = judge("sgdisk", &["-v", text(demo())]);
    assert!(verified.contains("No problems found"), "{verified}");
    assert!(!verified.contains("Caution"), "{verified}");
    let esp = judge("sgdisk", &["-i", "1", text(demo())]);
    assert!(esp.contains("(EFI system partition)") && esp.contains("'EFI System'"), "{esp}");
    let root = judge("sgdisk", &["-i", "2", text(demo())]);
    assert!(root.contains("4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"), "{root}");
    assert!(root.contains("'slim-rootfs'") && root.contains("flags: 0000000000000000"), "{root}");
}

#[test]
fn the_root_partition_is_marked_for_a_legacy_bios_on_request() {
    if !is_ready(Need::IMAGE, &["sgdisk"]) {
        return;
    }
    let folder = scratch();
    let path = folder.path().join("legacy.img");
    image(&path, &["--legacy-bios-bootable"]).run().expect("it builds");
    let root = judge("sgdisk", &["-i", "2", text(&path)]);
    assert!(root.contains("flags: 0000000000000004"), "{root}");
}

#[test]
fn the_filesystems_are_clean_and_hold_what_they_should() {
    if !is_ready(Need::IMAGE, &["fsck.fat", "e2fsck", "debugfs", "mdir"]) {
        return;
    }
    let folder = scratch();
    let (esp, root) = (folder.path().join("esp"), folder.path().join("root"));
    partition(demo(), 1, &esp);
    partition(demo(), 2, &root);
    judge("fsck.fat", &["-n", text(&esp)]);
    let listing = judge("mdir", &["-b", "-i", text(&esp), "::/EFI/BOOT"]);
    for name in ["BOOTX64.EFI", "grub.cfg", "vmlinuz", "initramfs.img"] {
        assert!(listing.contains(&format!("/{name}")), "no {name} in {listing}");
    }
    judge("e2fsck", &["-fn", text(&root)]);
    // debugfs: inode / mode / uid / gid / name / size
    for folder in ["/", "/bin", "/sbin", "/etc"] {
        let listing = judge("debugfs", &["-R", &format!("ls -p {folder}"), text(&root)]);
        let entries: Vec<_> = listing.lines().filter(|line| line.starts_with('/')).collect();
        assert!(entries.len() >= 3, "{listing}");
        for entry in entries {
            let fields: Vec<_> = entry.split('/').collect();
            assert_eq!(
                fields[3..5],
                ["0", "0"],
                "{folder} has an entry that is not root's: {entry}"
            );
        }
    }
}

#[test]
fn the_core_image_is_what_grub_mkimage_makes() {
    if !is_ready(Need::IMAGE, &["grub-mkimage"]) {
        return;
    }
    let options = Options { offline: true, ..Options::default() };
    let assets = Assets::resolve(Need::IMAGE, &options, &mut |_| {}).expect("is_ready has looked");
    let modules = assets.grub_modules().expect("is_ready has looked");
    let folder = scratch();
    let (config, theirs) = (folder.path().join("early.cfg"), folder.path().join("theirs.efi"));
    for medium in [Medium::Disk, Medium::Iso] {
        fs::write(&config, medium.early_config()).expect("written");
        let args = ["-O", X86_64.grub_target, "-p", PREFIX, "-d", text(modules)];
        let files = ["-c", text(&config), "-o", text(&theirs)];
        let wanted: Vec<_> = medium.modules().collect();
        judge("grub-mkimage", &[&args[..], &files, &wanted].concat());
        let ours = core_image::build(modules, &X86_64, medium).expect("it links");
        assert!(ours == fs::read(&theirs).expect("written"), "{medium:?} differs");
    }
}

/// The parts of a BIOS' core image: its two boot sectors and the decompressor, without the lengths in
/// them, and what is unpacked.
fn unpacked(image: &[u8], decompressor_len: usize) -> (Vec<u8>, Vec<u8>) {
    // Behind `cdboot.img` and `diskboot.img`; fields as in GRUB's `offsets.h`.
    const DECOMPRESSOR: usize = 2048 + 512;
    let field = |at: usize| {
        let bytes = image[DECOMPRESSOR + at..][..4].try_into().expect("four bytes");
        u32::from_le_bytes(bytes) as usize
    };
    let packed = &image[DECOMPRESSOR + decompressor_len..][..field(8)];
    let mut kernel = Vec::with_capacity(field(12));
    let mut options = LzmaOptions::new_preset(9).expect("a preset");
    options.dict_size(1 << 16).position_bits(2).literal_context_bits(3).literal_position_bits(0);
    let mut decoder = Stream::new_raw_decoder(Filters::new().lzma1(&options)).expect("a decoder");
    // Where no mark ends it, its length does.
    let _ = decoder.process_vec(packed, &mut kernel, Action::Run);
    assert_eq!(kernel.len(), field(12));
    let mut fixed = image[..DECOMPRESSOR + decompressor_len].to_vec();
    fixed[2048 + 508..2048 + 510].fill(0);
    fixed[DECOMPRESSOR + 8..DECOMPRESSOR + 16].fill(0);
    (fixed, kernel)
}

#[test]
fn the_core_image_of_a_bios_is_what_grub_mkimage_makes_but_for_how_it_is_packed() {
    if !is_ready(Need::ISO, &["grub-mkimage"]) {
        return;
    }
    let options = Options { offline: true, ..Options::default() };
    let assets = Assets::resolve(Need::ISO, &options, &mut |_| {}).expect("is_ready has looked");
    let modules = assets.grub_bios_modules().expect("is_ready has looked");
    let folder = scratch();
    let (config, theirs) = (folder.path().join("early.cfg"), folder.path().join("theirs.img"));
    fs::write(&config, Medium::IsoBios.early_config()).expect("written");
    let args = ["-O", "i386-pc-eltorito", "-p", PREFIX, "-d", text(modules)];
    let files = ["-c", text(&config), "-o", text(&theirs)];
    let wanted: Vec<_> = Medium::IsoBios.modules().collect();
    judge("grub-mkimage", &[&args[..], &files, &wanted].concat());
    let (ours, theirs) = (core_image::build_bios(modules), fs::read(&theirs).expect("written"));
    let len = fs::metadata(modules.join("lzma_decompress.img")).expect("there").len() as usize;
    let (ours, theirs) = (unpacked(&ours.expect("it links"), len), unpacked(&theirs, len));
    assert!(ours.0 == theirs.0, "the boot sectors or the decompressor differ");
    assert!(ours.1 == theirs.1, "the kernel or its objects differ");
}

#[test]
fn the_initramfs_is_read_by_cpio_and_lsinitramfs() {
    if !is_ready(Need::IMAGE, &["cpio", "lsinitramfs", "mcopy"]) {
        return;
    }
    let folder = scratch();
    let packed = folder.path().join("initramfs.img");
    let disk = format!("{}@@1M", text(demo()));
    judge("mcopy", &["-n", "-i", &disk, "::/EFI/BOOT/initramfs.img", text(&packed)]);
    let archive = Command::new("gzip").arg("-dc").arg(&packed).run().expect("one gzip member");
    let listed =
        Command::new("cpio").args(["-t", "--quiet"]).run_with_input(&archive).expect("newc");
    let listed = String::from_utf8(listed).expect("plain names");
    let names: Vec<_> = listed.lines().collect();
    for name in ["init", "dev/console", "proc", "sys", "run"] {
        assert!(names.contains(&name), "no {name} in {listed}");
    }
    assert!(names.is_sorted(), "{listed}");
    let seen = judge("lsinitramfs", &[text(&packed)]);
    assert_eq!(seen.lines().count(), names.len(), "{seen}");
}

#[test]
fn two_builds_are_bit_identical_whatever_the_host() {
    if !is_ready(Need::IMAGE, &[]) {
        return;
    }
    let folder = scratch();
    let elsewhere = folder.path().join("else where");
    let options = Options { offline: true, ..Options::default() };
    let assets = Assets::resolve(Need::IMAGE, &options, &mut |_| {}).expect("is_ready has looked");
    let kernel = assets.kernel().expect("resolved");
    let modules = kernel.modules.as_deref().expect("a distribution's kernel has modules");
    // The same ingredients with other owners, times, names and directory order.
    let copies = ["vmlinuz", "busybox", "init"].map(|name| elsewhere.join(name));
    fs::create_dir(&elsewhere).expect("created");
    let originals = [kernel.vmlinuz.clone(), assets.busybox().expect("resolved").into(), init()];
    for (copy, original) in copies.iter().zip(&originals).rev() {
        fs::copy(original, copy).expect("copied");
    }
    let release = elsewhere.join(modules.file_name().expect("the release"));
    copy_backwards(modules, &release);
    let path = elsewhere.join("demo.img");
    // Another user too, as far as the program can see, where the host has user namespaces.
    let script = "umask 077; unshare -U --map-user=4321 true 2>/dev/null && \
                  exec unshare -U --map-user=4321 \"$@\"; exec \"$@\"";
    Command::new("sh")
        .args(["-c", script, "sh", env!("CARGO_BIN_EXE_bootwright"), "image", "--offline"])
        .arg("--kernel")
        .arg(&copies[0])
        .arg("--busybox")
        .arg(&copies[1])
        .arg("--init")
        .arg(&copies[2])
        .arg("--modules")
        .arg(&release)
        .arg("--output")
        .arg(&path)
        .env("LC_ALL", "tr_TR.UTF-8")
        .env("TZ", "Asia/Tokyo")
        .env("USER", "somebody")
        .run()
        .expect("it builds");
    assert!(
        fs::read(demo()).expect("built") == fs::read(&path).expect("built"),
        "the images differ"
    );
}

/// Copies the modules of a folder, the last name first.
fn copy_backwards(from: &Path, to: &Path) {
    fs::create_dir(to).expect("created");
    let mut entries: Vec<_> = fs::read_dir(from).expect("readable").flatten().collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.file_name()));
    for entry in entries {
        let target = to.join(entry.file_name());
        match entry.path() {
            path if path.is_dir() => copy_backwards(&path, &target),
            path if path.is_file() => drop(fs::copy(path, target).expect("copied")),
            _ => {}
        }
    }
}

#[test]
fn another_seed_makes_another_image_and_the_epoch_is_every_files_time() {
    if !is_ready(Need::IMAGE, &["sgdisk", "debugfs"]) {
        return;
    }
    let folder = scratch();
    let path = folder.path().join("other.img");
    image(&path, &["--seed", "other"])
        .env("SOURCE_DATE_EPOCH", "1000000000")
        .run()
        .expect("it builds");
    let guid = |image: &Path| {
        let table = judge("sgdisk", &["-p", text(image)]);
        table.lines().find(|line| line.contains("GUID")).expect("it has one").to_owned()
    };
    assert_ne!(guid(demo()), guid(&path));
    let root = folder.path().join("root");
    partition(&path, 2, &root);
    let stat = judge("debugfs", &["-R", "stat /etc/hostname", text(&root)]);
    assert!(stat.contains("mtime: 0x3b9aca00"), "{stat}");
}

#[test]
fn a_dry_run_shows_the_layout_and_writes_nothing() {
    if !is_ready(Need::IMAGE, &[]) {
        return;
    }
    let folder = scratch();
    let path = folder.path().join("none.img");
    let output = run(&image(&path, &["--dry-run", "--json"]));
    assert!(output.status.success());
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(said["layout"]["partitions"][1]["name"], "slim-rootfs");
    assert_eq!(said["written"], false);
    assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 0);
}

#[test]
fn what_will_not_boot_is_not_handed_out() {
    if !is_ready(Need::IMAGE, &[]) {
        return;
    }
    let folder = scratch();
    let path = folder.path().join("x.img");
    fs::write(&path, b"what was there before").expect("written");
    let wrong = ["--append", "root=PARTLABEL=nowhere"];
    let output = run(&image(&path, &wrong));
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("error[root-partlabel-not-found]"), "{said}");
    assert!(said.contains("was not written"), "{said}");
    assert_eq!(fs::read(&path).expect("there"), b"what was there before");
    assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1);
    let output = run(&image(&path, &[&wrong[..], &["--json"]].concat()));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(said["written"], false);
    assert_eq!(said["lint"]["findings"][0]["id"], "root-partlabel-not-found");
    // What is passed over, warned of or not looked at is handed out.
    for more in [&["--allow", "root-partlabel-not-found"][..], &["--no-lint"]] {
        fs::write(&path, b"").expect("written");
        image(&path, &[&wrong[..], more].concat()).run().expect("it builds");
        assert!(fs::metadata(&path).expect("there").len() > 0);
    }
    let screen = ["--append", "console=tty0"];
    let output = run(&image(&path, &screen));
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("warning[console-order]"));
    let output = run(&image(&path, &[&screen[..], &["--deny", "console-order"]].concat()));
    assert_eq!(output.status.code(), Some(1));
    let output = run(&image(&path, &["--deny", "no-such"]));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn every_verb_has_help_with_examples() {
    for verb in ["image", "boot", "doctor", "explain", "lint", "inspect"] {
        let output = run(&bootwright(&[verb, "--help"]));
        assert!(output.status.success());
        let help = String::from_utf8_lossy(&output.stdout);
        assert!(help.contains("Examples:"), "{verb}: {help}");
    }
}

#[test]
fn an_iso_is_a_cd_and_a_disk_and_always_the_same() {
    if !is_ready(&[Need::IMAGE, Need::ISO].concat(), &["xorriso", "sgdisk"]) {
        return;
    }
    let folder = scratch();
    let build = |name: &str| {
        let path = folder.path().join(name);
        image(&path, &["--iso"]).run().expect("it builds");
        path
    };
    let [one, two] = ["one.iso", "two.iso"].map(build);
    assert!(fs::read(&one).expect("there") == fs::read(&two).expect("there"));
    assert!(judge("sgdisk", &["-v", text(&one)]).contains("No problems found"));
    let reports = ["-report_el_torito", "plain", "-report_system_area", "plain"];
    let report = judge("xorriso", &[&["-no_rc", "-indev", text(&one)][..], &reports].concat());
    for line in [
        "boot img :   1  BIOS",
        "boot img :   2  UEFI",
        "img path :   1  /boot/bios.img",
        "img opts :   1  boot-info-table grub2-boot-info",
        "img path :   2  /boot/efi.img",
        "summary: MBR protective-msdos-label grub2-mbr cyl-align-off GPT",
        "partition path :   1  /boot/efi.img",
    ] {
        assert!(report.contains(line), "{line}: {report}");
    }
}

#[test]
fn an_iso_for_uefi_alone_has_nothing_for_a_bios() {
    if !is_ready(Need::IMAGE, &["xorriso"]) {
        return;
    }
    let folder = scratch();
    let path = folder.path().join("x.iso");
    image(&path, &["--format", "iso", "--no-bios"]).run().expect("it builds");
    let report = ["-no_rc", "-indev", text(&path), "-report_el_torito", "plain"];
    let report = judge("xorriso", &report);
    assert!(report.contains("boot img :   1  UEFI") && !report.contains("BIOS"), "{report}");
}

#[test]
fn a_bios_boots_an_iso_in_a_cd_drive() {
    if !is_ready(&[Need::IMAGE, Need::ISO, Need::BOOT].concat(), &[]) {
        return;
    }
    let folder = scratch();
    let (iso, run_folder) = (folder.path().join("demo.iso"), folder.path().join("run"));
    image(&iso, &["--iso"]).run().expect("it builds");
    let how = ["boot", "--offline", "--accel", "tcg", "--bios", "--cdrom", "--run-dir"];
    let output = run(&bootwright(&how).args([text(&run_folder), text(&iso)]));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let log = fs::read(run_folder.join("serial.log")).expect("kept");
    let log = String::from_utf8_lossy(&log).into_owned();
    assert!(log.contains("SeaBIOS (version") && log.contains("source=/dev/sr0"), "{log}");
}
