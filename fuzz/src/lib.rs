//! Every reader of bytes that strangers wrote, as a function that must come back whatever it is given.
//!
//! `cargo xtask fuzz` gives each to libFuzzer, with the seeds that are made here. Inputs that once broke a
//! reader are in `fuzz/found/READER/`; an ordinary test gives them, the seeds, and damaged seeds to every
//! reader, on stable (`tests/readers.rs`). Nothing is asserted about results here: the readers' own tests
//! do that. What counts is an end, without a panic, in the memory that the row allows.

mod archives;
mod disks;
mod firmware;
mod programs;
mod sparse;
mod texts;
mod whole;

/// A reader, by the name of its fuzz target.
pub struct Reader {
    /// The name of the target: `fuzz_targets/NAME.rs`.
    pub name: &'static str,
    /// The most memory that any input may make it take, in MiB. What unpacks needs the windows of its
    /// decoders (128 MiB of zstd, 256 of xz), and libFuzzer itself takes about 100.
    pub memory: u32,
    /// Reads an input.
    pub read: fn(&[u8]),
    /// Inputs to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// A row for a reader that unpacks nothing.
const fn plain(name: &'static str, read: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Reader {
    Reader { name, memory: 512, read, seeds }
}

/// A row for a reader that unpacks what is compressed.
const fn packed(name: &'static str, read: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Reader {
    Reader { name, memory: 1024, read, seeds }
}

/// All of them.
pub const READERS: &[Reader] = &[
    packed("compress", archives::compress, archives::compress_seeds),
    packed("tar", archives::tar, archives::tar_seeds),
    packed("deb", archives::deb, archives::deb_seeds),
    packed("oci", archives::oci, archives::oci_seeds),
    plain("newc", archives::newc, archives::newc_seeds),
    packed("initramfs", archives::initramfs, archives::initramfs_seeds),
    plain("elf", programs::elf, programs::elf_seeds),
    plain("closure", programs::closure, programs::closure_seeds),
    plain("modinfo", programs::modinfo, programs::modinfo_seeds),
    packed("bzimage", firmware::bzimage, firmware::bzimage_seeds),
    plain("pe", firmware::pe, firmware::pe_seeds),
    plain("grub_image", firmware::grub_image, firmware::grub_image_seeds),
    plain("grub_kernel", firmware::grub_kernel, firmware::grub_kernel_seeds),
    plain("grub_script", texts::grub_script, texts::grub_script_seeds),
    plain("kernel_config", texts::kernel_config, texts::kernel_config_seeds),
    plain("cmdline", texts::cmdline, texts::cmdline_seeds),
    plain("manifest", texts::manifest, texts::manifest_seeds),
    plain("explain", texts::explain, texts::explain_seeds),
    plain("table", disks::table, disks::table_seeds),
    plain("fat", disks::fat, disks::fat_seeds),
    plain("ext4", disks::ext4, disks::ext4_seeds),
    plain("iso9660", disks::iso9660, disks::iso9660_seeds),
    plain("seed", texts::seed, texts::seed_seeds),
    plain("erofs", disks::erofs, disks::erofs_seeds),
    packed("squashfs", disks::squashfs, disks::squashfs_seeds),
    plain("format", disks::format, disks::format_seeds),
    packed("inspect", whole::inspect, whole::inspect_seeds),
    packed("inspect_disk", whole::inspect_disk, whole::inspect_disk_seeds),
    packed("lint", whole::lint, whole::lint_seeds),
    packed("lint_disk", whole::lint_disk, whole::lint_disk_seeds),
];

/// Reads an input with the reader of this name.
///
/// # Panics
/// Where there is none: a target without a row.
pub fn read(name: &str, input: &[u8]) {
    let reader = READERS.iter().find(|reader| reader.name == name);
    (reader.expect("every target has a row").read)(input);
}
