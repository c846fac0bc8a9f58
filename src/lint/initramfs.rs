//! Lints of the initramfs as an archive: can the kernel unpack it, all of it?

use super::subject::Initramfs;
use super::unpack::{Fault, UNPACKED_MAX, named};
use super::{Lint, Sight, Subject};
use crate::error::shown_bytes;
use crate::initramfs::segment::{ENTRIES_MAX, Encoding};
use crate::kernel::config::Answer;
use crate::size::{MIB, Size};

/// What a kernel takes for itself before it unpacks anything: a distribution's needs somewhat more.
const KERNEL_MEMORY: u64 = 64 * MIB;

const FAILED: &str = "Initramfs unpacking failed: ";

pub(super) const LINTS: &[Lint] = &[
    Lint::error(
        "initramfs-truncated",
        "every compressed archive of the initramfs has its end",
        &[FAILED],
        "copy or build the initramfs again, and compare its size",
        |subject| faults(subject, |fault| matches!(fault, Fault::Truncated(_))),
    ),
    Lint::error(
        "initramfs-corrupt",
        "every compressed archive of the initramfs can be decompressed",
        &[FAILED],
        "build the initramfs again",
        |subject| faults(subject, |fault| matches!(fault, Fault::Corrupt(_))),
    ),
    Lint::error(
        "initramfs-bad-crc",
        "the checksum of every gzip member is right",
        &[],
        "build the initramfs again: the kernel does not look at the checksum, but something changed it",
        |subject| faults(subject, |fault| matches!(fault, Fault::BadCrc)),
    )
    .warning(),
    Lint::error(
        "xz-unsupported-check",
        "an xz initramfs has a check that the kernel's decoder knows: CRC32 or none",
        &[FAILED],
        "compress it with `xz --check=crc32`",
        |subject| faults(subject, |fault| matches!(fault, Fault::XzCheck(_))),
    ),
    Lint::error(
        "zstd-window-too-large",
        "a zstd initramfs needs no larger window than the kernel can allocate",
        &[FAILED],
        "compress it with zstd without `--long` and `--ultra`",
        |subject| faults(subject, |fault| matches!(fault, Fault::ZstdWindow(_))),
    ),
    Lint::error(
        "lz4-frame-format",
        "an lz4 initramfs is in the legacy frame, the only one that the kernel reads",
        &[FAILED],
        "compress it with `lz4 -l`",
        |subject| faults(subject, |fault| matches!(fault, Fault::Lz4Frame)),
    ),
    Lint::error(
        "initramfs-not-cpio",
        "the initramfs is a cpio archive, compressed or not",
        &[FAILED],
        "pass a newc archive: `find . | cpio -o -H newc | gzip`",
        |subject| {
            let other = |f: &Fault| matches!(f, Fault::Other(what) if !is_archive(what));
            faults(subject, |f| other(f) || matches!(f, Fault::NotAnArchive | Fault::NoMagic))
        },
    ),
    Lint::error(
        "initramfs-is-tar",
        "the initramfs is a cpio archive, not tar",
        &[FAILED],
        "pack the files as newc: `cpio -o -H newc`",
        |subject| {
            faults(subject, |f| matches!(f, Fault::Tar | Fault::Other("a tar archive")))
        },
    ),
    Lint::error(
        "cpio-bin-format",
        "the initramfs is in cpio's newc format, not the old binary one",
        &[FAILED],
        "pack it with `cpio -o -H newc`",
        |subject| {
            let other = Fault::Other("a binary cpio archive");
            faults(subject, |f| *f == Fault::CpioBinary || *f == other)
        },
    ),
    Lint::error(
        "cpio-odc-format",
        "the initramfs is in cpio's newc format, not odc",
        &[FAILED],
        "pack it with `cpio -o -H newc`",
        |subject| faults(subject, |fault| matches!(fault, Fault::CpioOdc)),
    ),
    Lint::error(
        "double-compressed",
        "the initramfs is compressed once",
        &[FAILED],
        "compress it once",
        |subject| faults(subject, |fault| matches!(fault, Fault::Twice(_))),
    ),
    Lint::error(
        "concat-misaligned",
        "every plain archive starts at a multiple of 4",
        &[FAILED],
        "pad with zeros to a multiple of 4 bytes between archives",
        |subject| faults(subject, |fault| matches!(fault, Fault::Misaligned { .. })),
    ),
    Lint::error(
        "junk-after-archive",
        "nothing but archives and zeros is in the initramfs",
        &[FAILED],
        "remove what follows the last archive; what is in it is not unpacked",
        |subject| faults(subject, |fault| matches!(fault, Fault::JunkAfter)),
    )
    .warning(),
    Lint::error(
        "junk-inside-archive",
        "nothing but archives and zeros is in a compressed archive",
        &[FAILED],
        "build the initramfs again",
        |subject| faults(subject, |fault| matches!(fault, Fault::JunkInside)),
    )
    .warning(),
    Lint::error(
        "cpio-truncated-before-compress",
        "every archive has its last file whole",
        &[],
        "build the initramfs again: it was cut before it was compressed",
        |subject| faults(subject, |f| matches!(f, Fault::NoTrailer { cut: true, .. })),
    ),
    Lint::error(
        "initramfs-no-trailer",
        "every archive ends with its trailer",
        &[],
        "build the initramfs again; `cpio` writes the entry TRAILER!!! at the end",
        |subject| faults(subject, |f| matches!(f, Fault::NoTrailer { cut: false, .. })),
    )
    .caused_by("cpio-truncated-before-compress")
    .warning(),
    Lint::error(
        "cpio-bad-checksum",
        "the data of every entry of a crc archive adds up",
        &[FAILED],
        "build the initramfs again; newc without checksums is enough",
        |subject| faults(subject, |fault| matches!(fault, Fault::BadChecksum(_))),
    )
    .warning(),
    Lint::error(
        "missing-parent-dirs",
        "every directory comes before what is in it",
        &[],
        "put directories into the archive first: `find .`, not `find . -type f`",
        orphans,
    )
    .warning(),
    Lint::error(
        "compression-not-configured",
        "the kernel has the decompressor of every archive",
        &[FAILED],
        "compress the initramfs in a way that the kernel knows, or set CONFIG_RD_…=y",
        compression,
    ),
    Lint::error(
        "initramfs-too-long",
        "the initramfs unpacks to no more than is looked at: 2 GiB, a million entries, 128 MiB of names",
        &[],
        "a machine needs more memory than it unpacks to; where that was not meant, build it again",
        |subject| faults(subject, |fault| matches!(fault, Fault::TooLong)),
    )
    .caused_by("initramfs-out-of-memory")
    .warning(),
    Lint::error(
        "initramfs-out-of-memory",
        "the machine has room for the unpacked initramfs beside the packed one",
        &["Initramfs unpacking failed: write error"],
        "give the machine more memory, or make the initramfs smaller",
        memory,
    ),
];

fn is_archive(what: &str) -> bool {
    matches!(what, "a tar archive" | "a binary cpio archive")
}

/// The faults of a kind.
fn faults(subject: &Subject, is: impl Fn(&Fault) -> bool) -> Vec<Sight> {
    let Some(initramfs) = subject.initramfs.here() else { return Vec::new() };
    let found = initramfs.faults.iter().filter(|(_, fault)| is(fault));
    found.map(|(offset, fault)| sight(initramfs, *offset, fault)).collect()
}

fn sight(initramfs: &Initramfs, offset: usize, fault: &Fault) -> Sight {
    let saw = match fault {
        Fault::Truncated(encoding) => {
            format!("the {encoding} archive at offset {offset} ends before its end")
        }
        Fault::Corrupt(encoding) => format!("the {encoding} archive at offset {offset} is damaged"),
        Fault::BadCrc => format!("the gzip member at offset {offset} has a wrong checksum"),
        Fault::XzCheck(name) => format!("the xz archive at offset {offset} is checked by {name}"),
        Fault::ZstdWindow(window) => {
            format!("the zstd archive at offset {offset} wants a window of {}", Size(*window))
        }
        Fault::Lz4Frame => format!("the lz4 archive at offset {offset} is in the frame format"),
        Fault::NotAnArchive => "it is nothing that the kernel knows".into(),
        Fault::Other(what) => format!("it is {what}"),
        Fault::JunkAfter => format!("something that is no archive starts at offset {offset}"),
        Fault::Misaligned { .. } => {
            format!("the archive at offset {offset} does not start at a multiple of 4")
        }
        Fault::JunkInside => {
            format!("the archive at offset {offset} holds something else behind its trailer")
        }
        Fault::Tar => format!("the archive at offset {offset} is tar"),
        Fault::CpioBinary => format!("the archive at offset {offset} is cpio's binary format"),
        Fault::CpioOdc => format!("the archive at offset {offset} is cpio's odc format (070707)"),
        Fault::Twice(inner) => {
            format!("the archive at offset {offset} holds another {inner} stream")
        }
        Fault::NoMagic => {
            format!("the archive at offset {offset} has no newc header where one is due")
        }
        Fault::BadChecksum(name) => {
            format!("/{} in it does not have the checksum that it says", shown_bytes(name))
        }
        Fault::NoTrailer { last, .. } if last.is_empty() => {
            format!("the archive at offset {offset} ends in its first header")
        }
        Fault::NoTrailer { cut, last, .. } => {
            let what = if *cut { "in or behind" } else { "without a trailer behind" };
            format!("the archive at offset {offset} ends {what} /{}", shown_bytes(last))
        }
        Fault::TooLong => format!(
            "the archive at offset {offset} unpacks to over {}, or has {ENTRIES_MAX} entries or long \
             names: what is behind them was not looked at",
            Size(UNPACKED_MAX)
        ),
    };
    let sight = Sight::new(&initramfs.name, saw);
    match fault.message() {
        Some(message) => sight.with(format!("{FAILED}{message}").trim_end()),
        None => sight,
    }
}

fn orphans(subject: &Subject) -> Vec<Sight> {
    let Some(initramfs) = subject.initramfs.here() else { return Vec::new() };
    let orphans = &initramfs.orphans;
    if orphans.is_empty() {
        return Vec::new();
    }
    let saw = format!("the kernel drops {}: no directory comes before them", named(orphans));
    vec![Sight::new(&initramfs.name, saw)]
}

/// The option that brings the decompressor.
fn option(encoding: Encoding) -> Option<&'static str> {
    Some(match encoding {
        Encoding::Newc => return None,
        Encoding::Gzip => "RD_GZIP",
        Encoding::Bzip2 => "RD_BZIP2",
        Encoding::Lzma => "RD_LZMA",
        Encoding::Xz => "RD_XZ",
        Encoding::Lzo => "RD_LZO",
        Encoding::Lz4 => "RD_LZ4",
        Encoding::Zstd => "RD_ZSTD",
    })
}

fn compression(subject: &Subject) -> Vec<Sight> {
    let Some(initramfs) = subject.initramfs.here() else { return Vec::new() };
    let lacking = initramfs.segments.iter().find_map(|segment| {
        let option = option(segment.encoding)?;
        (subject.option(option) == Some(&Answer::No)).then_some((segment, option))
    });
    let sight = lacking.map(|(segment, option)| {
        let (offset, encoding) = (segment.offset, segment.encoding);
        let saw = format!(
            "the archive at offset {offset} is {encoding}, and the kernel lacks CONFIG_{option}"
        );
        Sight::new(&initramfs.name, saw)
            .with(format!("{FAILED}compression method {encoding} not configured"))
    });
    sight.into_iter().collect()
}

fn memory(subject: &Subject) -> Vec<Sight> {
    let (Some(memory), Some(initramfs)) = (subject.memory, subject.initramfs.here()) else {
        return Vec::new();
    };
    // A machine that is too small for the kernel alone never comes that far.
    if !super::kernel::too_little_memory(subject).is_empty() {
        return Vec::new();
    }
    let needs = initramfs.len + initramfs.size + KERNEL_MEMORY;
    // Without root= the kernel makes rootfs a tmpfs, which takes half of the memory at most.
    let is_tmpfs = subject.cmdline.is_some() && subject.argument("root").is_none();
    let half = is_tmpfs && initramfs.size > memory / 2;
    if needs <= memory && !half {
        return Vec::new();
    }
    let (packed, unpacked) = (Size(initramfs.len), Size(initramfs.size));
    let saw = format!(
        "it has {packed}, {unpacked} unpacked, for a machine with {} of memory",
        Size(memory)
    );
    vec![Sight::new(&initramfs.name, saw)]
}
