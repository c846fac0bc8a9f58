//! The EFI System Partition of an image that we build: the same files on a disk and on an ISO.

use super::filesystem_size::FilesystemSize;
use super::identity::Identity;
use super::ingredients::Ingredients;
use super::plan::Options;
use crate::arch::{SD_GPT_ESP, X86_64};
use crate::disk::layout::{PartitionSize, PartitionSpec};
use crate::disk::partition::Attributes;
use crate::error::{Context, Result};
use crate::fs::fat;
use crate::grub::config::{Config, MenuEntry};
use crate::grub::core_image::PREFIX;
use crate::kernel::cmdline::Cmdline;
use crate::kernel::console::Console;
use crate::size::{MIB, align_up};
use crate::tree::{Content, Node, Time, Tree, TreePath};

/// Partition name of the EFI System Partition.
const NAME: &str = "EFI System";

/// What the ESP holds but for `grub.cfg`, which names the root partition and so comes after the
/// identity.
pub(super) fn tree(ingredients: &Ingredients, time: Time) -> Result<Tree> {
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

/// Adds the `grub.cfg` that starts the kernel of this release with these arguments.
pub(super) fn add_config(
    tree: &mut Tree,
    arguments: &Cmdline,
    release: &str,
    options: &Options,
) -> Result<()> {
    let entry = MenuEntry {
        title: format!("bootwright, Linux {release}"),
        kernel: format!("{PREFIX}/vmlinuz"),
        initramfs: Some(format!("{PREFIX}/initramfs.img")),
        arguments: arguments.clone(),
    };
    let config =
        Config { console: Console::TTY_S0, timeout: options.menu_timeout, entries: vec![entry] };
    let content = Content::from(config.to_string().into_bytes());
    let path = TreePath::new(format!("{PREFIX}/grub.cfg").as_bytes())?;
    tree.insert(path, Node::file(0o644, Time::from_seconds(options.time), content))?;
    Ok(())
}

/// The filesystem on it.
pub(super) fn plan(tree: &Tree, identity: &Identity, options: &Options) -> Result<fat::Plan> {
    let size = match options.esp {
        FilesystemSize::Auto { free } => fat::VolumeSize::Auto { reserve: free },
        FilesystemSize::Exact(size) => fat::VolumeSize::Exact(size),
    };
    let chosen = fat::Options {
        size,
        kind: None,
        label: "ESP".into(),
        volume_id: identity.volume_id("ESP"),
        hidden_sectors: (MIB / 512) as u32,
    };
    fat::plan(tree, &chosen)
        .context(|| format!("planning the EFI System Partition ({})", options.esp))
        .map_err(|e| e.hint("`--esp-size auto` takes what the content needs"))
}

/// The partition around it.
pub(super) fn partition(esp: &fat::Plan, identity: &Identity) -> PartitionSpec {
    PartitionSpec {
        name: NAME.into(),
        type_guid: SD_GPT_ESP,
        unique_guid: identity.guid("ESP partition"),
        attributes: Attributes::NONE,
        number: None,
        // A partition that ends inside a MiB makes partitioning tools complain; its filesystem may.
        size: PartitionSize::Exact(align_up(esp.size(), MIB)),
        used: esp.used(),
        filesystem: esp.kind().to_string(),
    }
}
