//! The files of a boot that are named one by one, and the machine that boots them: what `lint` and
//! `explain` look at where it is not a disk image.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::{Error, Result, shown};
use crate::image::Image;
use crate::inspect;
use crate::kernel::modules::Bus;
use crate::lint::Subject;
use crate::lint::gather::Pieces;
use crate::size::Size;

/// A boot in pieces.
#[derive(Debug, Clone, Default, Args)]
pub struct PieceArgs {
    /// Kernel image (bzImage) instead
    #[arg(long, value_name = "FILE")]
    pub kernel: Option<PathBuf>,
    /// The kernel's configuration [default: config-RELEASE beside it, or the one inside it]
    #[arg(long, value_name = "FILE", requires = "kernel")]
    pub kernel_config: Option<PathBuf>,
    /// The initramfs; several are unpacked one behind the other
    #[arg(long, value_name = "FILE")]
    pub initramfs: Vec<PathBuf>,
    /// The kernel's command line
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub cmdline: Option<String>,
    /// The disk that root= is on
    #[arg(long, value_name = "FILE")]
    pub disk: Option<PathBuf>,
    /// Memory of the machine that is to boot it
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Size>,
    /// How that machine's disk is attached: virtio, virtio-scsi, sata, nvme or usb
    #[arg(long, value_name = "BUS")]
    pub bus: Option<Bus>,
    /// The machine's firmware enforces Secure Boot
    #[arg(long)]
    pub secure_boot: bool,
}

impl PieceArgs {
    /// What an image boots, or these pieces; `None` where neither was named.
    ///
    /// # Errors
    /// Where something cannot be read.
    pub fn subject(&self, image: Option<&Path>) -> Result<Option<Subject>> {
        let is_named = self.kernel.is_some() || !self.initramfs.is_empty();
        let mut subject = match image {
            Some(path) => Subject::of_image(disk(path)?)?,
            None if is_named || self.cmdline.is_some() || self.disk.is_some() => {
                Subject::of_pieces(&self.pieces())?
            }
            None => return Ok(None),
        };
        subject.memory = self.memory.map(|size| size.0);
        subject.bus = self.bus;
        subject.secure_boot = self.secure_boot;
        Ok(Some(subject))
    }

    fn pieces(&self) -> Pieces {
        Pieces {
            kernel: self.kernel.clone(),
            config: self.kernel_config.clone(),
            initramfs: self.initramfs.clone(),
            cmdline: self.cmdline.clone(),
            disk: self.disk.clone(),
        }
    }
}

/// A disk image; one part of a boot, given in its place, is refused with the flag that takes it.
fn disk(path: &Path) -> Result<Image> {
    let opened = Image::open(path);
    if opened.is_ok() {
        return opened;
    }
    let name = shown(path);
    let (what, flag) = match inspect::file(path).map_or("", |item| item.kind) {
        "kernel" => ("a kernel", "--kernel"),
        "initramfs" => ("an initramfs", "--initramfs"),
        _ => return opened,
    };
    let error = Error::new(format!("{name} is {what}, not a disk image"));
    Err(error.hint(format!("`{flag} {name}` takes it")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_boot_is_no_disk_image() {
        let folder = tempfile::tempdir().expect("made");
        let refused = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("written");
            disk(&path).err().map(|error| error.to_string())
        };
        let kernel = crate::kernel::bzimage::tests::kernel();
        assert!(
            refused("vmlinuz", &kernel)
                .is_some_and(|why| why.ends_with("vmlinuz is a kernel, not a disk image"))
        );
        assert!(refused("text", b"root=/dev/vda1\n").is_some_and(|why| why.contains("is a text")));
        assert_eq!(refused("blank", &[0; 1 << 20]), None);
    }
}
