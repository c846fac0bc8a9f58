//! The modules that an initramfs loads before it looks for its root: those of the kernel's own package,
//! with one thing wrong. Each script ends where a module is refused, as PID 1 must not.

use std::fs;

use bootwright::initramfs;

use super::{Boot, Direct, Ends, Fault, Kit, tree};

const fn fails(name: &'static str, lint: &'static str, boot: fn(&Kit) -> Boot) -> Fault {
    Fault { name, lint, boot, ends: Ends::Fails }
}

/// What a disk behind virtio needs, in the order in which it is loaded.
const DISK: [&str; 6] = [
    "drivers/virtio/virtio",
    "drivers/virtio/virtio_ring",
    "drivers/virtio/virtio_pci_legacy_dev",
    "drivers/virtio/virtio_pci_modern_dev",
    "drivers/virtio/virtio_pci",
    "drivers/block/virtio_blk",
];

/// A module of the kernel: its path in an archive, and its bytes.
fn module(kit: &Kit, name: &str) -> (String, Vec<u8>) {
    let kernel = kit.assets.kernel().expect("resolved");
    let folder = kernel.modules.as_ref().expect("a package has its modules");
    let bytes = fs::read(folder.join(format!("kernel/{name}.ko"))).expect("readable");
    (format!("lib/modules/{}/kernel/{name}.ko", kernel.release), bytes)
}

/// An initramfs with these modules, and an init that runs a command and ends where that fails.
fn with(kit: &Kit, modules: &[(String, Vec<u8>)], command: &str, more: &str) -> Boot {
    let init = format!(
        "#!/bin/sh\nfor try in 1; do\n  busybox {command} || exit 1\ndone\nbusybox poweroff -f\n"
    );
    let mut files: Vec<(&str, u16, &[u8])> = vec![
        ("init", 0o755, init.as_bytes()),
        ("bin/busybox", 0o755, &kit.busybox),
        ("bin/sh", 0o777, b"->busybox"),
    ];
    files.extend(modules.iter().map(|(path, bytes)| (path.as_str(), 0o644, &bytes[..])));
    Direct::with_line(initramfs::pack(&tree(&files), 1).expect("packed"), more)
}

/// One whose first module is changed, which the init loads.
fn changed(kit: &Kit, change_fn: impl Fn(Vec<u8>) -> Vec<u8>, more: &str) -> Boot {
    let (path, bytes) = module(kit, DISK[0]);
    let command = format!("insmod /{path}");
    with(kit, &[(path, change_fn(bytes))], &command, more)
}

fn find(bytes: &[u8], words: &[u8]) -> usize {
    bytes.windows(words.len()).position(|window| window == words).expect("there")
}

/// A signature and its mark stand at the end of a module.
fn unsigned(mut bytes: Vec<u8>) -> Vec<u8> {
    const MARK: &[u8] = b"~Module signature appended~\n";
    let end = bytes.strip_suffix(MARK).expect("the distribution signs its modules").len();
    // `struct module_signature`, whose last field is the length of the signature before it.
    let len: [u8; 4] = bytes[end - 4..end].try_into().expect("four");
    bytes.truncate(end - 12 - u32::from_be_bytes(len) as usize);
    bytes
}

/// As another build of the kernel would have made it: its release, and the version of what it is
/// loaded by. A signature that does not fit would be refused first.
fn of_another_build(signed: Vec<u8>) -> Vec<u8> {
    let mut bytes = unsigned(signed);
    let release = find(&bytes, b"vermagic=") + "vermagic=".len();
    bytes[release] = b'9';
    // Each entry of `__versions` has eight bytes of checksum before its name.
    let version = find(&bytes, b"module_layout\0") - 8;
    bytes[version] ^= 0xff;
    bytes
}

pub(crate) const FAULTS: &[Fault] = &[
    fails("module cut short", "module-corrupt", |kit| {
        changed(kit, |bytes| bytes[..bytes.len() / 2].to_vec(), "")
    }),
    fails("module compressed under a plain name", "module-compressed", |kit| {
        changed(kit, |bytes| zstd::encode_all(&bytes[..], 1).expect("in memory"), "")
    }),
    fails("module without its signature", "module-signature-rejected", |kit| {
        changed(kit, unsigned, "module.sig_enforce=1")
    }),
    fails("module of another build", "module-version-mismatch", |kit| {
        changed(kit, of_another_build, "")
    }),
    fails("modules in the wrong order", "module-unknown-symbol", |kit| {
        let modules = DISK.map(|name| module(kit, name));
        let command = format!("insmod /{}", modules[5].0);
        with(kit, &modules, &command, "")
    }),
    fails("modules without modules.dep", "modules-dir-missing", |kit| {
        with(kit, &DISK.map(|name| module(kit, name)), "modprobe virtio_blk", "")
    }),
    fails("modules of another version", "initramfs-wrong-kernel-version", |kit| {
        let other = ("lib/modules/5.10.0-1-amd64/modules.dep".to_owned(), Vec::new());
        with(kit, &[other], "modprobe virtio_blk", "")
    }),
];
