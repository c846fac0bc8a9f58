//! The steps of `/init` that can fail, and what a failure means in plain words.
//!
//! The guest writes the word into `failed step=…` and the sentence onto the console; the host
//! knows the same steps and need not guess.

use crate::errno::{EACCES, EINVAL, EIO, ENODEV, ENOENT, ENOEXEC, ENOTBLK, EROFS};

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Mounting proc, sysfs, devtmpfs or a tmpfs.
    MountApi,
    /// Reading `root=`.
    RootArgument,
    /// Waiting for the root device.
    RootWait,
    /// Mounting the root filesystem.
    RootMount,
    /// Putting an image on the root device in its place.
    RootImage,
    /// Putting an overlay in memory over it.
    RootOverlay,
    /// Looking for the init of the root filesystem.
    FindInit,
    /// Making the root filesystem `/`.
    SwitchRoot,
    /// Executing the init of the root filesystem.
    ExecInit,
    /// Starting the demo's shell.
    Shell,
    /// Starting the program that is all of userspace.
    StartProgram,
    /// A bug of `/init` itself.
    Bug,
}

impl Step {
    /// All of them, in the order in which a boot passes them.
    pub const ALL: [Step; 12] = [
        Step::MountApi,
        Step::RootArgument,
        Step::RootWait,
        Step::RootMount,
        Step::RootImage,
        Step::RootOverlay,
        Step::FindInit,
        Step::SwitchRoot,
        Step::ExecInit,
        Step::Shell,
        Step::StartProgram,
        Step::Bug,
    ];

    /// The word on the line.
    pub const fn word(self) -> &'static str {
        match self {
            Step::MountApi => "mount-api",
            Step::RootArgument => "root-argument",
            Step::RootWait => "root-wait",
            Step::RootMount => "root-mount",
            Step::RootImage => "root-image",
            Step::RootOverlay => "root-overlay",
            Step::FindInit => "find-init",
            Step::SwitchRoot => "switch-root",
            Step::ExecInit => "exec-init",
            Step::Shell => "shell",
            Step::StartProgram => "start-program",
            Step::Bug => "bug",
        }
    }

    /// What was being done, as an error begins ("mounting the root filesystem").
    pub const fn doing(self) -> &'static str {
        match self {
            Step::MountApi => "mounting the kernel's filesystems",
            Step::RootArgument => "reading root= on the kernel command line",
            Step::RootWait => "waiting for the root device",
            Step::RootMount => "mounting the root filesystem",
            Step::RootImage => "mounting the image that rootimage= names",
            Step::RootOverlay => "putting an overlay over the root filesystem",
            Step::FindInit => "looking for init on the root filesystem",
            Step::SwitchRoot => "switching to the root filesystem",
            Step::ExecInit => "executing init of the root filesystem",
            Step::Shell => "starting a shell",
            Step::StartProgram => "starting the program",
            Step::Bug => "running /init",
        }
    }

    /// What it means that this step failed with this error number.
    pub fn meaning(self, errno: i32) -> &'static str {
        let row = MEANINGS
            .iter()
            .find(|(step, number, _)| *step == self && number.is_none_or(|number| number == errno));
        row.map_or("", |(_, _, sentence)| sentence)
    }
}

/// What a failure means; the first row that fits counts, and a row without a number fits all.
const MEANINGS: [(Step, Option<i32>, &str); 31] = [
    (
        Step::MountApi,
        Some(ENODEV),
        "The kernel was built without this filesystem. It needs CONFIG_PROC_FS, CONFIG_SYSFS, CONFIG_DEVTMPFS and CONFIG_TMPFS.",
    ),
    (Step::MountApi, None, "The kernel refused to mount one of its own filesystems."),
    (
        Step::RootArgument,
        Some(ENOENT),
        "The kernel command line has no root=, so nothing says which device holds the root filesystem.",
    ),
    (
        Step::RootArgument,
        None,
        "root= must be a path as /dev/vda2, or PARTUUID=, PARTLABEL=, UUID=, LABEL= or MAJOR:MINOR.",
    ),
    (
        Step::RootWait,
        Some(ENOTBLK),
        "The path that root= names is there, but it is no block device.",
    ),
    (
        Step::RootWait,
        None,
        "No block device that the kernel knows is what root= describes. Either root= is wrong, or the disk is not attached, or its driver is not in the initramfs.",
    ),
    (
        Step::RootMount,
        Some(ENODEV),
        "The kernel has no driver for this filesystem: it is neither built in nor a module in the initramfs.",
    ),
    (
        Step::RootMount,
        Some(EINVAL),
        "The device holds no filesystem that the kernel can mount, or rootflags= has an option that it does not know. Was it formatted, and is it the right partition?",
    ),
    (Step::RootMount, Some(EIO), "Reading the device failed. The image may be cut short."),
    (
        Step::RootMount,
        Some(EROFS),
        "The device is read-only, and the filesystem cannot be mounted without writing.",
    ),
    (
        Step::RootImage,
        Some(ENOENT),
        "The root device is mounted, but there is no such file on it; or the kernel has no loop devices, and their module is not in the initramfs.",
    ),
    (
        Step::RootImage,
        Some(ENODEV),
        "The kernel has no driver for the image's filesystem: neither built in nor a module in the initramfs.",
    ),
    (
        Step::RootImage,
        None,
        "The image could not be put in the root filesystem's place; the kernel's lines above say more.",
    ),
    (
        Step::RootOverlay,
        Some(ENODEV),
        "The kernel has no driver for overlayfs (CONFIG_OVERLAY_FS): neither built in nor a module in the initramfs.",
    ),
    (
        Step::RootOverlay,
        None,
        "What the guest writes could not be put over the root filesystem; the kernel's lines above say more.",
    ),
    (Step::RootMount, None, "The kernel refused to mount it; the kernel's lines above say more."),
    (
        Step::FindInit,
        Some(ENOENT),
        "The root filesystem is mounted, but there is no init on it: neither what init= names nor, without init=, /sbin/init, /etc/init, /bin/init or /bin/sh.",
    ),
    (
        Step::FindInit,
        Some(EACCES),
        "The file is there, but it is no executable file: its mode needs x (chmod 755).",
    ),
    (Step::FindInit, None, "The file could not be looked at."),
    (Step::SwitchRoot, None, "The root filesystem is mounted, but it could not be made /."),
    (
        Step::ExecInit,
        Some(ENOENT),
        "The file is there, so what is missing is its interpreter: the dynamic loader of a program, or what a script names after #!.",
    ),
    (
        Step::ExecInit,
        Some(ENOEXEC),
        "The file is no program that this kernel can run: another architecture, or a script without #!.",
    ),
    (
        Step::ExecInit,
        Some(EACCES),
        "The file may not be executed: is the filesystem mounted noexec, or its interpreter not executable?",
    ),
    (Step::ExecInit, None, "The kernel refused to execute it."),
    (
        Step::Shell,
        Some(ENOENT),
        "There is neither /bin/sh nor /bin/busybox on the root filesystem.",
    ),
    (Step::Shell, None, "The shell could not be started."),
    (
        Step::StartProgram,
        Some(ENOENT),
        "The program, the folder that it starts in, or its interpreter (the dynamic loader, or what a script names after #!) is not on the root filesystem.",
    ),
    (
        Step::StartProgram,
        Some(ENOEXEC),
        "The file is no program that this kernel can run: another architecture, or a script without #!.",
    ),
    (
        Step::StartProgram,
        Some(EACCES),
        "Its user may not execute it, or may not enter the folder that it starts in.",
    ),
    (Step::StartProgram, None, "The kernel refused to start it."),
    (Step::Bug, None, "This is a bug of /init itself; please report it with the line above."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_meaning() {
        for step in Step::ALL {
            for errno in 0..134 {
                assert!(step.meaning(errno).ends_with(['.', '?']), "{step:?} {errno}");
            }
        }
    }

    #[test]
    fn the_special_meaning_comes_before_the_general_one() {
        assert!(Step::FindInit.meaning(EACCES).contains("chmod"));
        assert_ne!(Step::RootMount.meaning(ENODEV), Step::RootMount.meaning(EINVAL));
    }
}
