//! The initramfs and the program in it.

use std::io::{Read, Write};

use bootwright::compress::{Format, compress, gzip};

use super::{Boot, Direct, Ends, Fault, Kit, archive};

const fn fails(name: &'static str, lint: &'static str, boot: fn(&Kit) -> Boot) -> Fault {
    Fault { name, lint, boot, ends: Ends::Fails }
}

const fn boots(name: &'static str, lint: &'static str, boot: fn(&Kit) -> Boot) -> Fault {
    Fault { name, lint, boot, ends: Ends::Boots }
}

/// A script that says something and ends the machine.
const POWER_OFF: &[u8] = b"#!/bin/sh\nbusybox poweroff -f\n";

/// A sound archive.
pub(super) fn sound(kit: &Kit) -> Vec<u8> {
    archive(&[
        ("init", 0o755, POWER_OFF),
        ("bin/busybox", 0o755, &kit.busybox),
        ("bin/sh", 0o777, b"->busybox"),
    ])
}

/// One whose `/init` is this, with a shell where it is wanted.
fn with_init(mode: u16, init: &[u8], shell: Option<&[u8]>) -> Boot {
    let mut files = vec![("init", mode, init)];
    files.extend(shell.map(|bytes| ("bin/sh", 0o755, bytes)));
    Direct::early(gzip(6, &archive(&files)))
}

fn xz_crc64(bytes: &[u8]) -> Vec<u8> {
    let check = liblzma::stream::Check::Crc64;
    let stream = liblzma::stream::Stream::new_easy_encoder(1, check).expect("an encoder");
    let mut packed = Vec::new();
    let mut encoder = liblzma::read::XzEncoder::new_stream(bytes, stream);
    encoder.read_to_end(&mut packed).expect("in memory");
    packed
}

fn zstd_with_window(log: u32, bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).expect("an encoder");
    encoder.window_log(log).expect("a window");
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

pub(super) fn packed(kit: &Kit) -> Vec<u8> {
    gzip(6, &sound(kit))
}

fn half(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() / 2);
    bytes
}

/// The archive with some of its bytes changed.
pub(super) fn damaged(mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(0x55);
    bytes
}

/// An archive of the format with checksums (`070702`), where that of one file is wrong.
fn with_bad_checksum(mut archive: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while archive[at..].starts_with(b"070701") {
        let field = |n: usize| {
            let digits = std::str::from_utf8(&archive[at + 6 + 8 * n..][..8]).expect("digits");
            usize::from_str_radix(digits, 16).expect("digits")
        };
        let (size, data) = (field(6), (at + 110 + field(11)).next_multiple_of(4));
        let sum: u32 = archive[data..data + size].iter().map(|byte| u32::from(*byte)).sum();
        let is_wrong = size > 0 && archive[at + 110..].starts_with(b"lost/f");
        let sum = format!("{:08x}", sum + u32::from(is_wrong));
        archive[at..at + 6].copy_from_slice(b"070702");
        archive[at + 102..at + 110].copy_from_slice(sum.as_bytes());
        at = (data + size).next_multiple_of(4);
    }
    archive
}

/// The archive without the entries of its folders.
fn without_folders(mut archive: Vec<u8>) -> Vec<u8> {
    // A folder's entry becomes one more of the root's, whose name is as long.
    while let Some(at) = archive
        .windows(22)
        .position(|w| w.starts_with(b"070701") && w[18..22].eq_ignore_ascii_case(b"41ed"))
    {
        archive[at + 18..at + 22].copy_from_slice(b"81a4");
        let name = at + 110;
        let end = name + archive[name..].iter().position(|byte| *byte == 0).expect("a name");
        archive[name..end].fill(b'x');
    }
    archive
}

/// A tar of one file.
fn tar() -> Vec<u8> {
    let mut header = vec![0; 1024];
    header[..4].copy_from_slice(b"init");
    header[257..265].copy_from_slice(b"ustar  \0");
    header
}

/// A dynamic program of the host, with its loader where it is wanted.
fn dynamic(with_loader: bool) -> Boot {
    let program = std::fs::read("/usr/bin/env").expect("every system has it");
    let loader = std::fs::read("/lib64/ld-linux-x86-64.so.2").expect("it starts what is dynamic");
    let mut files = vec![("init", 0o755, &program[..])];
    files.extend(with_loader.then_some(("lib64/ld-linux-x86-64.so.2", 0o755, &loader[..])));
    Direct::early(gzip(1, &archive(&files)))
}

pub(crate) const FAULTS: &[Fault] = &[
    fails("archive cut short", "initramfs-truncated", |kit| Direct::early(half(packed(kit)))),
    fails("xz cut short", "initramfs-truncated", |kit| {
        Direct::early(half(compress(Format::Xz, 1, &sound(kit)).expect("in memory")))
    }),
    fails("zstd cut short", "initramfs-truncated", |kit| {
        Direct::early(half(compress(Format::Zstd, 1, &sound(kit)).expect("in memory")))
    }),
    fails("archive damaged", "initramfs-corrupt", |kit| Direct::early(damaged(packed(kit)))),
    fails("xz with CRC64", "xz-unsupported-check", |kit| Direct::early(xz_crc64(&sound(kit)))),
    fails("zstd with a large window", "zstd-window-too-large", |kit| {
        Direct::early(zstd_with_window(30, &sound(kit)))
    }),
    fails("lz4's own frame", "lz4-frame-format", |kit| {
        Direct::early(compress(Format::Lz4, 1, &sound(kit)).expect("in memory"))
    }),
    fails("no archive", "initramfs-not-cpio", |_| {
        Direct::early(b"this is no archive at all".repeat(100))
    }),
    fails("tar, plain", "initramfs-is-tar", |_| Direct::early(tar())),
    fails("tar, packed", "initramfs-is-tar", |_| Direct::early(gzip(6, &tar()))),
    fails("odc", "cpio-odc-format", |_| Direct::early([b"070707", &[b'0'; 200][..]].concat())),
    fails("old binary format", "cpio-bin-format", |_| {
        Direct::early([b"\xc7\x71", &[0; 200][..]].concat())
    }),
    boots("junk inside what was packed", "junk-inside-archive", |kit| {
        Direct::early(gzip(1, &[&sound(kit)[..], b"this is no entry"].concat()))
    }),
    fails("packed twice", "double-compressed", |kit| Direct::early(gzip(1, &packed(kit)))),
    fails("misaligned behind a plain archive", "concat-misaligned", |kit| {
        let early = archive(&[("kernel/x86/microcode/x.bin", 0o644, b"x")]);
        Direct::early([&early[..], &[0, 0], &sound(kit)].concat())
    }),
    fails("cut before it was packed", "cpio-truncated-before-compress", |kit| {
        Direct::early(gzip(1, &half(sound(kit))))
    }),
    fails("no init", "initramfs-no-init", |_| Direct::early(archive(&[("etc/x", 0o644, b"x")]))),
    fails("init in a folder", "initramfs-nested-dir", |kit| {
        Direct::early(gzip(1, &archive(&[("tree/init", 0o755, &kit.busybox)])))
    }),
    fails("microcode alone", "initramfs-microcode-only", |_| {
        Direct::early(archive(&[("kernel/x86/microcode/AuthenticAMD.bin", 0o644, b"x")]))
    }),
    fails("rdinit not there", "rdinit-missing", |kit| {
        Direct::with_line(packed(kit), "rdinit=/sbin/nothing")
    }),
    fails("init is a link to nothing", "init-dangling-symlink", |_| {
        with_init(0o777, b"->bin/nothing", None)
    }),
    fails("init is a folder", "init-is-directory", |_| {
        Direct::early(archive(&[("init/x", 0o644, b"x")]))
    }),
    fails("init is not executable", "init-not-executable", |kit| {
        with_init(0o644, &kit.busybox, None)
    }),
    fails("init is empty", "init-empty", |_| with_init(0o755, b"", None)),
    fails("init with a byte order mark", "script-bom", |_| {
        with_init(0o755, b"\xef\xbb\xbf#!/bin/sh\n", None)
    }),
    fails("init without shebang", "script-no-shebang", |_| with_init(0o755, b"echo hi\n", None)),
    fails("init with CR LF", "script-crlf", |_| with_init(0o755, b"#!/bin/bash\r\n", None)),
    fails("init without its shell", "script-interpreter-missing", |_| {
        with_init(0o755, b"#!/bin/bash\n", None)
    }),
    fails("init for another machine", "init-wrong-arch", |kit| {
        let mut foreign = kit.busybox.clone();
        // EM_AARCH64
        foreign[18] = 183;
        with_init(0o755, &foreign, None)
    }),
    fails("init of no format", "init-wrong-format", |_| with_init(0o755, b"\x01\x02\x03", None)),
    fails("init without its loader", "elf-interpreter-missing", |_| dynamic(false)),
    fails("init without its library", "shared-library-missing", |_| dynamic(true)),
    // The kernel drops them without a word.
    boots("files without their folders", "missing-parent-dirs", |kit| {
        Direct::early(without_folders(archive(&[
            ("init", 0o755, b"#!/busybox sh\n/busybox poweroff -f\n"),
            ("busybox", 0o755, &kit.busybox),
            ("etc/hostname", 0o644, b"somebody"),
        ])))
    }),
    boots("wrong sum of a file", "cpio-bad-checksum", |kit| {
        Direct::early(with_bad_checksum(archive(&[
            ("bin/busybox", 0o755, &kit.busybox),
            ("bin/sh", 0o777, b"->busybox"),
            ("init", 0o755, POWER_OFF),
            ("lost/found", 0o644, b"somebody"),
        ])))
    }),
    fails("setuid shell of another owner", "busybox-setuid-wrong-owner", |kit| {
        let mut tree = super::tree(&[
            ("init", 0o755, b"#!/bin/sh\nbusybox mount -t proc proc /proc || exit 1\n"),
            ("bin/busybox", 0o4755, &kit.busybox),
            ("bin/sh", 0o777, b"->busybox"),
            ("proc/x", 0o644, b""),
        ]);
        let path = bootwright::tree::TreePath::new(b"bin/busybox").expect("good");
        tree.get_mut(&path).expect("there").metadata.uid = 1000;
        Direct::early(bootwright::initramfs::pack(&tree, 1).expect("packed"))
    }),
    fails("too many arguments", "too-many-init-args", |kit| {
        let many: String = (0..40).map(|n| format!("junk{n}=1 ")).collect();
        Direct::with_line(packed(kit), &many)
    }),
    fails("no room for the kernel", "guest-ram-too-small", |kit| {
        Direct::early(packed(kit)).with(|direct| direct.memory = 64)
    }),
    fails("no room for the files", "initramfs-out-of-memory", |kit| {
        let large = vec![0; 110 << 20];
        let files = archive(&[("init", 0o755, &kit.busybox), ("big", 0o644, &large)]);
        Direct::early(gzip(1, &files)).with(|direct| direct.memory = 192)
    }),
    boots("wrong checksum", "initramfs-bad-crc", |kit| {
        let mut bytes = packed(kit);
        let at = bytes.len() - 6;
        bytes[at] ^= 0xff;
        Direct::early(bytes)
    }),
    boots("junk behind the archive", "junk-after-archive", |kit| {
        Direct::early([&packed(kit)[..], b"junk"].concat())
    }),
    boots("console is a file", "no-dev-console", |kit| {
        Direct::early(archive(&[
            ("init", 0o755, POWER_OFF),
            ("bin/busybox", 0o755, &kit.busybox),
            ("bin/sh", 0o777, b"->busybox"),
            ("dev/console", 0o600, b""),
        ]))
    }),
];
