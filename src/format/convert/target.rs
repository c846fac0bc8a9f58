//! What an image can be written as: the one table, by the names that `--format` takes.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::Writer;
use crate::error::Result;
use crate::format::qcow2::{self, Compression};
use crate::format::{Disk, Format, raw, vdi, vhd, vhdx, vmdk};

/// A format with the variant of it that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The bytes of the disk, with holes.
    Raw,
    /// qcow2 version 3, not compressed.
    Qcow2,
    /// The same, compressed with DEFLATE, which every QEMU reads.
    Qcow2Deflate,
    /// The same, compressed with Zstandard, which QEMU 5.1 and later read.
    Qcow2Zstd,
    /// VHD, the disk in front of its footer, of whole MiB.
    VhdFixed,
    /// VHD, only the blocks that are not zero, of whole MiB.
    VhdDynamic,
    /// VHDX, dynamic.
    Vhdx,
    /// VMDK, monolithicSparse.
    Vmdk,
    /// VMDK, streamOptimized: compressed.
    VmdkStream,
    /// VDI, dynamic.
    Vdi,
}

/// A row of the table.
struct Row {
    target: Target,
    name: &'static str,
    /// What names of files end with, where several stand side by side.
    ending: &'static str,
    format: Format,
    about: &'static str,
}

const ROWS: &[Row] = &[
    row(Target::Raw, "raw", "img", Format::Raw, "the disk's bytes, with holes where they are zero"),
    row(Target::Qcow2, "qcow2", "qcow2", Format::Qcow2, "QEMU and KVM, OpenStack, Proxmox"),
    row(
        Target::Qcow2Deflate,
        "qcow2-deflate",
        "deflate.qcow2",
        Format::Qcow2,
        "compressed, for every QEMU",
    ),
    row(
        Target::Qcow2Zstd,
        "qcow2-zstd",
        "zstd.qcow2",
        Format::Qcow2,
        "compressed faster, for QEMU 5.1 and later",
    ),
    row(Target::VhdFixed, "vhd", "vhd", Format::Vhd, "Azure: fixed, of whole MiB"),
    row(
        Target::VhdDynamic,
        "vhd-dynamic",
        "dynamic.vhd",
        Format::Vhd,
        "Hyper-V generation 1, Virtual PC",
    ),
    row(Target::Vhdx, "vhdx", "vhdx", Format::Vhdx, "Hyper-V"),
    row(Target::Vmdk, "vmdk", "vmdk", Format::Vmdk, "VMware Workstation, VirtualBox"),
    row(Target::VmdkStream, "vmdk-stream", "stream.vmdk", Format::Vmdk, "ESXi and OVF: compressed"),
    row(Target::Vdi, "vdi", "vdi", Format::Vdi, "VirtualBox"),
];

const fn row(
    target: Target,
    name: &'static str,
    ending: &'static str,
    format: Format,
    about: &'static str,
) -> Row {
    Row { target, name, ending, format, about }
}

impl Target {
    /// All of them, in the table's order.
    pub fn all() -> impl Iterator<Item = Target> {
        ROWS.iter().map(|row| row.target)
    }

    fn row(self) -> &'static Row {
        ROWS.iter().find(|row| row.target == self).unwrap_or(&ROWS[0])
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Who takes it.
    pub fn about(self) -> &'static str {
        self.row().about
    }

    /// What the name of its file ends with, where several stand side by side.
    pub fn ending(self) -> &'static str {
        self.row().ending
    }

    /// The format.
    pub fn format(self) -> Format {
        self.row().format
    }

    /// What a file's ending stands for; the first of the table where there are several.
    pub fn of_path(path: &Path) -> Option<Target> {
        let name = path.file_name()?.to_str()?;
        let ending = path.extension()?.to_str()?;
        let long = ROWS
            .iter()
            .find(|row| name.ends_with(&format!(".{}", row.ending)) && row.ending.contains('.'));
        let short = || ROWS.iter().find(|row| row.ending == ending || row.format.name() == ending);
        long.or_else(short).map(|row| row.target)
    }

    /// What writes a disk so.
    pub(super) fn writer(self, source: &Disk) -> Result<Box<dyn Writer>> {
        let size = source.size();
        Ok(match self {
            Target::Raw => Box::new(raw::Writer::new(size)),
            Target::Qcow2 => Box::new(qcow2::Writer::new(size, None)?),
            Target::Qcow2Deflate => Box::new(qcow2::Writer::new(size, Some(Compression::Deflate))?),
            Target::Qcow2Zstd => Box::new(qcow2::Writer::new(size, Some(Compression::Zstd))?),
            Target::VhdFixed => Box::new(vhd::Fixed::new(size)?),
            Target::VhdDynamic => Box::new(vhd::Dynamic::new(size)?),
            Target::Vhdx => Box::new(vhdx::Image::new(size)?),
            Target::Vmdk => Box::new(vmdk::Sparse::new(size)?),
            Target::VmdkStream => Box::new(vmdk::Stream::new(size)?),
            Target::Vdi => Box::new(vdi::Image::new(size)?),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Nothing is written under this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not written; there are {known}", known = names())]
pub struct UnknownTarget(String);

fn names() -> String {
    ROWS.iter().map(|row| row.name).collect::<Vec<_>>().join(", ")
}

impl FromStr for Target {
    type Err = UnknownTarget;

    fn from_str(text: &str) -> Result<Self, UnknownTarget> {
        let found = ROWS.iter().find(|row| row.name == text);
        found.map(|row| row.target).ok_or_else(|| UnknownTarget(text.into()))
    }
}
