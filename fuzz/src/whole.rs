//! Whole inputs, as a user hands them over: what `inspect` and `lint` do with a file of any kind.

use std::path::Path;

use bootwright::image::Image;
use bootwright::inspect::window as look_into;
use bootwright::lint::subject::{Initramfs, Kernel};
use bootwright::lint::{Given, Levels, Subject, run};
use bootwright::volume::Window;

use super::{archives, disks, firmware, programs, sparse};

/// Looks into a file, as text and as JSON.
fn show(window: &Window) {
    if let Ok(item) = look_into("input", window) {
        let _ = (item.render(), serde_json::to_string(&item));
    }
}

pub(super) fn inspect(input: &[u8]) {
    show(&Window::from(input.to_vec()));
}

/// One of each kind.
pub(super) fn inspect_seeds() -> Vec<Vec<u8>> {
    let seeds = [
        archives::initramfs_seeds(),
        archives::deb_seeds(),
        programs::elf_seeds(),
        programs::modinfo_seeds(),
        firmware::bzimage_seeds(),
        firmware::foreign_kernel_seeds(),
        firmware::pe_seeds(),
        firmware::grub_image_seeds(),
    ];
    seeds.into_iter().flatten().collect()
}

pub(super) fn inspect_disk(input: &[u8]) {
    show(&sparse::disk(input));
}

pub(super) fn inspect_disk_seeds() -> Vec<Vec<u8>> {
    let seeds = [vec![sparse::input(&disks::disk())], disks::fat_seeds(), disks::format_seeds()];
    seeds.into_iter().flatten().collect()
}

/// An input is a kernel, `INITRAMFS`, an initramfs.
pub(super) fn lint(input: &[u8]) {
    const MARK: &[u8] = b"INITRAMFS";
    let cut = input.windows(MARK.len()).position(|window| window == MARK);
    let (kernel, initramfs) =
        cut.map_or((&[][..], input), |at| (&input[..at], &input[at + MARK.len()..]));
    let subject = Subject {
        kernel: Some(Kernel::new("kernel", kernel.to_vec(), None)),
        initramfs: Given::Here(Initramfs::new("initramfs", initramfs).expect("room")),
        cmdline: Some("root=/dev/vda2 console=ttyS0".into()),
        memory: Some(128 << 20),
        ..Subject::default()
    };
    let _ = run(&subject, &Levels::default()).to_string();
}

pub(super) fn lint_seeds() -> Vec<Vec<u8>> {
    let kernels = firmware::bzimage_seeds();
    let pair = |initramfs: Vec<u8>| [&kernels[1][..], b"INITRAMFS", &initramfs].concat();
    archives::initramfs_seeds().into_iter().map(pair).collect()
}

pub(super) fn lint_disk(input: &[u8]) {
    let Ok(image) = Image::from_window(Path::new("input"), sparse::disk(input)) else { return };
    let Ok(subject) = Subject::of_image(image) else { return };
    let _ = run(&subject, &Levels::default()).to_string();
}

pub(super) fn lint_disk_seeds() -> Vec<Vec<u8>> {
    vec![sparse::input(&disks::disk())]
}
