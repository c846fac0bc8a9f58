//! Command lines.

use super::early::sound;
use super::*;

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
