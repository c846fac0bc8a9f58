//! The modules of an initramfs, and the drivers that a disk and a root filesystem need.

use super::early::{LINE, plain};
use super::*;
use crate::elf::tests::image;
use crate::kernel::driver_names::DriverNames;
use crate::kernel::modules::Bus;
use crate::lint::subject::Early;

fn module(info: &str) -> Vec<u8> {
    let info = format!("{info}\nvermagic=6.1.0-test SMP \n").replace('\n', "\0");
    image(1, 0, &[], &[(".modinfo", info.as_bytes())])
}

/// An initramfs of ours with these modules, loaded in this order.
pub(super) fn with_modules(modules: &[(&str, Vec<u8>)]) -> Subject {
    let path = |name: &str| format!("lib/modules/6.1.0-test/{name}");
    let order: String = modules.iter().map(|(name, _)| format!("/{}\n", path(name))).collect();
    let init = [program(), b"handoff: ".to_vec()].concat();
    let mut files =
        tree(&[("init", 0o755, &init), ("lib/modules/load-order", 0o644, order.as_bytes())]);
    for (name, bytes) in modules {
        let node = Node::file(0o644, Time::EPOCH, bytes.clone().into());
        files.insert(TreePath::new(path(name).as_bytes()).expect("good"), node).expect("free");
    }
    let mut subject = early(&plain(&files), "console=ttyS0 root=PARTUUID=x rootfstype=ext4");
    subject.kernel = Some(kernel(
        "CONFIG_VIRTIO_BLK=m\nCONFIG_EXT4_FS=y\nCONFIG_DEVTMPFS=y\nCONFIG_PROC_FS=y\nCONFIG_SYSFS=y\nCONFIG_TMPFS=y\n\
        CONFIG_BLK_DEV_INITRD=y\nCONFIG_SERIAL_8250_CONSOLE=y\nCONFIG_BINFMT_ELF=y\n",
    ));
    subject
}

pub(super) fn errors(subject: &Subject) -> Vec<&'static str> {
    let report = report(subject);
    let errors = report.findings.iter().filter(|f| f.severity == Severity::Error);
    errors.map(|finding| finding.id).collect()
}

#[test]
fn modules_are_held_against_the_kernel_that_loads_them() {
    let virtio = || module("name=virtio\ndepends=");
    let blk = || module("name=virtio_blk\ndepends=virtio");
    assert_eq!(
        errors(&with_modules(&[("virtio.ko", virtio()), ("virtio_blk.ko", blk())])),
        [""; 0]
    );
    let turned = with_modules(&[("virtio_blk.ko", blk()), ("virtio.ko", virtio())]);
    assert_eq!(errors(&turned), ["module-unknown-symbol"]);
    assert_eq!(errors(&with_modules(&[("virtio.ko", virtio())])), ["disk-driver-missing"]);
    let old = image(1, 0, &[], &[(".modinfo", b"name=virtio_blk\0vermagic=5.10 SMP\0")]);
    assert_eq!(errors(&with_modules(&[("virtio_blk.ko", old)])), ["module-version-mismatch"]);
    let cut = blk()[..blk().len() - 9].to_vec();
    let found = errors(&with_modules(&[("virtio.ko", virtio()), ("virtio_blk.ko", cut)]));
    assert_eq!(found, ["module-corrupt"]);
    let packed = zstd::encode_all(&blk()[..], 1).expect("in memory");
    let found = errors(&with_modules(&[("virtio.ko", virtio()), ("virtio_blk.ko", packed)]));
    assert_eq!(found, ["module-compressed"]);
    let mut strict = with_modules(&[("virtio.ko", virtio()), ("virtio_blk.ko", blk())]);
    strict.cmdline.as_mut().expect("a line").push_str(" module.sig_enforce=1");
    assert_eq!(errors(&strict), ["module-signature-rejected"]);
}

#[test]
fn the_disks_driver_is_missed_by_the_bus_and_by_what_the_kernel_lacks() {
    let blk = module("name=virtio_blk\ndepends=");
    let mut subject = with_modules(&[("virtio_blk.ko", blk)]);
    subject.bus = Some(Bus::Virtio);
    subject.kernel.as_mut().expect("there").config = None;
    // What is not known is not judged.
    assert_eq!(errors(&subject), [""; 0]);
    let seen = DriverNames::of(b"ext4\0");
    subject.kernel.as_mut().expect("there").drivers = Some(seen);
    let found = report(&subject).findings;
    assert_eq!(
        (found[0].id, found[0].cause),
        ("disk-driver-missing", Some("initramfs-root-not-found"))
    );
    assert!(found[0].saw.contains("has not built in virtio_pci,"), "{}", found[0].saw);
    subject.kernel.as_mut().expect("there").drivers = Some(DriverNames::of(b"virtio-pci\0ext4\0"));
    assert_eq!(errors(&subject), [""; 0]);
    subject.kernel.as_mut().expect("there").drivers = Some(DriverNames::of(b"virtio-pci\0"));
    assert_eq!(errors(&subject), ["root-fs-driver-missing"]);
}

#[test]
fn the_overlay_over_the_root_needs_its_driver_where_our_init_is_asked_for_it() {
    let mut subject = with_modules(&[("virtio_blk.ko", module("name=virtio_blk\ndepends="))]);
    let kernel = subject.kernel.as_mut().expect("there");
    (kernel.config, kernel.drivers) = (None, Some(DriverNames::of(b"virtio-pci\0ext4\0")));
    subject.cmdline.as_mut().expect("a line").push_str(" systemd.volatile=overlay");
    let mut errors_of = |early| {
        if let Given::Here(initramfs) = &mut subject.initramfs {
            initramfs.early = early;
        }
        errors(&subject)
    };
    assert_eq!(errors_of(Early::Other), [""; 0]);
    assert_eq!(errors_of(Early::Bootwright), ["root-overlay-driver-missing"]);
    let drivers = DriverNames::of(b"virtio-pci\0ext4\0overlay\0");
    subject.kernel.as_mut().expect("there").drivers = Some(drivers);
    assert_eq!(errors(&subject), [""; 0]);
}

#[test]
fn a_driver_that_the_table_does_not_know_may_have_the_disk() {
    let path = "kernel/drivers/scsi/exotic.ko";
    assert_eq!(errors(&with_modules(&[(path, module("name=exotic\ndepends="))])), [""; 0]);
}

#[test]
fn modules_of_another_kernel_are_named_by_their_folder() {
    let files = tree(&[
        ("init", 0o755, &program()),
        ("lib/modules/5.10.0-other/kernel/x.ko", 0o644, &module("name=x")),
    ]);
    let mut subject = early(&plain(&files), LINE);
    subject.kernel = Some(kernel("CONFIG_BLK_DEV_INITRD=y\n"));
    assert!(ids(&subject).contains(&"initramfs-wrong-kernel-version"));
}
