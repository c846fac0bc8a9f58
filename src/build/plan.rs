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
use super::{arguments, esp};
use crate::arch::X86_64;
use crate::disk::layout::{self, DiskSize, Layout, PartitionSize, PartitionSpec};
use crate::disk::partition::Attributes;
use crate::error::{Context, Error, Result};
use crate::fs::{ext4, fat};
use crate::kernel::cmdline::Cmdline;
use crate::size::{MIB, Size, align_up};
use crate::tree::{Time, Tree};

/// Partition name of the root partition.
const ROOT_NAME: &str = "slim-rootfs";

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
    /// The root partition.
    pub root: FilesystemSize,
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
    pub(super) root: ext4::Plan<'t>,
}

impl<'t> Plan<'t> {
    /// Decides everything about an image of these ingredients.
    ///
    /// # Errors
    /// Where an ingredient cannot be read, or something does not fit the size that was asked for.
    pub fn new(ingredients: &'t Ingredients, options: &Options) -> Result<Self> {
        let time = Time::from_seconds(options.time);
        let mut on_esp = esp::tree(ingredients, time)?;
        let Root { tree: root, userspace, .. } = &ingredients.root;
        let init = userspace.init_argument();
        let chosen = serde_json::to_string(options)? + init.unwrap_or_default();
        let trees = [&on_esp, root];
        let identity = Identity::new(&options.seed, &chosen, &trees)
            .context(|| "hashing what goes into the image")?;

        let arguments = kernel_arguments(&identity, init, &options.append)?;
        esp::add_config(&mut on_esp, &arguments, &ingredients.kernel.release, options)?;

        let esp = esp::plan(&on_esp, &identity, options)?;
        let root = plan_root(root, &identity, options)?;
        let layout = lay_out(&esp, &root, &identity, options)?;
        Ok(Plan { layout, arguments, identity, esp, root })
    }
}

impl fmt::Display for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.layout)
    }
}

/// The kernel's arguments: ours, then the user's.
fn kernel_arguments(identity: &Identity, init: Option<&str>, append: &str) -> Result<Cmdline> {
    let root = identity.guid("root partition");
    arguments::line(&format!("root=PARTUUID={root} rootfstype=ext4 rw"), init, append)
}

fn plan_root<'t>(tree: &'t Tree, identity: &Identity, options: &Options) -> Result<ext4::Plan<'t>> {
    let (uuid, hash_seed) = (identity.guid("root filesystem"), identity.guid("root hash seed"));
    let mut chosen = ext4::Options::new(uuid, hash_seed, Time::from_seconds(options.time));
    chosen.label = b"root".to_vec();
    chosen.size = match options.root {
        FilesystemSize::Auto { free } => ext4::Size::Auto { reserve: free },
        FilesystemSize::Exact(size) => ext4::Size::Fixed(size),
    };
    ext4::plan(tree, &chosen)
        .context(|| format!("planning the root filesystem ({})", options.root))
        .map_err(|e| e.hint("`--root-size auto` takes what the content needs"))
}

fn lay_out(
    esp: &fat::Plan,
    root: &ext4::Plan<'_>,
    identity: &Identity,
    options: &Options,
) -> Result<Layout> {
    let attributes = match options.legacy_bios_bootable {
        true => Attributes::LEGACY_BIOS_BOOTABLE,
        false => Attributes::NONE,
    };
    let partitions = [
        esp::partition(esp, identity),
        PartitionSpec {
            name: ROOT_NAME.into(),
            type_guid: X86_64.root_type,
            unique_guid: identity.guid("root partition"),
            attributes,
            number: None,
            size: PartitionSize::Exact(align_up(root.size(), MIB)),
            used: root.used(),
            filesystem: "ext4".into(),
        },
    ];
    let mut disk = layout::Options::new(identity.guid("disk"));
    disk.size = options.disk.map_or(DiskSize::Auto, |bytes| DiskSize::Exact(Size(bytes)));
    let layout = Layout::plan(&partitions, &disk);
    layout.map_err(Error::from).context(|| "laying out the disk")
}
