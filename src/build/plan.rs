//! The plan of an image: everything is decided, nothing is written yet.
//!
//! The ESP holds `/EFI/BOOT/BOOTX64.EFI`, `grub.cfg`, `vmlinuz` and `initramfs.img`, the root
//! partition the root filesystem. Whatever does not fit is refused here, with the numbers.

use std::fmt;

use serde::Serialize;

use super::filesystem_size::FilesystemSize;
use super::identity::Identity;
use super::ingredients::Ingredients;
use super::root::Root;
use super::root_filesystem::RootFilesystem;
use super::root_plan::RootPlan;
use super::{arguments, esp};
use crate::arch::X86_64;
use crate::disk::layout::{self, DiskSize, Layout, PartitionSize, PartitionSpec};
use crate::disk::partition::Attributes;
use crate::error::{Context, Error, Result};
use crate::fs::fat;
use crate::kernel::cmdline::Cmdline;
use crate::size::{MIB, Size, align_up};
use crate::tree::Time;

/// Partition name of the root partition.
const ROOT_NAME: &str = "slim-rootfs";

/// Free space in the root filesystem where nobody said anything: room for a user to try things.
const ROOT_FREE: u64 = 8 * MIB;

/// What the user may decide about an image.
#[derive(Debug, Clone, Serialize)]
pub struct Options {
    /// Makes another identity (GUIDs, volume ids) from the same ingredients.
    pub seed: String,
    /// Modification time of every file, seconds since 1970 UTC: `SOURCE_DATE_EPOCH`.
    pub time: i64,
    /// The whole disk; `None` is as large as its partitions need.
    pub disk: Option<u64>,
    /// The EFI System Partition.
    pub esp: FilesystemSize,
    /// The root partition; `None` is the rest of a disk of known size, or what the content needs.
    pub root: Option<FilesystemSize>,
    /// What is on it.
    pub root_filesystem: RootFilesystem,
    /// Sets the attribute that legacy BIOS boot loaders look for on the root partition.
    pub legacy_bios_bootable: bool,
    /// Kernel arguments after ours; a later one wins.
    pub append: String,
    /// Seconds that the menu is shown.
    pub menu_timeout: u32,
}

/// An image of which every byte has its place.
pub struct Plan<'t> {
    /// The partitions.
    pub layout: Layout,
    /// The kernel's arguments as `grub.cfg` has them.
    pub arguments: Cmdline,
    /// The root filesystem's UUID, the disk's and the partitions' GUIDs derive from it.
    pub identity: Identity,
    pub(super) esp: fat::Plan,
    pub(super) root: RootPlan<'t>,
}

impl<'t> Plan<'t> {
    /// Decides everything about an image of these ingredients. `progress` hears of the bytes of files that were
    /// read to pack the root.
    ///
    /// # Errors
    /// Where an ingredient cannot be read, or something does not fit the size that was asked for.
    pub fn new(
        ingredients: &'t Ingredients,
        options: &Options,
        progress: &dyn Fn(u64),
    ) -> Result<Self> {
        let time = Time::from_seconds(options.time);
        let mut on_esp = esp::tree(ingredients, time)?;
        let Root { tree: root, userspace, .. } = &ingredients.root;
        let init = userspace.init_argument();
        let chosen = serde_json::to_string(options)? + init.unwrap_or_default();
        let trees = [&on_esp, root];
        let identity = Identity::new(&options.seed, &chosen, &trees)
            .context(|| "hashing what goes into the image")?;

        let arguments = kernel_arguments(&identity, init, options)?;
        esp::add_config(&mut on_esp, &arguments, &ingredients.kernel.release, options)?;

        let esp = esp::plan(&on_esp, &identity, options)?;
        let size = root_size(&esp, &identity, options)?;
        let root = RootPlan::new(root, options.root_filesystem, size, &identity, time, progress)?;
        let room = PartitionSize::Exact(align_up(root.room(size), MIB));
        let layout = lay_out(&esp, (room, root.used()), &identity, options)?;
        Ok(Plan { layout, arguments, identity, esp, root })
    }
}

impl fmt::Display for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.layout)
    }
}

/// The kernel's arguments: ours, then the user's.
fn kernel_arguments(identity: &Identity, init: Option<&str>, options: &Options) -> Result<Cmdline> {
    let (root, about) = (identity.guid("root partition"), options.root_filesystem.arguments());
    arguments::line(&format!("root=PARTUUID={root} {about}"), init, &options.append)
}

/// How large the root filesystem is to be. Where nobody says it, one that can grow fills the disk.
fn root_size(esp: &fat::Plan, identity: &Identity, options: &Options) -> Result<FilesystemSize> {
    let is_packed = options.root_filesystem.is_packed();
    Ok(match (options.root, options.disk) {
        (Some(size), _) => size,
        (None, _) if is_packed => FilesystemSize::Auto { free: 0 },
        (None, None) => FilesystemSize::Auto { free: ROOT_FREE },
        (None, Some(_)) => {
            let layout = lay_out(esp, (PartitionSize::Rest, 0), identity, options)?;
            FilesystemSize::Exact(layout.partitions().last().map_or(0, |root| root.size))
        }
    })
}

/// Places the ESP, and a root partition of a size of which so many bytes are used.
fn lay_out(
    esp: &fat::Plan,
    (size, used): (PartitionSize, u64),
    identity: &Identity,
    options: &Options,
) -> Result<Layout> {
    let attributes = match options.legacy_bios_bootable {
        true => Attributes::LEGACY_BIOS_BOOTABLE,
        false => Attributes::NONE,
    };
    let root = PartitionSpec {
        name: ROOT_NAME.into(),
        type_guid: X86_64.root_type,
        unique_guid: identity.guid("root partition"),
        attributes,
        number: None,
        size,
        used,
        filesystem: options.root_filesystem.to_string(),
    };
    let mut disk = layout::Options::new(identity.guid("disk"));
    disk.size = options.disk.map_or(DiskSize::Auto, |bytes| DiskSize::Exact(Size(bytes)));
    let layout = Layout::plan(&[esp::partition(esp, identity), root], &disk);
    layout.map_err(Error::from).context(|| "laying out the disk")
}
