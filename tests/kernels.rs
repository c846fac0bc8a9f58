//! Kernels that no distribution builds: the smallest that boots an image of ours, and what becomes of it where
//! options are answered otherwise. Debian's source, compiled by Debian's compiler in a folder of its own.
//!
//! A kernel is kept in the store, under a name made of the packages and the configuration that it came of; the
//! source is unpacked only where one is not there yet, and each that follows compiles what differs.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

use bootwright::assets::{Need, Options};
use bootwright::kernel::config::{Answer, Config};
use bootwright::kernel::requirements;
use sha2::{Digest, Sha256};

use crate::chroot::{self, Chroot};

const SOURCE: &str = "usr/src/linux-source-6.12";

/// Unpacks the source without what only takes room: of most drivers and filesystems Kconfig alone is read.
/// Packages leave it to their scripts which awk is `awk`.
const UNPACK: &str = "cd /usr/src; ln -sf mawk /usr/bin/awk; source=linux-source-6.12
set -- --exclude=*.dts --exclude=*.dtsi --exclude=$source/tools/perf --exclude=$source/tools/testing \
    --exclude=$source/Documentation/*/* --exclude=$source/sound/*.[ch] --exclude=$source/arch/[a-w]*/*.[chS]
for kind in accel clk gpu iio infiniband media mtd net phy pinctrl scsi soc staging usb; do
    set -- \"$@\" --exclude=$source/drivers/$kind/*.[ch]
done
for kind in bcachefs btrfs ceph f2fs gfs2 nfs nfsd ntfs3 ocfs2 smb ubifs xfs; do
    set -- \"$@\" --exclude=$source/fs/$kind/*.[ch]
done
tar -xf $source.tar.xz \"$@\"";

/// Whether they can be compiled here.
pub(crate) fn is_possible() -> bool {
    chroot::is_possible(Need::KernelSource)
}

/// What is answered otherwise: an option, without its `CONFIG_`, and whether it is on.
pub(crate) type Change = (&'static str, bool);

/// The kernels, and where they are compiled.
pub(crate) struct Kernels {
    folder: PathBuf,
    /// What every name is made of, besides the configuration.
    packages: Vec<String>,
    source: OnceCell<Chroot>,
}

impl Kernels {
    pub(crate) fn new() -> Kernels {
        let folder = Options::default().store_folder().expect("is_possible has looked");
        let entries = fs::read_dir(chroot::packages(Need::KernelSource)).expect("there").flatten();
        let mut packages: Vec<_> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        packages.sort();
        let folder = folder.join("kernels");
        fs::create_dir_all(&folder).expect("made");
        Kernels { folder, packages, source: OnceCell::new() }
    }

    /// The bzImage with these changes.
    pub(crate) fn compiled(&self, changes: &[Change]) -> PathBuf {
        let fragment = fragment(changes);
        let path = self.folder.join(self.name(&fragment));
        if !path.exists() {
            let made = self.source.get_or_init(|| {
                let root = Chroot::of(Need::KernelSource, &[]);
                root.run(UNPACK);
                root
            });
            let (aside, image) = (path.with_extension("tmp"), compile(made, &fragment));
            fs::write(&aside, image).and_then(|()| fs::rename(&aside, &path)).expect("kept");
        }
        path
    }

    fn name(&self, fragment: &str) -> String {
        let mut hasher = Sha256::new();
        self.packages.iter().for_each(|package| hasher.update(format!("{package}\n")));
        hasher.update(fragment);
        hasher.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What Kconfig is told: all that an image needs, what the tiny kernel has besides, and the changes.
fn fragment(changes: &[Change]) -> String {
    let extra = include_str!("../kernel-configs/tiny.config").lines();
    let extra = extra.filter_map(|line| line.strip_prefix("CONFIG_")?.split_whitespace().next());
    let needed = requirements::all().map(|r| r.option.trim_start_matches("CONFIG_"));
    let is_changed = |name: &&str| changes.iter().any(|(changed, _)| changed == name);
    let base = needed.chain(extra).filter(|name| !is_changed(name)).map(|name| (name, true));
    let line = |(name, is_on): (&str, bool)| match is_on {
        true => format!("CONFIG_{name}=y\n"),
        false => format!("# CONFIG_{name} is not set\n"),
    };
    base.chain(changes.iter().copied()).map(line).collect()
}

/// Compiles a kernel, in which every line of the fragment took effect.
fn compile(root: &Chroot, fragment: &str) -> Vec<u8> {
    let path = |name: &str| root.path(&format!("{SOURCE}/{name}"));
    fs::write(path("fragment"), fragment).expect("written");
    root.run(&format!(
        "cd /{SOURCE}; export KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=me KBUILD_BUILD_HOST=here\n\
         make -s KCONFIG_ALLCONFIG=fragment allnoconfig; nice make -s -j$(nproc) bzImage"
    ));
    check(&path(".config"), fragment);
    fs::read(path("arch/x86/boot/bzImage")).expect("compiled")
}

fn check(config: &Path, fragment: &str) {
    let config = Config::parse(&fs::read(config).expect("made")).expect("a configuration");
    for line in fragment.lines() {
        let on = line.strip_prefix("CONFIG_").and_then(|line| line.strip_suffix("=y"));
        let off = || line.strip_prefix("# CONFIG_")?.strip_suffix(" is not set");
        let (name, answer) = match on {
            Some(name) => (name, Answer::Yes),
            None => (off().expect("a line of the fragment"), Answer::No),
        };
        assert_eq!(*config.get(name), answer, "CONFIG_{name}: another option has a say");
    }
}
