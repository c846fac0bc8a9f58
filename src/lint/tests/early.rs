//! Initramfs archives, and the program in them.

use std::io::{Read, Write};

use super::*;
use crate::compress::gzip;
use crate::elf::tests::image;
use crate::initramfs::newc;
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
fn what_follows_lz4_is_seen_behind_zeros_alone() {
    use crate::compress::{Format, compress};
    let sound = sound();
    let lz4 = compress(Format::Lz4Legacy, 1, &sound).expect("packed");
    let room = vec![0; 8 - lz4.len() % 4];
    let packed = gzip(6, &sound);
    for (after, id) in [
        ([&room[..], &packed].concat(), None),
        ([&room[..], &packed[..packed.len() / 2]].concat(), Some("initramfs-truncated")),
        (sound.clone(), Some("initramfs-corrupt")),
        // Whose first bytes are a length that a block can have.
        (packed, Some("initramfs-truncated")),
        (lz4.clone(), None),
    ] {
        let found = ids(&early(&[&lz4[..], &after].concat(), LINE));
        assert_eq!(found.first().copied(), id, "{found:?}");
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
fn memory_is_held_against_the_unpacked_initramfs() {
    let big = vec![0; 100 << 20];
    let files = tree(&[("init", 0o755, &program()), ("big", 0o644, &big)]);
    let mut subject = early(&gzip(1, &plain(&files)), "console=ttyS0 root=/dev/vda1");
    subject.memory = Some(512 << 20);
    assert_eq!(ids(&subject), [""; 0]);
    subject.memory = Some(150 << 20);
    assert_eq!(ids(&subject), ["initramfs-out-of-memory"]);
}

/// A compressed archive of one file of zeros and an `/init`; the zeros are made on their way.
fn bomb(size: u32) -> Vec<u8> {
    // The header and the name together end at a multiple of 4.
    let mut header = format!("070701{}zeros\0", "0".repeat(13 * 8)).into_bytes();
    for (field, value) in [(1, 0o100_644), (4, 1), (6, size), (11, 6)] {
        header[6 + 8 * field..][..8].copy_from_slice(format!("{value:08X}").as_bytes());
    }
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).expect("an encoder");
    encoder.write_all(&header).expect("in memory");
    std::io::copy(&mut std::io::repeat(0).take(size.into()), &mut encoder).expect("in memory");
    encoder.write_all(&sound()).expect("in memory");
    encoder.finish().expect("in memory")
}

#[test]
fn what_unpacks_without_end_is_said_to_and_nothing_else_is_said_of_it() {
    let zeros = bomb(3 << 30);
    assert!(zeros.len() < 1 << 20);
    let subject = Subject { memory: Some(1 << 30), ..early(&zeros, LINE) };
    let found = report(&subject).findings;
    let found: Vec<_> = found.iter().map(|finding| (finding.id, &finding.saw[..])).collect();
    assert_eq!(found[0].0, "initramfs-out-of-memory");
    assert_eq!((found[1].0, found.len()), ("initramfs-too-long", 2));
    assert!(found[1].1.contains("unpacks to over 2 GiB, or has 1048576"), "{found:?}");
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
