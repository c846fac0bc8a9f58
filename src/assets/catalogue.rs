//! The table of assets: what each is called, which flag gives it, and which packages have it.

mod packages;

use serde::Serialize;

use packages::*;

/// Something that a build, a boot or a test needs and bootwright does not make itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is its name; the table below says the rest")]
pub enum Need {
    Kernel,
    GrubModules,
    GrubBiosModules,
    GrubMkimage,
    Ovmf,
    Qemu,
    Busybox,
    Sgdisk,
    FsckFat,
    MkfsFat,
    Mcopy,
    Mmd,
    Cpio,
    Lsinitramfs,
    Mke2fs,
    E2fsck,
    Debugfs,
    Dumpe2fs,
    Xorriso,
    Isoinfo,
    Unsquashfs,
    Mksquashfs,
    QemuImg,
    Resize2fs,
    Xmllint,
    VirtXmlValidate,
    FsckErofs,
    MkfsErofs,
    CloudLocalds,
    Virsh,
    CloudInitRoot,
    UsbKernel,
    Umoci,
    DebianRoot,
    KernelSource,
}

/// How an asset is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A bzImage with its modules.
    Kernel,
    /// GRUB's modules of this target.
    GrubModules(&'static str),
    /// Firmware for x86-64.
    Firmware,
    /// A static busybox: it is put into images, whether or not the host can run it.
    Busybox,
    /// A program that runs: the names that it has, and the arguments that make it say its version.
    Program(&'static [&'static str], &'static [&'static str]),
    /// Packages as they are: what is installed on the host is none.
    Packages,
}

/// One row of the table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) need: Need,
    /// How messages call it.
    pub(super) name: &'static str,
    /// The flags that give it a path, as an error advises them.
    pub(super) flags: &'static str,
    pub(super) kind: Kind,
    pub(super) packages: &'static Packages,
}

/// What distributions call the packages of an asset.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packages {
    /// The name of the entry in the store's index.
    pub(super) id: &'static str,
    /// Debian's and Ubuntu's names, best first: the first one that apt knows is taken. Names with spaces
    /// between are fetched together.
    pub(super) debian: &'static [&'static str],
    /// What of apt's resolution is fetched.
    pub(super) scope: Scope,
    /// Package names of Fedora, Arch and Homebrew; empty where there is none.
    pub(super) fedora: &'static str,
    pub(super) arch: &'static str,
    pub(super) homebrew: &'static str,
}

/// Which packages of a resolution are fetched.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The package and all that the host lacks of what it depends on.
    Missing,
    /// Only packages whose names start like this, whatever the host has: no programs run from them, or
    /// their dependencies (an upgrade of the host's init system) are not what is needed.
    Only(&'static [&'static str]),
    /// As [`Scope::Only`], and kept as archives: a root filesystem is made of them.
    Archives(&'static [&'static str]),
}

const fn row(
    need: Need,
    name: &'static str,
    flags: &'static str,
    kind: Kind,
    packages: &'static Packages,
) -> Row {
    Row { need, name, flags, kind, packages }
}

/// A program that is called as its row is, and has no flag: only tests use it.
const fn oracle(
    need: Need,
    names: &'static [&'static str],
    version: &'static [&'static str],
    packages: &'static Packages,
) -> Row {
    row(need, names[0], "", Kind::Program(names, version), packages)
}

const ROWS: &[Row] = &[
    row(Need::Kernel, "kernel", "--kernel and --modules", Kind::Kernel, &KERNEL),
    row(
        Need::GrubModules,
        "GRUB modules",
        "--grub-modules",
        Kind::GrubModules(crate::arch::X86_64.grub_target),
        &GRUB_MODULES,
    ),
    row(
        Need::GrubBiosModules,
        "GRUB modules for a BIOS",
        "",
        Kind::GrubModules(crate::arch::BIOS_GRUB_TARGET),
        &GRUB_BIOS_MODULES,
    ),
    oracle(
        Need::GrubMkimage,
        &["grub-mkimage", "grub2-mkimage", "x86_64-elf-grub-mkimage"],
        &["--version"],
        &GRUB_MKIMAGE,
    ),
    row(Need::Ovmf, "OVMF firmware", "--ovmf-code and --ovmf-vars", Kind::Firmware, &OVMF),
    row(
        Need::Qemu,
        "QEMU",
        "--qemu",
        Kind::Program(&[crate::arch::X86_64.qemu], &["--version"]),
        &QEMU,
    ),
    row(Need::Busybox, "static busybox", "--busybox", Kind::Busybox, &BUSYBOX),
    oracle(Need::Sgdisk, &["sgdisk"], &["--version"], &GDISK),
    oracle(Need::FsckFat, &["fsck.fat"], &["--help"], &DOSFSTOOLS),
    oracle(Need::MkfsFat, &["mkfs.fat"], &["--help"], &DOSFSTOOLS),
    oracle(Need::Mcopy, &["mcopy"], &["--version"], &MTOOLS),
    oracle(Need::Mmd, &["mmd"], &["--version"], &MTOOLS),
    oracle(Need::Cpio, &["cpio"], &["--version"], &CPIO),
    oracle(Need::Lsinitramfs, &["lsinitramfs"], &["--help"], &INITRAMFS_TOOLS),
    oracle(Need::Mke2fs, &["mke2fs"], &["-V"], &E2FSPROGS),
    oracle(Need::E2fsck, &["e2fsck"], &["-V"], &E2FSPROGS),
    oracle(Need::Debugfs, &["debugfs"], &["-V"], &E2FSPROGS),
    oracle(Need::Dumpe2fs, &["dumpe2fs"], &["-V"], &E2FSPROGS),
    oracle(Need::Xorriso, &["xorriso"], &["-version"], &XORRISO),
    oracle(Need::Isoinfo, &["isoinfo"], &["--version"], &GENISOIMAGE),
    oracle(Need::Unsquashfs, &["unsquashfs"], &["-version"], &SQUASHFS_TOOLS),
    oracle(Need::Mksquashfs, &["mksquashfs"], &["-version"], &SQUASHFS_TOOLS),
    oracle(Need::QemuImg, &["qemu-img"], &["--version"], &QEMU_UTILS),
    oracle(Need::Resize2fs, &["resize2fs"], &["-h"], &E2FSPROGS),
    oracle(Need::Xmllint, &["xmllint"], &["--version"], &LIBXML2),
    oracle(Need::VirtXmlValidate, &["virt-xml-validate"], &["--version"], &LIBVIRT),
    oracle(Need::FsckErofs, &["fsck.erofs"], &["-V"], &EROFS_UTILS),
    oracle(Need::MkfsErofs, &["mkfs.erofs"], &["--help"], &EROFS_UTILS),
    oracle(Need::CloudLocalds, &["cloud-localds"], &["--help"], &CLOUD_IMAGE_UTILS),
    oracle(Need::Virsh, &["virsh"], &["--version"], &VIRSH),
    row(
        Need::CloudInitRoot,
        "packages of a root with cloud-init",
        "",
        Kind::Packages,
        &CLOUD_INIT_ROOT,
    ),
    row(Need::UsbKernel, "packages of a kernel with USB", "", Kind::Packages, &USB_KERNEL),
    oracle(Need::Umoci, &["umoci"], &["--version"], &UMOCI),
    row(
        Need::DebianRoot,
        "packages of a Debian root, its initramfs and its loaders",
        "",
        Kind::Packages,
        &DEBIAN_ROOT,
    ),
    row(
        Need::KernelSource,
        "packages of a kernel's source, and of all that compiles it",
        "",
        Kind::Packages,
        &KERNEL_SOURCE,
    ),
];

impl Need {
    /// What building the demo's image takes.
    pub const IMAGE: &[Need] = &[Need::Kernel, Need::GrubModules, Need::Busybox];
    /// What building an ISO takes besides, unless it is for UEFI alone.
    pub const ISO: &[Need] = &[Need::GrubBiosModules];
    /// What booting an image takes.
    pub const BOOT: &[Need] = &[Need::Ovmf, Need::Qemu];
    /// What the tests judge images with.
    pub const ORACLES: &[Need] = &[
        Need::GrubMkimage,
        Need::Sgdisk,
        Need::FsckFat,
        Need::MkfsFat,
        Need::Mcopy,
        Need::Mmd,
        Need::Cpio,
        Need::Lsinitramfs,
        Need::Mke2fs,
        Need::E2fsck,
        Need::Debugfs,
        Need::Dumpe2fs,
        Need::Xorriso,
        Need::Isoinfo,
        Need::Unsquashfs,
        Need::Mksquashfs,
        Need::QemuImg,
        Need::Resize2fs,
        Need::Xmllint,
        Need::VirtXmlValidate,
        Need::FsckErofs,
        Need::MkfsErofs,
        Need::Virsh,
    ];

    /// What the long tests boot, and make it of.
    pub const LONG_TESTS: &[Need] =
        &[Need::CloudInitRoot, Need::UsbKernel, Need::Umoci, Need::DebianRoot, Need::KernelSource];

    /// What sandboxes are measured against.
    pub const BENCH: &[Need] = &[Need::CloudLocalds];

    /// What they are for, in the order of the doctor's table.
    const PURPOSES: [(&str, &[Need]); 6] = [
        ("building an image", Need::IMAGE),
        ("building an ISO", Need::ISO),
        ("booting", Need::BOOT),
        ("the tests", Need::ORACLES),
        ("the long tests", Need::LONG_TESTS),
        ("the benches", Need::BENCH),
    ];

    /// All assets, by what they are for.
    pub fn all() -> impl Iterator<Item = (&'static str, Need)> {
        let needs =
            |(purpose, needs): (_, &'static [Need])| needs.iter().map(move |n| (purpose, *n));
        Need::PURPOSES.into_iter().flat_map(needs)
    }

    /// How messages call it ("static busybox").
    pub fn name(self) -> &'static str {
        self.row().name
    }

    pub(super) fn row(self) -> &'static Row {
        let row = &ROWS[self as usize];
        debug_assert_eq!(row.need, self, "the rows are in the order of the enumeration");
        row
    }
}

impl Packages {
    /// Whether a package of apt's resolution is one to fetch.
    pub(super) fn wants(&self, package: &str) -> bool {
        match &self.scope {
            Scope::Missing => true,
            Scope::Only(starts) | Scope::Archives(starts) => {
                starts.iter().any(|start| package.starts_with(start))
            }
        }
    }
}

/// What to install by hand: the packages by system, as one line.
pub(super) fn advice(wanted: &[&Packages]) -> String {
    type Names = fn(&Packages) -> String;
    let systems: [(&str, Names); 4] = [
        ("Debian and Ubuntu", |p| p.debian.join(" or ")),
        ("Fedora", |p| p.fedora.into()),
        ("Arch", |p| p.arch.into()),
        ("Homebrew", |p| p.homebrew.into()),
    ];
    let of_system = |(system, names_fn): (&str, Names)| {
        let mut names: Vec<String> = Vec::new();
        for name in wanted.iter().map(|packages| names_fn(packages)) {
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        (!names.is_empty()).then(|| format!("{} ({system})", names.join(", ")))
    };
    format!("install {}", systems.into_iter().filter_map(of_system).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_need_has_its_row() {
        for (position, row) in ROWS.iter().enumerate() {
            assert_eq!(row.need as usize, position, "{}", row.name);
            assert_eq!(
                Need::all().filter(|(_, need)| *need == row.need).count(),
                1,
                "{}",
                row.name
            );
        }
        assert_eq!(ROWS.len(), Need::KernelSource as usize + 1);
    }

    #[test]
    fn a_user_fetches_what_the_tests_build_a_root_with_cloud_init_of() {
        let page = include_str!("../../doc/cloud-init.md").replace("\\\n", " ");
        let words =
            |text: &str| text.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let line = page.lines().find(|line| line.contains("apt-get install")).expect("it says how");
        let packages = words(CLOUD_INIT_ROOT.debian[0]);
        assert!(words(line).ends_with(&packages), "{line}");
    }

    #[test]
    fn a_kernel_takes_no_initramfs_builder_along() {
        assert!(KERNEL.wants("linux-image-6.1.0-56-cloud-amd64"));
        assert!(KERNEL.wants("linux-modules-6.8.0-31-generic"));
        assert!(!KERNEL.wants("initramfs-tools") && !KERNEL.wants("linux-base"));
        assert!(QEMU.wants("libslirp0"));
    }

    #[test]
    fn advice_names_every_system_that_has_the_package() {
        assert_eq!(
            advice(&[&GDISK, &GRUB_MKIMAGE, &GRUB_MODULES]),
            "install gdisk, grub-common, grub-efi-amd64-bin (Debian and Ubuntu); \
             gdisk, grub2-tools-minimal, grub2-efi-x64-modules (Fedora); \
             gptfdisk, grub (Arch); gptfdisk, x86_64-elf-grub (Homebrew)"
        );
        assert_eq!(advice(&[&INITRAMFS_TOOLS]), "install initramfs-tools-core (Debian and Ubuntu)");
    }
}
