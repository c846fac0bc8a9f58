//! Where the contents of files are: each once, whatever names it has, in sections of almost 4 GiB.

use std::collections::BTreeMap;

use super::el_torito::{BootEntry, Platform};
use super::hierarchy::{Inventory, Item};
use super::{BLOCK_SIZE, BootImage, IsoError, Options, blocks_of};
use crate::error::{Context, Result};
use crate::tree::{Content, Kind, NodeId, TreePath};

/// The longest section: whole blocks of what 32 bits count (ECMA-119 6.5.1).
const SECTION_MAX: u64 = u32::MAX as u64 / BLOCK_SIZE * BLOCK_SIZE;
/// What a BIOS loads of GRUB's `cdboot.img`: a block, in sectors of 512 bytes.
const PC_SECTORS: u16 = 4;
/// Where mkisofs' boot information table is, and what its checksum begins with.
const BOOT_INFO: usize = 8;
const BOOT_INFO_END: usize = 64;
/// Where the core image behind `cdboot.img` has the sector that its second starts at.
const GRUB_SECTOR: usize = 2548;
/// Sectors of 512 bytes in a block, and how many come before that second one.
const SECTORS_PER_BLOCK: u64 = BLOCK_SIZE / 512;
const GRUB_SECTOR_OFFSET: u64 = 5;

/// A file that has its place.
#[derive(Debug)]
struct Placed {
    path: TreePath,
    content: Content,
    block: u32,
}

/// All files that have bytes.
#[derive(Debug, Default)]
pub(super) struct Files {
    placed: Vec<Placed>,
    /// Which of them a node is.
    nodes: BTreeMap<NodeId, usize>,
    /// Every path of a file that has bytes.
    paths: BTreeMap<TreePath, usize>,
    /// The block after the last file.
    end: u32,
}

impl Files {
    /// Gives each file its blocks from `next` on, in the order of the tree, and a boot image what it
    /// has to know of its place.
    ///
    /// # Errors
    /// Where all is too large, or a boot image is no file or unreadable.
    pub(super) fn place(inventory: &Inventory<'_>, options: &Options, next: u32) -> Result<Self> {
        check(options)?;
        let mut files = Files { end: next, ..Files::default() };
        for item in &inventory.items {
            let Kind::File(content) = &item.node.kind else { continue };
            if !content.is_empty() {
                files.add(item, content, alignment(options, item.path))?;
            }
        }
        for image in options.boot.iter().filter(|image| image.platform == Platform::Pc) {
            files.tell_place(image)?;
        }
        Ok(files)
    }

    fn add(&mut self, item: &Item<'_>, content: &Content, align: u64) -> Result<(), IsoError> {
        let index = *self.nodes.entry(item.id).or_insert(self.placed.len());
        self.paths.insert(item.path.clone(), index);
        if index < self.placed.len() {
            return Ok(());
        }
        let blocks = u32::try_from(align / BLOCK_SIZE).map_err(|_| IsoError::TooLarge)?;
        let block = self.end.checked_next_multiple_of(blocks).ok_or(IsoError::TooLarge)?;
        let len = blocks_of(content.len())?;
        self.end = block.checked_add(len).ok_or(IsoError::TooLarge)?;
        let (path, content) = (item.path.clone(), content.clone());
        self.placed.push(Placed { path, content, block });
        Ok(())
    }

    /// Writes the place of a BIOS' boot image into it: mkisofs' boot information table, by which
    /// `cdboot.img` loads the rest, and the sector by which the core image loads itself where a hybrid
    /// MBR started it.
    fn tell_place(&mut self, image: &BootImage) -> Result<()> {
        let index = *self.paths.get(&image.path).ok_or_else(|| no_file(&image.path))?;
        let placed = &mut self.placed[index];
        let mut bytes = placed.content.read().context(|| format!("reading `/{}`", image.path))?;
        if bytes.len() < GRUB_SECTOR + 8 {
            return Err(IsoError::BootImageTooShort(image.path.clone(), bytes.len() as u64).into());
        }
        let sector = u64::from(placed.block) * SECTORS_PER_BLOCK + GRUB_SECTOR_OFFSET;
        bytes[GRUB_SECTOR..GRUB_SECTOR + 8].copy_from_slice(&sector.to_le_bytes());
        bytes[BOOT_INFO..BOOT_INFO_END].fill(0);
        let checksum = bytes[BOOT_INFO_END..].chunks(4).fold(0u32, |sum, chunk| {
            let word = std::array::from_fn(|i| chunk.get(i).copied().unwrap_or(0));
            sum.wrapping_add(u32::from_le_bytes(word))
        });
        // The primary descriptor, the image, its length, the checksum.
        let fields = [super::SYSTEM_AREA, placed.block, bytes.len() as u32, checksum];
        for (index, field) in fields.into_iter().enumerate() {
            let at = BOOT_INFO + 4 * index;
            bytes[at..at + 4].copy_from_slice(&field.to_le_bytes());
        }
        placed.content = Content::from(bytes);
        Ok(())
    }

    /// Block and length of each section of a file; other entries have one that is empty.
    pub(super) fn sections(&self, item: &Item<'_>) -> Vec<(u32, u32)> {
        let Kind::File(content) = &item.node.kind else { return vec![(0, 0)] };
        let placed = self.nodes.get(&item.id).map(|&index| &self.placed[index]);
        let first = placed.map_or(0, |placed| u64::from(placed.block));
        let count = content.len().div_ceil(SECTION_MAX).max(1);
        let section = |number: u64| {
            let from = number * SECTION_MAX;
            let len = (content.len() - from).min(SECTION_MAX);
            ((first + from / BLOCK_SIZE) as u32, len as u32)
        };
        (0..count).map(section).collect()
    }

    /// The block after the last file.
    pub(super) fn end(&self) -> u32 {
        self.end
    }

    /// Path, content and offset of each.
    pub(super) fn placed(&self) -> impl Iterator<Item = (&TreePath, &Content, u64)> {
        self.placed.iter().map(|p| (&p.path, &p.content, u64::from(p.block) * BLOCK_SIZE))
    }

    /// Offset and length of a file.
    pub(super) fn extent(&self, path: &TreePath) -> Option<(u64, u64)> {
        let placed = &self.placed[*self.paths.get(path)?];
        Some((u64::from(placed.block) * BLOCK_SIZE, placed.content.len()))
    }

    /// The boot catalog's entries.
    ///
    /// # Errors
    /// Where an image is no file of the tree, or empty.
    pub(super) fn boot_entries(&self, images: &[BootImage]) -> Result<Vec<BootEntry>, IsoError> {
        let entry = |image: &BootImage| {
            let (offset, len) = self.extent(&image.path).ok_or_else(|| no_file(&image.path))?;
            let sectors = match image.platform {
                Platform::Pc => PC_SECTORS,
                // More than the field holds: 0 lets UEFI take what there is.
                _ => u16::try_from(len.div_ceil(512)).unwrap_or(0),
            };
            let block = (offset / BLOCK_SIZE) as u32;
            let platform = image.platform;
            Ok(BootEntry { platform, is_bootable: true, media: 0, sectors, block })
        };
        images.iter().map(entry).collect()
    }
}

fn no_file(path: &TreePath) -> IsoError {
    IsoError::BootImage(path.clone())
}

fn check(options: &Options) -> Result<(), IsoError> {
    let is_plain = |c: char| c == ' ' || c.is_ascii_graphic();
    if options.label.len() > 32 || !options.label.chars().all(is_plain) {
        return Err(IsoError::Label(options.label.clone()));
    }
    let odd = options.aligned.iter().find(|(_, to)| *to == 0 || to % BLOCK_SIZE != 0);
    match odd {
        Some((path, to)) => Err(IsoError::Alignment(path.clone(), *to)),
        None => Ok(()),
    }
}

fn alignment(options: &Options, path: &TreePath) -> u64 {
    let asked = options.aligned.iter().find(|(aligned, _)| aligned == path);
    asked.map_or(BLOCK_SIZE, |(_, to)| *to)
}
