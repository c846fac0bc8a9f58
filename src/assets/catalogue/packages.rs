//! What distributions call the packages of each asset.

use super::{Packages, Scope};

pub(super) const KERNEL: Packages = Packages {
    id: "kernel",
    // Debian's cloud kernel is the smallest with ext4 built in; Ubuntu's virtual one likewise.
    debian: &["linux-image-cloud-amd64", "linux-image-virtual", "linux-image-generic"],
    // A kernel's own dependencies are what builds an initramfs; here the build does that.
    scope: Scope::Only(&["linux-image-", "linux-modules-"]),
    fedora: "kernel-core",
    arch: "linux",
    homebrew: "",
};
pub(super) const GRUB_MODULES: Packages = Packages {
    id: "grub-modules",
    debian: &["grub-efi-amd64-bin"],
    scope: Scope::Only(&["grub-efi-amd64-bin"]),
    fedora: "grub2-efi-x64-modules",
    arch: "grub",
    homebrew: "x86_64-elf-grub",
};
pub(super) const GRUB_BIOS_MODULES: Packages = Packages {
    id: "grub-bios-modules",
    debian: &["grub-pc-bin"],
    scope: Scope::Only(&["grub-pc-bin"]),
    fedora: "grub2-pc-modules",
    arch: "grub",
    homebrew: "i686-elf-grub",
};
pub(super) const GRUB_MKIMAGE: Packages = Packages {
    id: "grub-mkimage",
    debian: &["grub-common"],
    scope: Scope::Missing,
    fedora: "grub2-tools-minimal",
    arch: "grub",
    homebrew: "x86_64-elf-grub",
};
pub(super) const OVMF: Packages = Packages {
    id: "ovmf",
    debian: &["ovmf"],
    scope: Scope::Only(&["ovmf"]),
    fedora: "edk2-ovmf",
    arch: "edk2-ovmf",
    homebrew: "qemu",
};
pub(super) const QEMU: Packages = Packages {
    id: "qemu",
    debian: &["qemu-system-x86"],
    scope: Scope::Missing,
    fedora: "qemu-system-x86-core",
    arch: "qemu-system-x86",
    homebrew: "qemu",
};
pub(super) const BUSYBOX: Packages = Packages {
    id: "busybox",
    debian: &["busybox-static"],
    scope: Scope::Only(&["busybox-static"]),
    fedora: "busybox",
    arch: "busybox",
    homebrew: "",
};
pub(super) const GDISK: Packages = Packages {
    id: "gdisk",
    debian: &["gdisk"],
    scope: Scope::Missing,
    fedora: "gdisk",
    arch: "gptfdisk",
    homebrew: "gptfdisk",
};
pub(super) const DOSFSTOOLS: Packages = Packages {
    id: "dosfstools",
    debian: &["dosfstools"],
    scope: Scope::Missing,
    fedora: "dosfstools",
    arch: "dosfstools",
    homebrew: "dosfstools",
};
pub(super) const MTOOLS: Packages = Packages {
    id: "mtools",
    debian: &["mtools"],
    scope: Scope::Missing,
    fedora: "mtools",
    arch: "mtools",
    homebrew: "mtools",
};
pub(super) const CPIO: Packages = Packages {
    id: "cpio",
    debian: &["cpio"],
    scope: Scope::Missing,
    fedora: "cpio",
    arch: "cpio",
    homebrew: "cpio",
};
pub(super) const INITRAMFS_TOOLS: Packages = Packages {
    id: "initramfs-tools",
    debian: &["initramfs-tools-core"],
    // A shell script and the one program that it calls.
    scope: Scope::Only(&["initramfs-tools-core", "cpio"]),
    fedora: "",
    arch: "",
    homebrew: "",
};
pub(super) const E2FSPROGS: Packages = Packages {
    id: "e2fsprogs",
    debian: &["e2fsprogs"],
    scope: Scope::Missing,
    fedora: "e2fsprogs",
    arch: "e2fsprogs",
    homebrew: "e2fsprogs",
};
pub(super) const SQUASHFS_TOOLS: Packages = Packages {
    id: "squashfs-tools",
    debian: &["squashfs-tools"],
    scope: Scope::Missing,
    fedora: "squashfs-tools",
    arch: "squashfs-tools",
    homebrew: "squashfs",
};

pub(super) const UMOCI: Packages = Packages {
    id: "umoci",
    debian: &["umoci"],
    scope: Scope::Missing,
    fedora: "umoci",
    arch: "umoci",
    homebrew: "",
};

pub(super) const EROFS_UTILS: Packages = Packages {
    id: "erofs-utils",
    debian: &["erofs-utils"],
    scope: Scope::Missing,
    fedora: "erofs-utils",
    arch: "erofs-utils",
    homebrew: "erofs-utils",
};

pub(super) const XORRISO: Packages = Packages {
    id: "xorriso",
    debian: &["xorriso"],
    scope: Scope::Missing,
    fedora: "xorriso",
    arch: "libisoburn",
    homebrew: "xorriso",
};
pub(super) const GENISOIMAGE: Packages = Packages {
    id: "genisoimage",
    debian: &["genisoimage"],
    scope: Scope::Missing,
    fedora: "genisoimage",
    arch: "cdrtools",
    homebrew: "cdrtools",
};
pub(super) const QEMU_UTILS: Packages = Packages {
    id: "qemu-utils",
    debian: &["qemu-utils"],
    scope: Scope::Missing,
    fedora: "qemu-img",
    arch: "qemu-img",
    homebrew: "qemu",
};

pub(super) const LIBXML2: Packages = Packages {
    id: "libxml2",
    debian: &["libxml2-utils"],
    scope: Scope::Missing,
    fedora: "libxml2",
    arch: "libxml2",
    homebrew: "libxml2",
};
pub(super) const LIBVIRT: Packages = Packages {
    id: "libvirt",
    debian: &["libvirt-clients"],
    // A shell script, and the schemas that it validates with.
    scope: Scope::Only(&["libvirt-clients", "libvirt0", "libvirt-common"]),
    fedora: "libvirt-client",
    arch: "libvirt",
    homebrew: "libvirt",
};
pub(super) const VIRSH: Packages = Packages {
    id: "virsh",
    debian: &["libvirt-clients"],
    scope: Scope::Missing,
    fedora: "libvirt-client",
    arch: "libvirt",
    homebrew: "libvirt",
};
/// What doc/cloud-init.md has a user fetch.
pub(super) const CLOUD_INIT_ROOT: Packages = Packages {
    id: "cloud-init-root",
    debian: &[
        "base-files base-passwd bash bsdutils cloud-guest-utils cloud-init coreutils dash dbus e2fsprogs \
               fdisk findutils grep gzip hostname init-system-helpers kmod libc-bin libpam-systemd login mawk \
               mount ncurses-base openssh-server passwd sed sudo systemd-resolved systemd-sysv udev \
               usr-is-merged util-linux",
    ],
    scope: Scope::Archives(&[""]),
    fedora: "",
    arch: "",
    homebrew: "",
};
pub(super) const USB_KERNEL: Packages = Packages {
    id: "usb-kernel",
    // The cloud kernel has no USB.
    debian: &["linux-image-amd64", "linux-image-generic"],
    scope: Scope::Archives(&["linux-image-", "linux-modules-"]),
    fedora: "",
    arch: "",
    homebrew: "",
};
/// A root that systemd starts, both makers of its initramfs with what they put into one, and the loaders that
/// Debian has signed.
pub(super) const DEBIAN_ROOT: Packages = Packages {
    id: "debian-root",
    debian: &[
        "base-files base-passwd bash coreutils cpio cryptsetup-initramfs dash dbus dracut-core e2fsprogs findutils \
               grep grub-efi-amd64-signed gzip hostname init-system-helpers initramfs-tools kmod libc-bin \
               linux-image-cloud-amd64 login lvm2 lz4 mawk mount ncurses-base passwd sed shim-signed systemd-boot \
               systemd-sysv udev usr-is-merged util-linux xz-utils zstd",
    ],
    scope: Scope::Archives(&[""]),
    fedora: "",
    arch: "",
    homebrew: "",
};
/// A folder in which a kernel compiles, whatever the host has. No older Debian has a limit to `rootwait`.
pub(super) const KERNEL_SOURCE: Packages = Packages {
    id: "kernel-source",
    debian: &[
        "bash bc bison coreutils dash diffutils findutils flex gcc grep gzip libc6-dev libelf-dev linux-source-6.12 \
               make mawk sed tar usr-is-merged xz-utils",
    ],
    scope: Scope::Archives(&[""]),
    fedora: "",
    arch: "",
    homebrew: "",
};
pub(super) const CLOUD_IMAGE_UTILS: Packages = Packages {
    id: "cloud-image-utils",
    debian: &["cloud-image-utils"],
    // A shell script; what it calls, others have.
    scope: Scope::Only(&["cloud-image-utils"]),
    fedora: "cloud-utils",
    arch: "cloud-image-utils",
    homebrew: "",
};
