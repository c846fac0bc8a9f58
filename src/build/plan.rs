//! The plan of an image: everything is decided, nothing is written yet.
//!
//! The ESP holds `/EFI/BOOT/BOOTX64.EFI`, `grub.cfg`, `vmlinuz` and `initramfs.img`, the root
//! partition the root filesystem. Whatever does not fit is refused here, with the numbers.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::identity::Identity;
use super::ingredients::Ingredients;
use super::root::Root;
use crate::arch::{SD_GPT_ESP, X86_64};
use crate::disk::layout::{self, DiskSize, Layout, PartitionSize, PartitionSpec};
use crate::disk::partition::Attributes;
use crate::error::{Context, Error, Result};
use crate::fs::{ext4, fat};
use crate::grub::config::{Config, MenuEntry};
use crate::grub::core_image::PREFIX;
use crate::kernel::cmdline::Cmdline;
use crate::kernel::console::Console;
use crate::size::{MIB, Size, SizeError, align_up};
use crate::tree::{Content, Node, Time, Tree, TreePath};

/// Partition name of the EFI System Partition.
pub const ESP_NAME: &str = "EFI System";
/// Partition name of the root partition.
pub const ROOT_NAME: &str = "slim-rootfs";

/// How large something is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// What the content needs, and this many bytes free.
    Auto {
        /// Free bytes on top of the content.
        free: u64,
    },
    /// Just this many bytes.
    Exact(u64),
}

impl FromStr for Extent {
    type Err = SizeError;

    /// Reads `64M`, `auto` and `auto+16M`.
    fn from_str(text: &str) -> Result<Self, SizeError> {
        let Some(free) = text.trim().strip_prefix("auto") else {
            return text.parse().map(|Size(bytes)| Extent::Exact(bytes));
        };
        match free.trim().strip_prefix('+') {
            Some(free) => free.parse().map(|Size(free)| Extent::Auto { free }),
            None if free.trim().is_empty() => Ok(Extent::Auto { free: 0 }),
            None => Err(SizeError::Number(text.into())),
        }
    }
}

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
    pub esp: Extent,
    /// The root partition.
    pub root: Extent,
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
        let mut esp_tree = esp_tree(ingredients, time)?;
        let Root { tree: root, userspace, .. } = &ingredients.root;
        let init = userspace.init_argument();
        let chosen = serde_json::to_string(options)? + init.unwrap_or_default();
        let trees = [&esp_tree, root];
        let identity = Identity::new(&options.seed, &chosen, &trees)
            .context(|| "hashing what goes into the image")?;

        let arguments = arguments(&identity, init, &options.append)?;
        let config = grub_config(&arguments, &ingredients.kernel.release, options.menu_timeout);
        let node = Node::file(0o644, time, Content::from(config.to_string().into_bytes()));
        esp_tree.insert(TreePath::new(format!("{PREFIX}/grub.cfg").as_bytes())?, node)?;

        let esp = plan_esp(&esp_tree, &identity, options)?;
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

/// What the ESP holds but for `grub.cfg`, which names the root partition and so comes after the
/// identity.
pub(super) fn esp_tree(ingredients: &Ingredients, time: Time) -> Result<Tree> {
    let files = [
        (X86_64.efi_file, Content::from(ingredients.core_image.clone())),
        ("vmlinuz", ingredients.kernel.content.clone()),
        ("initramfs.img", Content::from(ingredients.initramfs.clone())),
    ];
    let mut tree = Tree::new(time);
    for (name, content) in files {
        let path = TreePath::new(format!("{PREFIX}/{name}").as_bytes())?;
        tree.insert(path, Node::file(0o644, time, content))?;
    }
    Ok(tree)
}

/// The kernel's arguments: ours, then the user's.
fn arguments(identity: &Identity, init: Option<&str>, append: &str) -> Result<Cmdline> {
    let root = identity.guid("root partition");
    command_line(&format!("root=PARTUUID={root} rootfstype=ext4 rw"), init, append)
}

/// What says where the root filesystem is, the consoles, the init, and the user's arguments.
pub(super) fn command_line(root: &str, init: Option<&str>, append: &str) -> Result<Cmdline> {
    let console = Console::TTY_S0.argument();
    let text = format!("{root} console=tty0 {console}");
    let doing = || "reading the kernel arguments";
    let mut line: Cmdline = text.parse().context(doing)?;
    if let Some(path) = init {
        line.set("init", path).context(doing)?;
    }
    let theirs: Cmdline = append.parse().context(doing)?;
    theirs.iter().for_each(|argument| line.push(argument.clone()));
    line.text().context(|| "reading the kernel arguments")?;
    Ok(line)
}

pub(super) fn grub_config(arguments: &Cmdline, release: &str, timeout: u32) -> Config {
    let entry = MenuEntry {
        title: format!("bootwright, Linux {release}"),
        kernel: format!("{PREFIX}/vmlinuz"),
        initramfs: Some(format!("{PREFIX}/initramfs.img")),
        arguments: arguments.clone(),
    };
    Config { console: Console::TTY_S0, timeout, entries: vec![entry] }
}

pub(super) fn plan_esp(tree: &Tree, identity: &Identity, options: &Options) -> Result<fat::Plan> {
    let size = match options.esp {
        Extent::Auto { free } => fat::VolumeSize::Auto { reserve: free },
        Extent::Exact(size) => fat::VolumeSize::Exact(size),
    };
    let chosen = fat::Options {
        size,
        kind: None,
        label: "ESP".into(),
        volume_id: identity.volume_id("ESP"),
        hidden_sectors: (MIB / 512) as u32,
    };
    fat::plan(tree, &chosen)
        .context(|| format!("planning the EFI System Partition ({})", wanted(options.esp)))
        .map_err(|e| e.hint("`--esp-size auto` takes what the content needs"))
}

fn plan_root<'t>(tree: &'t Tree, identity: &Identity, options: &Options) -> Result<ext4::Plan<'t>> {
    let (uuid, hash_seed) = (identity.guid("root filesystem"), identity.guid("root hash seed"));
    let mut chosen = ext4::Options::new(uuid, hash_seed, Time::from_seconds(options.time));
    chosen.label = b"root".to_vec();
    chosen.size = match options.root {
        Extent::Auto { free } => ext4::Size::Auto { reserve: free },
        Extent::Exact(size) => ext4::Size::Fixed(size),
    };
    ext4::plan(tree, &chosen)
        .context(|| format!("planning the root filesystem ({})", wanted(options.root)))
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
    // A partition that ends inside a MiB makes partitioning tools complain; its filesystem may.
    let partitions = [
        PartitionSpec {
            name: ESP_NAME.into(),
            type_guid: SD_GPT_ESP,
            unique_guid: identity.guid("ESP partition"),
            attributes: Attributes::NONE,
            number: None,
            size: PartitionSize::Exact(align_up(esp.size(), MIB)),
            used: esp.used(),
            filesystem: esp.kind().to_string(),
        },
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

/// A size as a message says it.
fn wanted(extent: Extent) -> String {
    match extent {
        Extent::Auto { free: 0 } => "as small as it can be".into(),
        Extent::Auto { free } => format!("with {} free", Size(free)),
        Extent::Exact(size) => Size(size).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_partitions() {
        assert_eq!("auto".parse(), Ok(Extent::Auto { free: 0 }));
        assert_eq!("auto+16M".parse(), Ok(Extent::Auto { free: 16 * MIB }));
        assert_eq!("64 MiB".parse(), Ok(Extent::Exact(64 * MIB)));
        assert_eq!("automatic".parse::<Extent>(), Err(SizeError::Number("automatic".into())));
    }
}
