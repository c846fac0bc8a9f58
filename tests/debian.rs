//! A Debian root from packages, and what Debian's own programs make in it: both makers of an initramfs.

use std::cell::OnceCell;
use std::fs;
use std::path::PathBuf;

use bootwright::assets::Need;

use crate::chroot::{self, Chroot};

/// Whether the root can be made here.
pub(crate) fn is_possible() -> bool {
    chroot::is_possible(Need::DebianRoot)
}

/// Makes an archive of microcode as amd64-microcode's hook does, which is not in Debian's main.
const MICROCODE_HOOK: &str = "#!/bin/sh
[ \"$1\" = prereqs ] && exit
. /usr/share/initramfs-tools/hook-functions
[ -e /microcode ] || exit 0
mkdir -p /var/tmp/early/kernel/x86/microcode
cp /microcode /var/tmp/early/kernel/x86/microcode/AuthenticAMD.bin
(cd /var/tmp/early && find . | sort | cpio --quiet -R 0:0 -o -H newc >/var/tmp/early.cpio)
prepend_earlyinitramfs /var/tmp/early.cpio
";

/// The root.
pub(crate) struct Debian {
    root: Chroot,
    release: OnceCell<String>,
}

impl Debian {
    pub(crate) fn new() -> Debian {
        let root = Chroot::of(Need::DebianRoot, &["--write", "/etc/machine-id:"]);
        let debian = Debian { root, release: OnceCell::new() };
        let hook = debian.path("etc/initramfs-tools/hooks/microcode");
        fs::write(&hook, MICROCODE_HOOK).expect("written");
        // Packed for the test, not for a disk.
        debian.inside(&format!(
            "chmod 755 {hook}; echo COMPRESSLEVEL=1 >>/etc/initramfs-tools/initramfs.conf\n\
             ldconfig; depmod {release}",
            hook = "/etc/initramfs-tools/hooks/microcode",
            release = debian.release()
        ));
        debian
    }

    /// A path inside, seen from outside.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.root.path(inside)
    }

    /// The kernel's release.
    pub(crate) fn release(&self) -> &str {
        self.release.get_or_init(|| {
            let mut entries = fs::read_dir(self.path("lib/modules")).expect("a kernel").flatten();
            entries.next().expect("its modules").file_name().into_string().expect("UTF-8")
        })
    }

    /// The kernel.
    pub(crate) fn kernel(&self) -> Vec<u8> {
        let path = self.path(&format!("boot/vmlinuz-{}", self.release()));
        fs::read(path).expect("a package has it")
    }

    /// Runs a script inside; what it says.
    pub(crate) fn inside(&self, script: &str) -> String {
        self.root.run(script)
    }

    /// What a maker makes, once.
    pub(crate) fn initramfs(&self, maker: Maker) -> PathBuf {
        let path = self.path(&maker.path());
        if !path.exists() {
            maker.make(self);
        }
        path
    }

    /// Gives both makers microcode to put in front, or none.
    pub(crate) fn set_microcode(&self, is_there: bool) {
        let places = ["microcode", "lib/firmware/amd-ucode/microcode_amd.bin"];
        for place in places.map(|place| self.path(place)) {
            fs::create_dir_all(place.parent().expect("a folder")).expect("made");
            match is_there {
                true => fs::write(place, [0x5a; 3000]).expect("written"),
                // It may not be there yet.
                false => fs::remove_file(place).unwrap_or_default(),
            }
        }
    }
}

/// Who makes an initramfs, and how it is packed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Maker {
    /// `mkinitramfs -c COMPRESSOR`.
    InitramfsTools(&'static str),
    /// dracut, with systemd as its init, as Debian has it.
    Dracut,
    /// dracut with its own init.
    PlainDracut,
}

impl Maker {
    /// Where it is, inside.
    fn path(self) -> String {
        format!("var/tmp/{}.img", format!("{self:?}").replace(['(', ')', '"'], ""))
    }

    /// Makes it; its path inside.
    pub(crate) fn make(self, debian: &Debian) -> String {
        let (path, release) = (self.path(), debian.release());
        let dracut = |more: &str| {
            format!(
                "dracut --force --no-hostonly --early-microcode --compress 'zstd -1' {more} \
                 --kver {release} /{path}; chmod 644 /{path}"
            )
        };
        debian.inside(&match self {
            Maker::InitramfsTools(how) => format!("mkinitramfs -c {how} -o /{path} {release}"),
            Maker::Dracut => dracut(""),
            Maker::PlainDracut => dracut("--omit 'systemd systemd-initrd dracut-systemd'"),
        });
        path
    }
}
