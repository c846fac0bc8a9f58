//! One transaction of the filesystem's own journal: blocks that take effect together or not at all,
//! whoever mounts or checks the filesystem next.
//!
//! Reference: kernel Documentation/filesystems/ext4/journal.rst. All numbers are big-endian. Ours is
//! known by the UUID of its first tag, which every other reader skips: only such a one is read here.
//! Left out: revoke records, checksums of version 1 and 2, fast commits.

use crate::bytes::{le16, le32};
use crate::fs::ext4::checksum::Checksum;
use crate::fs::ext4::put;

use super::spare::Blocks;

/// `h_magic`
const MAGIC: u32 = 0xc03b_3998;
/// `h_blocktype` of descriptors, commits and the superblock.
const DESCRIPTOR: u32 = 1;
const COMMIT: u32 = 2;
const SUPERBLOCK_V2: u32 = 4;
/// `s_feature_incompat`: revoke records, numbers of 64 bits, commits that do not wait, CRC-32C.
const REVOKE: u32 = 0x1;
const BITS_64: u32 = 0x2;
const ASYNC_COMMIT: u32 = 0x4;
const CSUM_V3: u32 = 0x10;
/// Flags of a tag: the block began like one of the journal; no UUID follows; no tag follows.
const ESCAPED: u32 = 1;
const SAME_UUID: u32 = 2;
const LAST_TAG: u32 = 8;
/// Bytes of a header.
const HEADER: usize = 12;
/// Bytes of the superblock, and where it is checked.
const SUPERBLOCK_SIZE: usize = 1024;
const CHECKSUM_AT: usize = 0xfc;
/// The UUID of our first tag.
const OURS: [u8; 16] = *b"bootwright grows";

/// What the journal's superblock says.
#[derive(Debug, Clone)]
pub(super) struct Log {
    superblock: Vec<u8>,
    block_size: usize,
    /// Blocks of the journal, that of the superblock included.
    pub(super) blocks: u32,
    first: u32,
    sequence: u32,
    /// Where the log that has to be replayed begins; 0 for none.
    pub(super) start: u32,
    has_checksums: bool,
    is_wide: bool,
}

impl Log {
    /// Reads the journal's first block; `None` where it is a journal that is not written here.
    pub(super) fn read(block: &[u8], block_size: u64) -> Option<Log> {
        let superblock = block.get(..SUPERBLOCK_SIZE)?.to_vec();
        let field = |at| le32(&superblock, at).unwrap_or(0).swap_bytes();
        let (compatible, features) = (field(0x24), field(0x28));
        let is_known = compatible == 0
            && features & !(REVOKE | BITS_64 | ASYNC_COMMIT | CSUM_V3) == 0
            && field(0x2c) == 0;
        let has_checksums = features & CSUM_V3 != 0;
        let fits = field(0x00) == MAGIC
            && field(0x04) == SUPERBLOCK_V2
            && u64::from(field(0x0c)) == block_size
            && (1..field(0x10)).contains(&field(0x14))
            && field(0x20) == 0
            && (!has_checksums || sealed(superblock.clone()) == superblock);
        let log = Log {
            block_size: block_size as usize,
            blocks: field(0x10),
            first: field(0x14),
            sequence: field(0x18),
            start: field(0x1c),
            has_checksums,
            is_wide: features & BITS_64 != 0,
            superblock: superblock.clone(),
        };
        (is_known && fits).then_some(log)
    }

    /// The superblock with our transaction as the log to replay.
    pub(super) fn committed(&self) -> Vec<u8> {
        self.with(self.first, self.sequence)
    }

    /// The superblock with nothing to replay, and numbers that no block of the log has.
    pub(super) fn emptied(&self) -> Vec<u8> {
        self.with(0, self.sequence.wrapping_add(1))
    }

    fn with(&self, start: u32, sequence: u32) -> Vec<u8> {
        let mut s = self.superblock.clone();
        put(&mut s, 0x18, sequence.to_be_bytes());
        put(&mut s, 0x1c, start.to_be_bytes());
        if self.has_checksums { sealed(s) } else { s }
    }

    /// How many blocks of the journal a transaction of so many takes.
    fn needs(&self, blocks: usize) -> usize {
        blocks + blocks.div_ceil(self.tags_per_descriptor()) + 1
    }

    /// Whether a transaction of so many blocks fits.
    pub(super) fn has_room(&self, blocks: usize) -> bool {
        self.needs(blocks) <= (self.blocks - self.first) as usize
    }

    /// The transaction as the journal's blocks, and the number of the first.
    pub(super) fn transaction(&self, blocks: &Blocks) -> (u32, Vec<u8>) {
        let mut log = Vec::new();
        let numbered: Vec<_> = blocks.iter().collect();
        for (index, part) in numbered.chunks(self.tags_per_descriptor()).enumerate() {
            log.extend(self.descriptor(part, index == 0));
            part.iter().for_each(|(_, block)| log.extend(escaped(block)));
        }
        log.extend(self.commit());
        (self.first, log)
    }

    /// Whether a journal without anything to replay was emptied by us: `head` is the first block of its
    /// log, which nobody has written to since.
    pub(super) fn was_ours(&self, head: &[u8]) -> bool {
        let field = |at| le32(head, at).map(u32::swap_bytes);
        let uuid = HEADER + self.tag_size();
        self.start == 0
            && field(0) == Some(MAGIC)
            && field(4) == Some(DESCRIPTOR)
            && field(8) == Some(self.sequence.wrapping_sub(1))
            && head.get(uuid..uuid + 16) == Some(&OURS)
    }

    /// Its first block of the log.
    pub(super) fn first(&self) -> u32 {
        self.first
    }

    /// The blocks of our transaction, from the blocks of the journal's log that `read` gives; `None`
    /// where the log is somebody else's, or not whole.
    pub(super) fn replay(&self, mut read: impl FnMut(u32) -> Option<Vec<u8>>) -> Option<Blocks> {
        let (mut blocks, mut at) = (Blocks::new(), self.start);
        loop {
            let head = read(at)?;
            match self.kind(&head)? {
                COMMIT => return (head == self.commit()).then_some(blocks),
                DESCRIPTOR => {}
                _ => return None,
            }
            let numbers = self.tags(&head, blocks.is_empty())?;
            for (offset, (number, is_escaped)) in (1..).zip(&numbers) {
                let mut block = read(at + offset)?;
                if *is_escaped {
                    put(&mut block, 0, MAGIC.to_be_bytes());
                }
                blocks.insert(*number, block);
            }
            // Whoever changed a block of it would have changed the descriptor's checksums too.
            let part: Vec<_> =
                numbers.iter().filter_map(|(n, _)| blocks.get_key_value(n)).collect();
            if self.descriptor(&part, at == self.start) != head {
                return None;
            }
            at += 1 + numbers.len() as u32;
        }
    }

    /// The type of a block of our transaction.
    fn kind(&self, block: &[u8]) -> Option<u32> {
        let field = |at| le32(block, at).map(u32::swap_bytes);
        let is_ours = field(0)? == MAGIC && field(8)? == self.sequence;
        if is_ours { field(4) } else { None }
    }

    /// Numbers of blocks, and whether each begins like one of the journal.
    fn tags(&self, head: &[u8], is_first: bool) -> Option<Vec<(u64, bool)>> {
        let (mut numbers, mut at) = (Vec::new(), HEADER);
        loop {
            let tag = head.get(at..at + self.tag_size())?;
            let half = |at| le32(tag, at).unwrap_or(0).swap_bytes();
            let (flags, high) = match self.has_checksums {
                true => (half(4), half(8)),
                false => {
                    (u32::from(le16(tag, 6)?.swap_bytes()), if self.is_wide { half(8) } else { 0 })
                }
            };
            numbers.push((u64::from(half(0)) | u64::from(high) << 32, flags & ESCAPED != 0));
            at += self.tag_size();
            if flags & SAME_UUID == 0 {
                if head.get(at..at + 16)? != OURS || !is_first || numbers.len() > 1 {
                    return None;
                }
                at += 16;
            }
            if flags & LAST_TAG != 0 {
                return Some(numbers);
            }
        }
    }

    fn tag_size(&self) -> usize {
        match (self.has_checksums, self.is_wide) {
            (true, _) => 16,
            (false, true) => 12,
            (false, false) => 8,
        }
    }

    fn tags_per_descriptor(&self) -> usize {
        // The UUID of the first, and the checksum at the end.
        (self.block_size - HEADER - 16 - 4) / self.tag_size()
    }

    fn seed(&self) -> Checksum {
        Checksum::START.with(&self.superblock[0x30..0x40])
    }

    fn header(&self, kind: u32) -> Vec<u8> {
        let mut block = vec![0; self.block_size];
        put(&mut block, 0, MAGIC.to_be_bytes());
        put(&mut block, 4, kind.to_be_bytes());
        put(&mut block, 8, self.sequence.to_be_bytes());
        block
    }

    fn descriptor(&self, part: &[(&u64, &Vec<u8>)], is_first: bool) -> Vec<u8> {
        let mut head = self.header(DESCRIPTOR);
        let mut at = HEADER;
        for (index, (number, block)) in part.iter().enumerate() {
            let has_uuid = is_first && index == 0;
            let flags = if is_escaped(block) { ESCAPED } else { 0 }
                | if has_uuid { 0 } else { SAME_UUID }
                | if index + 1 == part.len() { LAST_TAG } else { 0 };
            put(&mut head, at, (**number as u32).to_be_bytes());
            let high = ((**number >> 32) as u32).to_be_bytes();
            if self.has_checksums {
                let checksum = self.seed().with(&self.sequence.to_be_bytes()).with(&escaped(block));
                put(&mut head, at + 4, flags.to_be_bytes());
                put(&mut head, at + 8, high);
                put(&mut head, at + 12, checksum.value().to_be_bytes());
            } else {
                put(&mut head, at + 6, (flags as u16).to_be_bytes());
                if self.is_wide {
                    put(&mut head, at + 8, high);
                }
            }
            at += self.tag_size();
            if has_uuid {
                put(&mut head, at, OURS);
                at += 16;
            }
        }
        let tail = self.block_size - 4;
        self.close(&mut head, tail);
        head
    }

    /// The commit; its time stays zero, since nobody needs it and the bytes are to be the same.
    fn commit(&self) -> Vec<u8> {
        let mut block = self.header(COMMIT);
        self.close(&mut block, 16);
        block
    }

    /// Puts the checksum of a block there, where there are such.
    fn close(&self, block: &mut [u8], at: usize) {
        if self.has_checksums {
            let checksum = self.seed().with(block).value();
            put(block, at, checksum.to_be_bytes());
        }
    }
}

/// The journal's superblock with its checksum.
fn sealed(mut superblock: Vec<u8>) -> Vec<u8> {
    put(&mut superblock, CHECKSUM_AT, [0; 4]);
    let checksum = Checksum::START.with(&superblock).value();
    put(&mut superblock, CHECKSUM_AT, checksum.to_be_bytes());
    superblock
}

fn is_escaped(block: &[u8]) -> bool {
    block.starts_with(&MAGIC.to_be_bytes())
}

/// A block as the log has it: never like one of its own.
fn escaped(block: &[u8]) -> Vec<u8> {
    let mut block = block.to_vec();
    if is_escaped(&block) {
        put(&mut block, 0, [0; 4]);
    }
    block
}
