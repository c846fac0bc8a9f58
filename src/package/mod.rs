//! Packages: an image with what a platform wants to know of the machine that it belongs to.
//!
//! [`Export`] is the one table of what an image is handed out as: every [`Target`], the packages OVA, Vagrant
//! box and AMI import, the partition image, and the ISO, which is built and not converted. A whole-disk image
//! is never handed out with a kernel and an initramfs beside it: whoever finds such a pair takes the image for
//! one of a partition (OpenStack Ironic, for one). A partition image always is.

mod ami;
mod archive;
mod contents;
mod installed;
mod ova;
mod ovf;
mod partition;
mod vagrant;

use std::fmt;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::str::FromStr;

use self::contents::{Body, Contents};
use self::partition::Parts;
use crate::disk::output::OutputFile;
use crate::error::{Context, Error, Result, shown};
use crate::format::Disk;
use crate::format::convert::{Target, convert};
use crate::size::{MIB, Size};
use crate::volume::Volume;

/// What an image is handed out as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// The image alone.
    Image(Target),
    /// OVF 2.0 in one file, with a streamOptimized VMDK.
    Ova,
    /// A Vagrant box for libvirt, with a compressed qcow2.
    VagrantLibvirt,
    /// A Vagrant box for VirtualBox, with OVF and a streamOptimized VMDK.
    VagrantVirtualbox,
    /// Raw, with the two requests that make an AMI of it.
    Ami,
    /// The root filesystem alone, with kernel and initramfs beside it.
    Partition,
    /// A hybrid ISO: another image of the same ingredients, which no disk can be converted to.
    Iso,
}

/// A package: its name, what its file ends with, and who takes it.
const PACKAGES: [(Export, &str, &str, &str); 6] = [
    (Export::Ova, "ova", "ova", "VMware, VirtualBox and clouds: OVF 2.0 with UEFI, in one file"),
    (Export::VagrantLibvirt, "vagrant-libvirt", "libvirt.box", "Vagrant with libvirt"),
    (Export::VagrantVirtualbox, "vagrant-virtualbox", "virtualbox.box", "Vagrant with VirtualBox"),
    (Export::Ami, "ami", "ami.raw", "Amazon: raw, with the requests that import and register it"),
    (
        Export::Partition,
        "partition",
        "partition.qcow2",
        "OpenStack Ironic, direct kernel boots: the root filesystem, with kernel and initramfs",
    ),
    (Export::Iso, "iso", "iso", "CD drives and USB sticks, by UEFI and by a BIOS"),
];

/// The machine that a package describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hardware {
    /// What it is called.
    pub name: String,
    /// Bytes of memory; whole MiB are taken.
    pub memory: Size,
    /// Processors.
    pub cpus: u32,
}

impl Hardware {
    /// MiB of memory, rounded up.
    fn memory_mib(&self) -> u64 {
        self.memory.0.div_ceil(MIB)
    }

    /// The name as a part of file names, of XML and of JSON: letters, digits, dots, hyphens, underlines.
    fn plain_name(&self) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let name = self.name.trim_start_matches('.');
        let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
        if plain.is_empty() { "disk".into() } else { plain }
    }
}

impl Export {
    /// All of them: images, then packages.
    pub fn all() -> impl Iterator<Item = Export> {
        Target::all().map(Export::Image).chain(PACKAGES.iter().map(|row| row.0))
    }

    /// Those that a disk can be converted to.
    pub fn of_a_disk() -> impl Iterator<Item = Export> {
        Export::all().filter(|export| *export != Export::Iso)
    }

    fn package(self) -> Option<&'static (Export, &'static str, &'static str, &'static str)> {
        PACKAGES.iter().find(|row| row.0 == self)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match (self, self.package()) {
            (_, Some(row)) => row.1,
            (Export::Image(target), _) => target.name(),
            _ => "",
        }
    }

    /// Who takes it.
    pub fn about(self) -> &'static str {
        match (self, self.package()) {
            (_, Some(row)) => row.3,
            (Export::Image(target), _) => target.about(),
            _ => "",
        }
    }

    /// What the names of its files end with, where several stand side by side.
    pub fn ending(self) -> &'static str {
        match (self, self.package()) {
            (_, Some(row)) => row.2,
            (Export::Image(target), _) => target.ending(),
            _ => "",
        }
    }

    /// What a file's ending stands for; the first of the table where there are several.
    pub fn of_path(path: &Path) -> Option<Export> {
        let name = path.file_name()?.to_str()?;
        let ends = |row: &&(Export, &str, &str, &str)| name.ends_with(&format!(".{}", row.2));
        let package = PACKAGES.iter().find(ends).map(|row| row.0);
        let is_box = name.ends_with(".box").then_some(Export::VagrantLibvirt);
        package.or(is_box).or_else(|| Target::of_path(path).map(Export::Image))
    }

    /// Writes a disk so; the files have their names only when they are committed.
    ///
    /// # Errors
    /// As [`convert`]; where a file cannot be written; for an ISO.
    pub fn write(
        self,
        disk: &Disk,
        path: &Path,
        hardware: &Hardware,
        progress_fn: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<OutputFile>> {
        let doing = || format!("writing {}", shown(path));
        if self == Export::Iso {
            let error = Error::new("no disk becomes an ISO, which has its root filesystem packed");
            return Err(error.hint("`bootwright image --format iso` builds one").context(doing()));
        }
        let parcel = self.parcel(disk, path, hardware)?;
        let output = OutputFile::create(path)?;
        let volume = Volume::new(output.as_file(), 0, i64::MAX as u64);
        let len = match &parcel.what {
            What::Image(target) => convert(disk, *target, &volume, progress_fn),
            What::Part(part, target) => convert(part, *target, &volume, progress_fn),
            What::Archive(contents) => contents.write(disk, &volume, hardware, progress_fn),
        };
        let len = len.context(doing)?;
        output.as_file().set_len(len).context(doing)?;
        let beside = parcel.beside.iter().map(|(ending, bytes)| beside(path, ending, bytes));
        std::iter::once(Ok(output)).chain(beside).collect()
    }

    /// What its files will have in them.
    fn parcel(self, disk: &Disk, path: &Path, hardware: &Hardware) -> Result<Parcel> {
        let alone = |what| Parcel { what, beside: Vec::new() };
        Ok(match self {
            Export::Image(target) => alone(What::Image(target)),
            Export::Ova => alone(What::Archive(Contents {
                texts: Vec::new(),
                disk: Body::Ovf(hardware.plain_name()),
            })),
            Export::VagrantLibvirt => alone(What::Archive(vagrant::libvirt(disk, hardware))),
            Export::VagrantVirtualbox => alone(What::Archive(vagrant::virtualbox(hardware))),
            Export::Partition => {
                let Parts { root, kernel, initramfs } = partition::parts(disk)?;
                Parcel {
                    what: What::Part(root, Target::Qcow2),
                    beside: vec![("vmlinuz", kernel), ("initrd", initramfs)],
                }
            }
            Export::Ami | Export::Iso => Parcel {
                what: What::Image(Target::Raw),
                beside: ami::requests(disk, path, hardware),
            },
        })
    }
}

/// What is written: the file that was asked for, and those beside it.
struct Parcel {
    what: What,
    beside: Vec<Beside>,
}

/// The file that was asked for.
enum What {
    /// The disk.
    Image(Target),
    /// A part of it.
    Part(Disk, Target),
    /// The disk with texts around it.
    Archive(Contents),
}

/// A file beside it: the ending in the place of its own, and the bytes.
type Beside = (&'static str, Vec<u8>);

fn beside(path: &Path, ending: &str, bytes: &[u8]) -> Result<OutputFile> {
    let path = path.with_extension(ending);
    let output = OutputFile::create(&path)?;
    let written = FileExt::write_all_at(output.as_file(), bytes, 0);
    written.context(|| format!("writing {}", shown(&path)))?;
    Ok(output)
}

impl fmt::Display for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Nothing is handed out under this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not written; there are {known}", known = names())]
pub struct UnknownExport(String);

fn names() -> String {
    Export::all().map(Export::name).collect::<Vec<_>>().join(", ")
}

impl FromStr for Export {
    type Err = UnknownExport;

    fn from_str(text: &str) -> Result<Self, UnknownExport> {
        Export::all().find(|e| e.name() == text).ok_or_else(|| UnknownExport(text.into()))
    }
}

#[cfg(test)]
mod tests;
