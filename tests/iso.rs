//! ISOs in every drive that people put them into, started by UEFI and by a BIOS.

use std::fs;
use std::path::{Path, PathBuf};

use bootwright::assets::{Assets, Need, Options};

use crate::is_bootable;
use crate::workbench::{bootwright, image, is_ready, run, scratch, stderr, text};

/// Boots an ISO in each of these ways; what its packed root is on has to be the device that is expected.
fn boots(iso: &Path, ways: &[(&[&str], &str)]) {
    let run_folder = iso.with_extension("run");
    for &(how, device) in ways {
        let boot = bootwright(&["boot", "--offline", "--accel", "tcg", "--run-dir"]);
        let output = run(&boot.args([text(&run_folder), text(iso)]).args(how.iter().copied()));
        assert_eq!(output.status.code(), Some(0), "{how:?}: {}", stderr(&output));
        let log = fs::read(run_folder.join("serial.log")).expect("kept");
        let mounted = format!("source={device} fstype=overlay mode=rw");
        assert!(String::from_utf8_lossy(&log).contains(&mounted), "{how:?}");
    }
}

#[test]
fn an_iso_boots_as_a_disk_and_as_a_cd_by_uefi_and_by_a_bios() {
    if !is_bootable() || !is_ready(Need::ISO, &[]) {
        return;
    }
    let folder = scratch();
    let iso = folder.path().join("demo.iso");
    image(&iso, &["--iso"]).run().expect("it builds");
    let ways: [(&[&str], &str); 4] = [
        (&[], "/dev/vda"),
        (&["--cdrom"], "/dev/sr0"),
        (&["--bios"], "/dev/vda"),
        (&["--bios", "--cdrom"], "/dev/sr0"),
    ];
    boots(&iso, &ways);
}

/// Debian's kernel for real machines, unpacked: the image, and the folder of its modules.
fn usb_kernel(folder: &Path) -> (PathBuf, PathBuf) {
    let options = Options { offline: true, ..Options::default() };
    let assets = Assets::resolve(&[Need::UsbKernel], &options, &mut |_| {});
    let assets = assets.expect("is_ready has looked");
    let packages = assets.get(Need::UsbKernel).expect("asked for").path();
    let source = format!("deb:{}", packages.display());
    bootwright(&["tree", "convert", &source, text(folder)]).run().expect("unpacked");
    let only = |place: &str, start: &str| {
        let entries = fs::read_dir(folder.join(place)).expect("there").map(|e| e.expect("read"));
        let mut named = entries.filter(|e| e.file_name().to_string_lossy().starts_with(start));
        named.next().expect("one").path()
    };
    (only("boot", "vmlinuz-"), only("usr/lib/modules", ""))
}

#[test]
fn an_iso_boots_as_a_usb_stick_by_uefi_and_by_a_bios() {
    if !is_bootable() || !is_ready(&[Need::GrubBiosModules, Need::UsbKernel], &[]) {
        return;
    }
    let folder = scratch();
    let iso = folder.path().join("demo.iso");
    let (kernel, modules) = usb_kernel(&folder.path().join("kernel"));
    image(&iso, &["--iso", "--kernel", text(&kernel), "--modules", text(&modules)])
        .run()
        .expect("it builds");
    boots(&iso, &[(&["--usb"], "/dev/sda"), (&["--usb", "--bios"], "/dev/sda")]);
}
