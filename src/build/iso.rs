//! A hybrid ISO image: it boots from a CD drive and, the same bytes, from a disk or a USB stick.
//!
//! The volume holds `boot/efi.img`, the ESP as El Torito's EFI entry, and `boot/root.squashfs` (or
//! `.erofs`), which `/init` mounts under an overlay in memory. The ESP is a GPT partition as well, at 1 MiB, so that
//! firmware finds it on a disk. What is on the ESP is what a disk image has there; GRUB looks for the volume
//! by its files, since a CD has no partition that it could have been started from.
//!
//! A BIOS starts `boot/bios.img`, as El Torito's default entry from a CD, and by the code in the first
//! sector from a disk. It goes on with the same `grub.cfg`, kernel and initramfs, on the same ESP.
//!
//! Specifications: El Torito 1.0; UEFI 2.10, 5.3 and 13.3.2. Left out: changes that stay.

use std::path::Path;

use super::identity::Identity;
use super::ingredients::{BiosLoader, Ingredients};
use super::plan::Options;
use super::root_plan::{pack, scratch};
use super::{arguments, esp};
use crate::disk::layout::{self, DiskSize, Layout};
use crate::disk::output::OutputFile;
use crate::disk::write;
use crate::error::{Context, Error, Result, shown};
use crate::fs::fat;
use crate::fs::iso9660::{self, BootImage, Platform};
use crate::grub::hybrid::BOOT_CODE_SIZE;
use crate::kernel::cmdline::Cmdline;
use crate::size::{MIB, Size, align_up};
use crate::tree::{Content, Node, Section, Time, Tree, TreePath};
use crate::volume::{Volume, Window};

/// The ESP on the volume.
const ESP: &str = "boot/efi.img";
/// What a BIOS starts.
const BIOS: &str = "boot/bios.img";

/// An ISO image of which every byte has its place.
pub struct IsoPlan {
    /// Its one partition, the ESP.
    pub layout: Layout,
    /// The kernel's arguments as `grub.cfg` has them.
    pub arguments: Cmdline,
    volume: iso9660::Plan,
    /// The code of the first sector, where a BIOS is to start it.
    boot_code: Option<[u8; BOOT_CODE_SIZE]>,
}

impl IsoPlan {
    /// Decides everything about an image of these ingredients, and packs the root filesystem: `progress` hears
    /// of the bytes of files that were read.
    ///
    /// # Errors
    /// Where an ingredient cannot be read, something does not fit, or there is no room for the packed
    /// root filesystem among the temporary files.
    pub fn new(
        ingredients: &Ingredients,
        options: &Options,
        progress: &dyn Fn(u64),
    ) -> Result<Self> {
        let time = Time::from_seconds(options.time);
        let mut on_esp = esp::tree(ingredients, time)?;
        let init = ingredients.root.userspace.init_argument();
        let chosen = format!("iso {}{}", serde_json::to_string(options)?, init.unwrap_or_default());
        let identity = Identity::new(&options.seed, &chosen, &[&on_esp, &ingredients.root.tree])
            .context(|| "hashing what goes into the image")?;
        let label = format!("BOOTWRIGHT-{:08X}", identity.volume_id("ISO"));
        let kind = options.root_filesystem.on_iso();
        let root_path = format!("boot/root.{kind}");
        let root = format!("root=LABEL={label} rootfstype=iso9660 ro rootimage=/{root_path}");
        let arguments = arguments::line(&root, init, &options.append)?;
        esp::add_config(&mut on_esp, &arguments, &ingredients.kernel.release, options)?;
        let esp = esp::plan(&on_esp, &identity, options)?;
        let root = (&root_path[..], pack(&ingredients.root.tree, kind, time, progress)?);
        let volume = volume(&esp, root, ingredients.bios.as_ref(), &label, time)?;
        let layout = lay_out(&esp, &volume, &identity)?;
        let image = volume.extent(&TreePath::new(BIOS.as_bytes())?);
        let boot_code = ingredients.bios.as_ref().zip(image);
        let boot_code = boot_code.map(|(bios, (offset, _))| bios.hybrid.code(offset));
        Ok(IsoPlan { layout, arguments, volume, boot_code })
    }

    /// Writes the image; it gets its name by [`OutputFile::commit`].
    ///
    /// # Errors
    /// Where the folder is not writable, the disk is full, or an ingredient changed since it was
    /// planned.
    pub fn write(&self, path: &Path) -> Result<OutputFile> {
        let output = OutputFile::create(path)?;
        output.reserve(self.volume.size())?;
        write::image(&self.layout, &output, &[])?;
        let volume = Volume::new(output.as_file(), 0, self.layout.size());
        let writing = || format!("writing {}", shown(path));
        self.volume.write(&volume).context(writing)?;
        if let Some(code) = &self.boot_code {
            volume.write_all_at(code, 0).context(writing)?;
        }
        Ok(output)
    }
}

/// The files of the ISO, laid out so that the ESP is where a partition may start.
fn volume(
    esp: &fat::Plan,
    root: (&str, Content),
    bios: Option<&BiosLoader>,
    label: &str,
    time: Time,
) -> Result<iso9660::Plan> {
    let file = scratch()?;
    file.set_len(esp.size()).context(|| "making a temporary file")?;
    esp.write(&Volume::new(&file, 0, esp.size())).context(|| "making the EFI System Partition")?;
    let esp = Section::window(Window::new(file, esp.size()), "the EFI System Partition").content();
    let mut tree = Tree::new(time);
    let path = |name: &str| TreePath::new(name.as_bytes());
    let root_path = path(root.0)?;
    for (name, content) in [(ESP, esp), root] {
        tree.insert(path(name)?, Node::file(0o644, time, content))?;
    }
    let mut boot = vec![BootImage { platform: Platform::Efi, path: path(ESP)? }];
    if let Some(bios) = bios {
        let content = Content::from(bios.core_image.clone());
        tree.insert(path(BIOS)?, Node::file(0o644, time, content))?;
        // The catalog's default entry is the BIOS' by El Torito; UEFI looks at all of them.
        boot.insert(0, BootImage { platform: Platform::Pc, path: path(BIOS)? });
    }
    let aligned = vec![(path(ESP)?, MIB), (root_path, MIB)];
    let options = iso9660::Options { label: label.into(), time, boot, aligned };
    iso9660::plan(&tree, &options).context(|| "laying out the ISO")
}

/// The partition table around it.
fn lay_out(esp: &fat::Plan, volume: &iso9660::Plan, identity: &Identity) -> Result<Layout> {
    let mut disk = layout::Options::new(identity.guid("disk"));
    // The backup of the table comes after the volume.
    disk.size = DiskSize::Exact(Size(align_up(volume.size(), MIB) + MIB));
    let doing = || "laying out the disk";
    let layout = Layout::plan(&[esp::partition(esp, identity)], &disk)
        .map_err(Error::from)
        .context(doing)?;
    let on_volume = volume.extent(&TreePath::new(ESP.as_bytes())?).map(|(offset, _)| offset);
    let on_disk = layout.partitions().first().map(|partition| partition.offset);
    match on_volume == on_disk {
        true => Ok(layout),
        false => {
            Err(Error::new("the partition is not where the volume has its file").context(doing()))
        }
    }
}
