//! What the rules of the catalogue ask of the facts: conditions that several lines together answer.

use super::decode::Exit;
use super::facts::Facts;
use super::marks::Mark;

const ENXIO: i32 = 6;
/// So many steps of userspace show that it goes on.
const STEPS: u64 = 8;
/// The number of the driver of RAM disks (`Documentation/admin-guide/devices.txt`).
const RAMDISK_MAJOR: u32 = 1;

impl Facts {
    /// The last value of an argument of the kernel; an argument without a value has an empty one.
    pub(super) fn argument(&self, name: &str) -> Option<&str> {
        let words = self.command_line.as_deref()?.split_whitespace();
        words.rev().find_map(|word| {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            (key == name).then_some(value.trim_matches('"'))
        })
    }

    /// The values of all `console=` arguments.
    pub(super) fn consoles(&self) -> impl Iterator<Item = &str> {
        let words = self.command_line.as_deref().unwrap_or_default().split_whitespace();
        words.filter_map(|word| word.strip_prefix("console="))
    }

    /// `root=`, or else the device that the kernel could not open; `None` where there was neither.
    pub(super) fn root(&self) -> Option<&str> {
        let opened = self.root_device.as_deref().filter(|d| !d.is_empty() && *d != "(null)");
        self.argument("root").filter(|root| !root.is_empty()).or(opened)
    }

    /// The name of the root device without `/dev/`, where it is a plain name.
    pub(super) fn root_name(&self) -> Option<&str> {
        let root = self.root()?;
        let name = root.strip_prefix("/dev/").unwrap_or(root);
        (!name.contains(['=', '/', ':'])).then_some(name)
    }

    /// Whether the kernel was given an initramfs.
    pub(super) fn has_initramfs(&self) -> bool {
        [Mark::Ramdisk, Mark::Unpacking, Mark::UnpackFailed, Mark::InitrdFreed]
            .into_iter()
            .any(|mark| self.has(mark))
            || self.attempts.first().is_some_and(|attempt| attempt.init == "/init")
    }

    /// Whether the log has the kernel's start: only then does what it lacks tell anything.
    pub(super) fn has_start(&self) -> bool {
        self.has(Mark::KernelVersion) || self.has(Mark::CommandLine)
    }

    /// Whether the kernel said that it has no `root=`.
    pub(super) fn root_is_empty(&self) -> bool {
        self.root_device.as_deref().is_some_and(|device| device.is_empty() || device == "(null)")
    }

    /// Whether the kernel itself tried to mount the root filesystem and could not.
    pub(super) fn kernel_failed_root(&self) -> bool {
        self.has(Mark::CannotOpenRoot) || self.has(Mark::UnableToMountRoot)
    }

    /// As before, because it does not know the device; (2,0), the floppy disk, is what old kernels
    /// fell back to.
    pub(super) fn root_unknown(&self) -> bool {
        self.kernel_failed_root() && self.root_block.is_none_or(|block| matches!(block, (0 | 2, 0)))
    }

    /// As before, although it knows the device.
    pub(super) fn root_known(&self) -> bool {
        self.kernel_failed_root() && !self.root_unknown()
    }

    /// As before, and opening it said that there is nothing behind the numbers: kernels before 5.11
    /// give a partition of a disk its numbers whether it is there or not.
    pub(super) fn root_is_void(&self) -> bool {
        self.root_known() && self.root_errno == Some(ENXIO)
    }

    /// Whether root was to be a RAM disk.
    pub(super) fn root_is_ram(&self) -> bool {
        self.root_known() && self.root_block.is_some_and(|(major, _)| major == RAMDISK_MAJOR)
    }

    /// Whether the kernel looked for root itself although it had unpacked an initramfs: then that
    /// holds no init.
    pub(super) fn initramfs_ignored(&self) -> bool {
        self.has_initramfs() && self.kernel_failed_root() && self.attempts.is_empty()
    }

    /// Whether an init of the root filesystem was run, not one of the initramfs.
    pub(super) fn on_real_root(&self) -> bool {
        self.has(Mark::RootMounted)
            || self.has(Mark::SwitchRoot)
            || self.requested.is_some()
            || self
                .attempts
                .first()
                .is_some_and(|a| a.init != "/init" && self.argument("rdinit") != Some(&a.init))
    }

    /// Whether userspace went on after the kernel's last crash, so that this did not end the boot.
    pub(super) fn survived(&self) -> bool {
        self.panic.is_none() && self.steps_after_oops >= STEPS
    }

    /// How the first attempt to run an init failed.
    pub(super) fn exec_error(&self) -> Option<i32> {
        let requested = self.requested.iter();
        self.attempts.iter().chain(requested).find_map(|attempt| attempt.errno)
    }

    /// Whether the kernel's last resort, `/bin/sh`, ran.
    pub(super) fn fell_back_to_shell(&self) -> bool {
        let last = self.attempts.last();
        last.is_some_and(|last| last.init == "/bin/sh" && last.errno.is_none())
            && !self.has(Mark::NoWorkingInit)
    }

    /// Whether the kernel's last resort failed in this way as well.
    pub(super) fn shell_failed_with(&self, errno: i32) -> bool {
        self.attempts.iter().any(|a| a.init == "/bin/sh" && a.errno == Some(errno))
    }

    /// Whether the process that died was one of these, and ended by itself.
    pub(super) fn died_as(&self, names: &[&str]) -> bool {
        let ended = matches!(self.exit, Some(Exit::Status(status)) if status != 0);
        ended && self.comm.as_deref().is_some_and(|comm| names.contains(&comm))
    }

    /// Whether the kernel came so far as to speak.
    pub(super) fn kernel_spoke(&self) -> bool {
        [Mark::KernelVersion, Mark::CommandLine, Mark::Panic, Mark::PoweredDown, Mark::InitRun]
            .into_iter()
            .any(|mark| self.has(mark))
            || self.timestamps
    }

    /// Whether it is QEMU that interprets the guest's instructions.
    pub(super) fn is_tcg(&self) -> bool {
        self.has(Mark::Qemu) && !self.has(Mark::Hypervisor)
    }

    /// Whether nobody's distribution built the kernel: its version has no suffix.
    pub(super) fn kernel_is_custom(&self) -> bool {
        let version = self.kernel.as_deref().unwrap_or_default();
        !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    }

    /// Whether a script of the initramfs said that the root filesystem lacks the init.
    pub(super) fn target_lacks_init(&self) -> bool {
        self.has(Mark::TargetLacksInit)
    }

    /// Whether modprobe missed exactly the running kernel's directory.
    pub(super) fn module_directory_is_version(&self) -> bool {
        let version = self.kernel.as_deref().unwrap_or_default();
        !version.is_empty()
            && self.module_directory.as_deref().is_some_and(|d| d.ends_with(version))
    }

    /// The disk of a partition's name: `vda1` is of `vda`, `nvme0n1p2` of `nvme0n1`.
    pub(super) fn disk_of(name: &str) -> &str {
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let numbered =
            stem.strip_suffix('p').filter(|disk| disk.ends_with(|c: char| c.is_ascii_digit()));
        match numbered {
            Some(disk) => disk,
            None if stem.ends_with(|c: char| c.is_ascii_alphabetic())
                && name.starts_with(['n', 'm', 'l']) =>
            {
                name
            }
            None => stem,
        }
    }

    /// Whether a storage controller that such a disk would hang on was seen.
    pub(super) fn has_controller_for(&self, name: &str) -> Option<bool> {
        if !self.has(Mark::PciScan) {
            return None;
        }
        let any = |test: fn(&str) -> bool| self.storage.iter().any(|controller| test(controller));
        Some(match name.get(..2) {
            Some("vd") => any(|c| c.starts_with("1af4:")),
            Some("nv") => any(|c| c.contains(" 0108")),
            Some("sd") => any(|c| !c.starts_with("1af4:1001") && !c.starts_with("1af4:1042")),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_of_a_partition_is_known() {
        for (name, disk) in [
            ("vda1", "vda"),
            ("sdb12", "sdb"),
            ("nvme0n1p2", "nvme0n1"),
            ("nvme0n1", "nvme0n1"),
            ("mmcblk0p1", "mmcblk0"),
            ("mmcblk0", "mmcblk0"),
            ("vda", "vda"),
        ] {
            assert_eq!(Facts::disk_of(name), disk, "{name}");
        }
    }

    #[test]
    fn arguments_are_read_as_the_kernel_does() {
        let command_line: Option<String> =
            Some("ro root=/dev/vda1 root=\"/dev/vda2\" console=tty0 quiet".into());
        let mut facts = Facts::default();
        facts.command_line = command_line;
        assert_eq!(facts.argument("root"), Some("/dev/vda2"));
        assert_eq!((facts.argument("quiet"), facts.argument("rw")), (Some(""), None));
        assert_eq!(facts.root_name(), Some("vda2"));
        assert_eq!(facts.consoles().collect::<Vec<_>>(), ["tty0"]);
    }
}
