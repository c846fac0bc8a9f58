//! Initramfs archives, the program in them, their modules, and command lines.

use std::io::{Read, Write};

use super::*;
use crate::compress::gzip;
use crate::elf::tests::image;
use crate::initramfs::newc;
use crate::kernel::driver_names::DriverNames;
use crate::kernel::modules::Bus;
use crate::lint::subject::Early;
use proptest::prelude::*;

pub(super) const LINE: &str = "console=ttyS0 panic=-1";

pub(super) fn plain(tree: &Tree) -> Vec<u8> {
    let mut bytes = Vec::new();
    newc::write(tree, &mut bytes).expect("it fits");
    bytes
}

/// A sound archive with a static `/init`.
pub(super) fn sound() -> Vec<u8> {
    plain(&tree(&[("init", 0o755, &program()), ("bin/sh", 0o755, &program())]))
}

fn xz(bytes: &[u8], check: liblzma::stream::Check) -> Vec<u8> {
    let stream = liblzma::stream::Stream::new_easy_encoder(1, check).expect("an encoder");
    let mut out = Vec::new();
    liblzma::read::XzEncoder::new_stream(bytes, stream).read_to_end(&mut out).expect("in memory");
    out
}

fn zstd_window(bytes: &[u8], log: u32) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).expect("an encoder");
    encoder.window_log(log).expect("a window");
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let level = bzip2::Compression::best();
    bzip2::read::BzEncoder::new(bytes, level).read_to_end(&mut out).expect("in memory");
    out
}

#[test]
fn sound_archives_are_silent_however_they_are_compressed() {
    use liblzma::stream::Check;
    let microcode = plain(&tree(&[("kernel/x86/microcode/GenuineIntel.bin", 0o644, b"x")]));
    let all = [
        sound(),
        gzip(6, &sound()),
        bzip2(&sound()),
        xz(&sound(), Check::Crc32),
        xz(&sound(), Check::None),
        zstd_window(&sound(), 20),
        [microcode.clone(), vec![0; 512], gzip(6, &sound()), vec![0; 3]].concat(),
        [microcode, zstd_window(&sound(), 20), gzip(6, &sound())].concat(),
    ];
    for archive in all {
        assert_eq!(ids(&early(&archive, LINE)), [""; 0]);
    }
}

#[test]
fn what_keeps_an_archive_from_being_unpacked_is_named() {
    use liblzma::stream::Check;
    let sound = sound();
    let packed = gzip(9, &sound);
    let cut = &sound[..sound.len() / 3];
    let mut crc = packed.clone();
    let at = crc.len() - 6;
    crc[at] ^= 0xff;
    let mut flipped = bzip2(&sound);
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    let mut checked = plain(&tree(&[("init", 0o755, &program())]));
    let headers: Vec<_> =
        (0..checked.len() - 6).filter(|&at| &checked[at..at + 6] == b"070701").collect();
    headers.into_iter().for_each(|at| checked[at + 5] = b'2');
    let tar = {
        let mut tar = vec![0; 1024];
        tar[..4].copy_from_slice(b"init");
        tar[257..262].copy_from_slice(b"ustar");
        tar
    };
    let odc = [b"070707", &[b'0'; 200][..]].concat();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("initramfs-truncated", packed[..packed.len() / 2].to_vec(), "read error"),
        ("initramfs-bad-crc", crc, ""),
        ("initramfs-corrupt", flipped, ""),
        ("xz-unsupported-check", xz(&sound, Check::Crc64), "Input was encoded with settings"),
        ("zstd-window-too-large", zstd_window(&sound, 30), "Out of memory while allocating"),
        ("lz4-frame-format", [&[4, 0x22, 0x4d, 0x18][..], &[9; 99]].concat(), "invalid magic"),
        ("initramfs-not-cpio", b"hello, this is no archive at all".to_vec(), "invalid magic"),
        ("initramfs-not-cpio", gzip(6, b"hello"), "no cpio magic"),
        ("initramfs-is-tar", gzip(6, &tar), "no cpio magic"),
        ("initramfs-is-tar", tar, "invalid magic"),
        ("cpio-bin-format", gzip(6, &[0xc7, 0x71, 1, 2, 3, 4]), "no cpio magic"),
        ("cpio-odc-format", odc.clone(), "incorrect cpio method used"),
        ("cpio-odc-format", gzip(6, &odc), "incorrect cpio method used"),
        ("double-compressed", gzip(6, &packed), "no cpio magic"),
        ("concat-misaligned", [&[0, 0][..], &sound].concat(), "invalid magic"),
        ("concat-misaligned", [&sound[..], &[0, 0], &sound].concat(), "broken padding"),
        ("junk-after-archive", [&packed[..], b"junk"].concat(), "invalid magic"),
        ("junk-inside-archive", gzip(6, &[&sound[..], b"junk"].concat()), "junk within"),
        ("cpio-truncated-before-compress", gzip(6, cut), "junk at the end"),
        ("cpio-bad-checksum", checked, "bad data checksum"),
    ];
    for (id, archive, message) in cases {
        let report = report(&early(&archive, LINE));
        let found: Vec<_> = report.findings.iter().map(|f| f.id).collect();
        assert_eq!(found.first(), Some(&id), "{found:?}");
        let console = report.findings[0].console.concat();
        assert!(console.contains(message), "{id}: {console}");
    }
}

#[test]
fn an_archive_without_trailer_is_only_a_warning_where_no_file_is_cut() {
    let sound = sound();
    let trailer = sound.windows(10).position(|w| w == b"TRAILER!!!").expect("there") - 110;
    let found = report(&early(&gzip(6, &sound[..trailer]), LINE));
    assert_eq!((found.findings[0].id, found.errors), ("initramfs-no-trailer", 0));
}

#[test]
fn a_first_program_that_does_not_start_is_named_with_the_kernels_words() {
    const LD: &[u8] = b"/lib64/ld-linux-x86-64.so.2\0";
    let dynamic = image(3, 0, &[(1, 1, b"\x90", 0), (3, 0, LD, 0)], &[]);
    let mut foreign = program();
    foreign[18] = 183;
    let good = program();
    let none = "No working init found.";
    type Case<'a> = (&'a str, Vec<(&'a str, u16, &'a [u8])>, [&'a str; 2]);
    let cases: Vec<Case<'_>> = vec![
        ("initramfs-no-init", vec![("etc/x", 0o644, b"x")], ["VFS: Unable to mount root fs", ""]),
        ("initramfs-nested-dir", vec![("tree/init", 0o755, &good)], ["VFS: Unable", ""]),
        (
            "initramfs-microcode-only",
            vec![("kernel/x86/microcode/AuthenticAMD.bin", 0o644, b"x")],
            ["VFS: Unable", ""],
        ),
        ("init-dangling-symlink", vec![("init", 0o777, b"->bin/gone")], ["VFS: Unable", ""]),
        ("init-is-directory", vec![("init/x", 0o644, b"x")], ["(error -13)", none]),
        ("init-not-executable", vec![("init", 0o644, &good)], ["(error -13)", none]),
        ("init-empty", vec![("init", 0o755, b"")], ["(error -8)", none]),
        ("script-bom", vec![("init", 0o755, b"\xef\xbb\xbf#!/bin/sh\n")], ["(error -8)", none]),
        ("script-no-shebang", vec![("init", 0o755, b"echo hi\n")], ["(error -8)", none]),
        (
            "script-no-shebang",
            vec![("init", 0o755, b"echo hi\n"), ("bin/sh", 0o755, &good)],
            ["(error -8)", "Run /bin/sh as init process"],
        ),
        (
            "script-crlf",
            vec![("init", 0o755, b"#!/bin/sh\r\n"), ("bin/sh", 0o755, &good)],
            ["(error -2)", "Run /bin/sh as init process"],
        ),
        ("script-interpreter-missing", vec![("init", 0o755, b"#!/bin/sh\n")], ["(error -2)", none]),
        ("init-wrong-arch", vec![("init", 0o755, &foreign)], ["(error -8)", none]),
        ("init-wrong-format", vec![("init", 0o755, b"\x01\x02\x03")], ["(error -8)", none]),
        ("init-damaged", vec![("init", 0o755, &good[..70])], ["Kernel panic", ""]),
        ("elf-interpreter-missing", vec![("init", 0o755, &dynamic)], ["(error -2)", none]),
    ];
    for (id, files, words) in cases {
        let report = report(&early(&gzip(6, &plain(&tree(&files))), LINE));
        let found: Vec<_> = report.findings.iter().map(|f| f.id).collect();
        assert_eq!(found, [id]);
        let console = report.findings[0].console.join("\n");
        assert!(words.iter().all(|word| console.contains(word)), "{id}: {console}");
    }
}

#[test]
fn rdinit_is_the_first_program_where_it_is_given() {
    let archive = plain(&tree(&[("sbin/start", 0o755, &program())]));
    assert_eq!(ids(&early(&archive, "console=ttyS0 rdinit=/sbin/start")), [""; 0]);
    assert_eq!(ids(&early(&archive, "console=ttyS0 rdinit=/sbin/nope")), ["rdinit-missing"]);
}

/// A dynamic program that needs a library.
fn needs(library: &str) -> Vec<u8> {
    let table = [&b"\0"[..], library.as_bytes(), b"\0"].concat();
    let entry = |tag: u64, value: u64| [tag.to_le_bytes(), value.to_le_bytes()].concat();
    // DT_NEEDED, DT_STRTAB, DT_STRSZ
    let dynamic =
        [entry(1, 1), entry(5, 0x5000), entry(10, table.len() as u64), entry(0, 0)].concat();
    let parts: [(u32, u32, &[u8], u64); 4] = [
        (1, 1, b"\x90", 0),
        (3, 0, b"/lib64/ld.so\0", 0),
        (2, 0, &dynamic, 0x6000),
        (1, 0, &table, 0x5000),
    ];
    image(3, 0, &parts, &[])
}

#[test]
fn libraries_are_looked_for_through_all_that_need_them() {
    let init = needs("libone.so.1");
    let one = needs("libtwo.so.2");
    let two = image(3, 0, &[(1, 1, b"\x90", 0)], &[]);
    let mut files: Vec<(&str, u16, &[u8])> = vec![
        ("init", 0o755, &init),
        ("lib64/ld.so", 0o755, &two),
        ("usr/lib/libone.so.1", 0o644, &one),
    ];
    let report = report(&early(&plain(&tree(&files)), LINE));
    assert_eq!(report.findings[0].id, "shared-library-missing");
    assert!(report.findings[0].saw.contains("libtwo.so.2 (asked for by /usr/lib/libone.so.1)"));
    assert!(report.findings[0].console[1].ends_with("exitcode=0x00007f00"));
    files.push(("lib/libtwo.so.2", 0o644, &two));
    assert_eq!(ids(&early(&plain(&tree(&files)), LINE)), [""; 0]);
}

#[test]
fn entries_whose_folder_comes_late_are_dropped_as_the_kernel_drops_them() {
    // `newc::write` fills parents in, so the folder's entry is taken out of the bytes.
    let mut files = Tree::new(Time::EPOCH);
    for (path, content) in [("bin/sh", program()), ("init", b"#!/bin/sh\n".to_vec())] {
        let path = TreePath::new(path.as_bytes()).expect("good");
        files.insert(path, Node::file(0o755, Time::EPOCH, content.into())).expect("free");
    }
    let bytes = plain(&files);
    let mut reader = newc::Reader::new(&bytes[..]);
    let mut folder = None;
    while let Some(entry) = reader.next_entry().expect("sound") {
        if entry.name == b"bin" {
            folder = Some(entry.offset as usize);
        }
    }
    let at = folder.expect("it has one");
    let len = (110usize + 4).next_multiple_of(4);
    let without = [&bytes[..at], &bytes[at + len..]].concat();
    let found = ids(&early(&without, LINE));
    assert_eq!(found, ["script-interpreter-missing", "missing-parent-dirs"]);
}

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
        "CONFIG_VIRTIO_BLK=m\nCONFIG_EXT4_FS=y\nCONFIG_DEVTMPFS=y\n\
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

#[test]
fn a_kernel_that_lacks_what_the_boot_needs_is_named() {
    let cases = [
        ("BLK_DEV_INITRD", "kernel-no-initrd-support"),
        ("SERIAL_8250_CONSOLE", "kernel-no-serial-console"),
        ("RD_GZIP", "compression-not-configured"),
        ("BINFMT_ELF", "kernel-no-binfmt-elf"),
    ];
    for (option, id) in cases {
        let config: String = cases
            .iter()
            .filter(|(other, _)| *other != option)
            .map(|(other, _)| format!("CONFIG_{other}=y\n"))
            .collect();
        let mut subject = early(&gzip(6, &sound()), LINE);
        subject.kernel = Some(kernel(&config));
        assert_eq!(ids(&subject), [id]);
    }
    let script = tree(&[("init", 0o755, b"#!/bin/sh\n"), ("bin/sh", 0o755, &program())]);
    let mut subject = early(&plain(&script), LINE);
    subject.kernel = Some(kernel("CONFIG_BLK_DEV_INITRD=y\nCONFIG_SERIAL_8250_CONSOLE=y\n"));
    assert_eq!(ids(&subject), ["kernel-no-binfmt-script"]);
}

#[test]
fn files_that_are_no_kernels_are_named() {
    let whole = crate::kernel::bzimage::tests::kernel();
    let cases = [
        (b"hello".to_vec(), "grub-bad-kernel"),
        (whole[..whole.len() / 2].to_vec(), "kernel-truncated"),
        ([&[0; 0x40][..], &whole[0x40..]].concat(), "kernel-no-efi-stub"),
    ];
    for (bytes, id) in cases {
        let kernel = Some(Kernel::new("vmlinuz", bytes, None));
        assert_eq!(ids(&Subject { kernel, ..Subject::default() }), [id]);
    }
}

#[test]
fn without_an_initramfs_the_kernel_finds_its_root_alone() {
    let config = "CONFIG_VIRTIO_BLK=m\nCONFIG_BLK_DEV_NVME=y\nCONFIG_EXT4_FS=y\nCONFIG_SQUASHFS=m\n\
        CONFIG_SERIAL_8250_CONSOLE=y\n";
    let found = |line: &str| {
        ids(&Subject {
            kernel: Some(kernel(config)),
            initramfs: Given::Absent,
            cmdline: Some(format!("console=ttyS0 {line}")),
            ..Subject::default()
        })
    };
    assert_eq!(found("root=/dev/nvme0n1p1 rootfstype=ext4"), [""; 0]);
    assert_eq!(found("root=/dev/vda1"), ["no-initramfs-driver-module"]);
    assert_eq!(found(""), ["no-initramfs-no-root"]);
    assert_eq!(found("root=UUID=1-2"), ["root-uuid-needs-initramfs"]);
    assert_eq!(found("root=dev/nvme0n1p1"), ["root-name-typo"]);
    assert_eq!(found("root=PARTUUID=a-b/PARTNROFF=z"), ["root-partuuid-invalid"]);
    assert_eq!(found("root=/dev/ram0"), ["root-ram-no-brd"]);
    assert_eq!(found("root=/dev/nvme0n1p1 rootfstype=squashfs"), ["root-fs-driver-missing"]);
}

#[test]
fn command_lines_that_are_not_read_as_meant_are_named() {
    let found = |line: &str| ids(&early(&sound(), line));
    let many: String = (0..40).map(|n| format!("junk{n}=1 ")).collect();
    assert_eq!(found(&format!("console=ttyS0 {many}")), ["too-many-init-args"]);
    assert_eq!(found(&format!("console=ttyS0 x.y={}", "z".repeat(2100))), ["cmdline-too-long"]);
    assert_eq!(found("console=ttyS0 a=\"b c"), ["cmdline-quote"]);
    assert_eq!(found("quiet"), ["console-missing"]);
    assert_eq!(found("console=ttyS1"), ["console-wrong"]);
    assert_eq!(found("console=ttyS0 console=tty0"), ["console-order"]);
    assert_eq!(found("console=null"), ["no-console"]);
    // Init gets the other one, unless the kernel has a driver for nothing.
    assert_eq!(found("console=ttyS0 console=null"), [""; 0]);
}

#[test]
fn memory_is_held_against_the_unpacked_initramfs() {
    let big = vec![0; 100 << 20];
    let files = tree(&[("init", 0o755, &program()), ("big", 0o644, &big)]);
    let mut subject = early(&gzip(1, &plain(&files)), "console=ttyS0 root=/dev/vda1");
    subject.memory = Some(512 << 20);
    assert_eq!(ids(&subject), [""; 0]);
    subject.memory = Some(150 << 20);
    assert_eq!(ids(&subject), ["initramfs-out-of-memory"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn damaged_archives_never_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
        line in "[ -~]{0,80}",
        packed in any::<bool>(),
    ) {
        let mut bytes = [sound(), gzip(6, &sound())].concat();
        if packed {
            bytes = gzip(6, &bytes);
        }
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        let _ = report(&early(&bytes, &line)).to_string();
    }
}
