//! A filesystem that is there, as its superblock describes it, and whether it may be changed.
//!
//! Reference: kernel Documentation/filesystems/ext4/super.rst. Only what growing needs is read; the
//! features that a filesystem may have are a list, so that one which is not known is never guessed at.

use super::refusal::GrowRefusal;
use super::seal::Seal;
use crate::bytes::{le16, le32};
use crate::fs::ext4::geometry::Geometry;
use crate::fs::ext4::superblock::SUPERBLOCK_SIZE;
use crate::volume::Volume;

/// Where the first superblock is, whatever the size of a block.
pub(super) const SUPERBLOCK_AT: u64 = 1024;
/// `s_magic`
const MAGIC: u16 = 0xef53;
/// `s_feature_compat`: an internal journal.
const HAS_JOURNAL: u32 = 0x4;
/// `s_feature_compat`: inode 7 keeps room for group descriptors.
pub(super) const RESIZE_INODE: u32 = 0x10;
/// `s_feature_incompat`: the journal has to be replayed.
pub(super) const NEEDS_RECOVERY: u32 = 0x4;
/// `s_feature_incompat`: block numbers of 64 bits, and descriptors of `s_desc_size`.
const BITS_64: u32 = 0x80;
/// `s_feature_incompat`: metadata may be anywhere.
const FLEX_BG: u32 = 0x200;
/// `s_feature_incompat`: checksums do not begin with the UUID.
const CSUM_SEED: u32 = 0x2000;
/// `s_feature_ro_compat`: copies of the superblock are not in every group.
const SPARSE_SUPER: u32 = 0x1;
/// `s_feature_ro_compat`: descriptors have a CRC-16.
const GDT_CSUM: u32 = 0x10;
/// `s_feature_ro_compat`: everything has a CRC-32C.
const METADATA_CSUM: u32 = 0x400;
/// `s_feature_ro_compat`: files wait to be deleted.
const ORPHAN_PRESENT: u32 = 0x1_0000;

/// Features with which a filesystem is grown, by word: what they change is either done here or has
/// nothing to do with how many groups there are.
const KNOWN: [u32; 3] = [
    // has_journal ext_attr resize_inode dir_index stable_inodes orphan_file, imagic_inodes
    HAS_JOURNAL | 0x8 | RESIZE_INODE | 0x20 | 0x800 | 0x1000 | 0x2,
    // filetype extents 64bit flex_bg ea_inode csum_seed large_dir inline_data encrypt casefold
    0x2 | 0x40 | BITS_64 | FLEX_BG | 0x400 | CSUM_SEED | 0x4000 | 0x8000 | 0x1_0000 | 0x2_0000,
    // sparse_super large_file huge_file uninit_bg dir_nlink extra_isize quota metadata_csum project
    // verity
    SPARSE_SUPER | 0x2 | 0x8 | GDT_CSUM | 0x20 | 0x40 | 0x100 | METADATA_CSUM | 0x2000 | 0x8000,
];

/// What the superblock says.
#[derive(Debug, Clone)]
pub(super) struct Existing {
    /// Its 1024 bytes.
    pub(super) superblock: Vec<u8>,
    /// The numbers; those of the journal are not filled in.
    pub(super) geometry: Geometry,
    /// Bytes of a group descriptor: 32 or 64.
    pub(super) descriptor_size: usize,
    /// How many groups have their metadata together; 1 where each has its own.
    pub(super) groups_per_flex: u64,
    /// How its structures are checked.
    pub(super) seal: Seal,
}

impl Existing {
    /// Reads and checks the superblock of a volume. Whether the journal has to be replayed is not
    /// judged here.
    ///
    /// # Errors
    /// Where there is no such filesystem, it is damaged or dirty, or has features that are not known.
    pub(super) fn read(volume: &Volume<'_>) -> Result<Existing, GrowRefusal> {
        let mut s = vec![0; SUPERBLOCK_SIZE];
        volume.read_exact_at(&mut s, SUPERBLOCK_AT)?;
        if le16(&s, 0x38) != Some(MAGIC) {
            return Err(GrowRefusal::NoExt4);
        }
        Existing::check_features(&s)?;
        let descriptor_size = match feature(&s, 1) & BITS_64 {
            0 => 32,
            _ => usize::from(le16(&s, 0xfe).unwrap_or(0)),
        };
        let existing = Existing {
            geometry: geometry(&s, descriptor_size)?,
            descriptor_size,
            groups_per_flex: match feature(&s, 1) & FLEX_BG {
                0 => 1,
                _ => 1 << s[0x174].min(31),
            },
            seal: Existing::seal_of(&s),
            superblock: s,
        };
        existing.check()?;
        Ok(existing)
    }

    fn check_features(s: &[u8]) -> Result<(), GrowRefusal> {
        let known = [KNOWN[0], KNOWN[1] | NEEDS_RECOVERY, KNOWN[2] | ORPHAN_PRESENT];
        for (word, known) in known.into_iter().enumerate() {
            if feature(s, word) & !known != 0 {
                let mut unknown = [0; 3];
                unknown[word] = u64::from(feature(s, word) & !known);
                let [compatible, incompatible, read_only] = unknown;
                let names = crate::fs::superblock::features(compatible, incompatible, read_only);
                return Err(GrowRefusal::Features(names));
            }
        }
        // Copies in every group are from before 1999, and would never end.
        match feature(s, 2) & SPARSE_SUPER {
            0 => Err(GrowRefusal::Features("no sparse_super".into())),
            _ => Ok(()),
        }
    }

    fn seal_of(s: &[u8]) -> Seal {
        let uuid: [u8; 16] = s[0x68..0x78].first_chunk().copied().unwrap_or_default();
        let read_only = feature(s, 2);
        match (read_only & METADATA_CSUM != 0, read_only & GDT_CSUM != 0) {
            (true, _) if feature(s, 1) & CSUM_SEED != 0 => {
                Seal::crc32c_from(le32(s, 0x270).unwrap_or(0))
            }
            (true, _) => Seal::crc32c(uuid),
            (false, true) => Seal::Crc16(uuid),
            (false, false) => Seal::None,
        }
    }

    /// Whether all is as a filesystem that was unmounted cleanly has it.
    fn check(&self) -> Result<(), GrowRefusal> {
        let s = &self.superblock;
        if !self.seal.fits_superblock(s) {
            return Err(GrowRefusal::Damaged("the superblock's checksum is wrong".into()));
        }
        let (state, errors) = (le16(s, 0x3a).unwrap_or(0), le32(s, 0x194).unwrap_or(0));
        if state & 2 != 0 || errors != 0 {
            return Err(GrowRefusal::Errors);
        }
        // Mounted without a journal, or by something that was stopped.
        if state & 1 == 0 && feature(s, 1) & NEEDS_RECOVERY == 0 {
            return Err(GrowRefusal::NotUnmounted);
        }
        if le32(s, 0xe8) != Some(0) || feature(s, 2) & ORPHAN_PRESENT != 0 {
            return Err(GrowRefusal::Orphans);
        }
        Ok(())
    }

    /// A word of features: 0 compatible, 1 incompatible, 2 compatible for reading.
    pub(super) fn feature(&self, word: usize) -> u32 {
        feature(&self.superblock, word)
    }

    /// The number of the journal's inode; `None` where there is none inside the filesystem.
    pub(super) fn journal_inode(&self) -> Option<u32> {
        let inode = le32(&self.superblock, 0xe0).unwrap_or(0);
        (self.feature(0) & HAS_JOURNAL != 0 && inode != 0).then_some(inode)
    }

    /// A block of the volume.
    pub(super) fn block(&self, volume: &Volume<'_>, number: u64) -> Result<Vec<u8>, GrowRefusal> {
        let size = self.geometry.block_size;
        let mut block = vec![0; size as usize];
        volume.read_exact_at(&mut block, number.saturating_mul(size))?;
        Ok(block)
    }

    /// The descriptors of all groups, one after the other.
    pub(super) fn descriptors(&self, volume: &Volume<'_>) -> Result<Vec<u8>, GrowRefusal> {
        let g = &self.geometry;
        let mut bytes = vec![0; g.groups() as usize * self.descriptor_size];
        volume.read_exact_at(&mut bytes, (g.first_block + 1) * g.block_size)?;
        let mut sealed = (0..).zip(bytes.chunks_exact(self.descriptor_size));
        match sealed.find(|(number, d)| !self.seal.fits_descriptor(*number, d)) {
            Some((number, _)) => {
                Err(GrowRefusal::Damaged(format!("the descriptor of group {number} is damaged")))
            }
            None => Ok(bytes),
        }
    }
}

/// A word of features.
pub(super) fn feature(superblock: &[u8], word: usize) -> u32 {
    le32(superblock, 0x5c + 4 * word).unwrap_or(0)
}

/// A number whose halves are apart; the high one counts with `64bit` alone.
pub(super) fn wide(s: &[u8], low: usize, high: usize) -> u64 {
    let half = |at| u64::from(le32(s, at).unwrap_or(0));
    let is_wide = feature(s, 1) & BITS_64 != 0;
    half(low) | if is_wide { half(high) << 32 } else { 0 }
}

/// Whether block numbers may have more than 32 bits.
pub(super) fn is_wide(superblock: &[u8]) -> bool {
    feature(superblock, 1) & BITS_64 != 0
}

fn geometry(s: &[u8], descriptor_size: usize) -> Result<Geometry, GrowRefusal> {
    let field = |at| u64::from(le32(s, at).unwrap_or(0));
    let odd = |what: &str| GrowRefusal::Damaged(format!("its superblock has {what}"));
    if field(0x18) > 2 {
        return Err(odd("blocks that are larger than a page"));
    }
    let block_size = 1024 << field(0x18);
    let geometry = Geometry {
        block_size,
        blocks: wide(s, 0x04, 0x150),
        first_block: field(0x14),
        inodes_per_group: field(0x28),
        inode_size: u64::from(le16(s, 0x58).unwrap_or(0)),
        descriptor_blocks: 0,
        spare_descriptor_blocks: u64::from(le16(s, 0xce).unwrap_or(0)),
        journal_blocks: 0,
    };
    let is_sane = geometry.first_block == u64::from(block_size == 1024)
        && geometry.blocks > geometry.first_block
        && field(0x20) == geometry.blocks_per_group()
        && (1..=8 * block_size).contains(&geometry.inodes_per_group)
        && geometry.inodes_per_group.is_multiple_of(8)
        && geometry.inode_size.is_power_of_two()
        && (128..=block_size).contains(&geometry.inode_size)
        && [32, 64].contains(&descriptor_size)
        && field(0x00) == geometry.groups().saturating_mul(geometry.inodes_per_group);
    match is_sane {
        true => {
            let descriptors = geometry.groups() * descriptor_size as u64;
            Ok(Geometry { descriptor_blocks: descriptors.div_ceil(block_size), ..geometry })
        }
        false => Err(odd("numbers that do not belong together, or are not mke2fs's")),
    }
}
