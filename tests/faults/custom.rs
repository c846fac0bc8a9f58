//! Kernels that somebody configured, each without one option that its boot needs. Only the long tests have them.

use bootwright::compress::{Format, compress, gzip};

use super::early::{packed, sound as files};
use super::{Boot, Direct, Ends, Fault, Kit, archive};
use crate::kernels::Change;
use crate::workbench::{demo, init};

const fn fails(name: &'static str, lint: &'static str, boot: fn(&Kit) -> Boot) -> Fault {
    Fault { name, lint, boot, ends: Ends::Fails }
}

/// A boot on the tiny kernel with these changes.
fn on(kit: &Kit, changes: &[Change], boot: Boot) -> Boot {
    boot.with(|direct| direct.kernel = Some(kit.tiny(changes)))
}

/// The same, of a sound initramfs.
fn early(kit: &Kit, changes: &[Change]) -> Boot {
    on(kit, changes, Direct::early(packed(kit)))
}

/// bootwright's own early userspace, on the way to the demo's root.
fn ours(kit: &Kit, changes: &[Change]) -> Boot {
    let init = std::fs::read(init()).expect("is_ready has looked");
    let boot = Direct::with_line(gzip(1, &archive(&[("init", 0o755, &init)])), DEMO);
    on(kit, changes, boot.with(|direct| direct.disk = Some(read_demo())))
}

const DEMO: &str = "root=PARTLABEL=slim-rootfs";

fn read_demo() -> Vec<u8> {
    std::fs::read(demo()).expect("built")
}

/// A program for i386 that ends at once: `mov eax, 1; int 0x80`, in one segment (ELF-32: System V ABI).
fn is_for_i386() -> Vec<u8> {
    const BASE: u32 = 0x0804_8000;
    const CODE: &[u8] = &[0xb8, 1, 0, 0, 0, 0xcd, 0x80];
    const HEADERS: u32 = 52 + 32;
    let len = HEADERS + CODE.len() as u32;
    let mut bytes = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0".to_vec();
    // e_version, e_entry, e_phoff, e_shoff, e_flags; the sizes and counts of both tables, in halves.
    let words = [1, BASE + HEADERS, 52, 0, 0, 32 << 16 | 52, 40 << 16 | 1, 0];
    // PT_LOAD, its place in the file, in memory twice, its length twice, to be read and run.
    let segment = [1, 0, BASE, BASE, len, len, 5, 0x1000];
    bytes.extend(words.into_iter().chain(segment).flat_map(u32::to_le_bytes));
    [&bytes, CODE].concat()
}

pub(crate) const FAULTS: &[Fault] = &[
    fails("kernel that unpacks nothing", "kernel-no-initrd-support", |kit| {
        early(kit, &[("BLK_DEV_INITRD", false), ("RD_GZIP", false)])
    }),
    fails("kernel without xz", "compression-not-configured", |kit| {
        let packed = compress(Format::Xz, 1, &files(kit)).expect("in memory");
        on(kit, &[], Direct::early(packed))
    }),
    fails("kernel without ELF", "kernel-no-binfmt-elf", |kit| {
        let init = archive(&[("init", 0o755, &kit.busybox)]);
        on(kit, &[("BINFMT_ELF", false)], Direct::early(gzip(1, &init)))
    }),
    fails("kernel without scripts", "kernel-no-binfmt-script", |kit| {
        early(kit, &[("BINFMT_SCRIPT", false)])
    }),
    fails("kernel without 32-bit programs", "init-32bit-no-ia32", |kit| {
        on(kit, &[], Direct::early(archive(&[("init", 0o755, &is_for_i386())])))
    }),
    fails("waiting for a while", "rootwait-timeout", |kit| {
        on(kit, &[], Direct::root(Some(read_demo()), "root=/dev/nvme0n1p9 rootwait=3"))
    }),
    fails("kernel without a serial console", "kernel-no-serial-console", |kit| {
        early(kit, &[("SERIAL_8250_CONSOLE", false)])
    }),
    // Most of a kernel is compiled again for these two.
    fails("kernel without devtmpfs", "kernel-no-devtmpfs", |kit| ours(kit, &[("DEVTMPFS", false)])),
    fails("kernel without procfs", "init-kernel-feature-missing", |kit| {
        ours(kit, &[("PROC_FS", false)])
    }),
];

/// The kernel with nothing wrong: bootwright's own early userspace finds the demo's root.
pub(crate) fn sound(kit: &Kit) -> Boot {
    ours(kit, &[])
}
