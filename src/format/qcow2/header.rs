//! The header, with what its extensions say.

use crate::bytes::{be32, be64};
use crate::error::shown_bytes;
use crate::format::FormatError;
use crate::volume::Window;

/// How compressed clusters are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// DEFLATE with a window of 4 KiB, without a header.
    Deflate,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// QEMU's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Compression::Deflate => "zlib",
            Compression::Zstd => "zstd",
        }
    }
}

/// The image that has what this one does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backing {
    /// Its path, relative to the folder of the image.
    pub path: Vec<u8>,
    /// Its format by QEMU's name, where it is recorded.
    pub format: Option<String>,
}

/// What the first cluster of an image says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// 2 or 3.
    pub version: u32,
    /// Bytes of a cluster as a power of two: 9 to 21.
    pub cluster_bits: u32,
    /// Bytes of the disk.
    pub size: u64,
    /// Entries of the L1 table.
    pub l1_size: u32,
    /// Where it is.
    pub l1_offset: u64,
    /// Where the table of reference count blocks is.
    pub refcount_offset: u64,
    /// Its clusters.
    pub refcount_clusters: u32,
    /// Bits of a reference count as a power of two.
    pub refcount_order: u32,
    /// Internal snapshots.
    pub snapshots: u32,
    /// Feature bits that a reader must know.
    pub incompatible: u64,
    /// Feature bits that it need not know.
    pub compatible: u64,
    /// Feature bits that a writer which does not know them clears.
    pub autoclear: u64,
    /// Of compressed clusters.
    pub compression: Compression,
    /// What it stands on.
    pub backing: Option<Backing>,
}

/// What every image starts with.
pub(super) const MAGIC: [u8; 4] = *b"QFI\xfb";

/// Bytes of a version 2 header, and of the version 3 header that is written here.
const V2: usize = 72;
pub(super) const V3: usize = 112;

/// Extensions of the header.
pub(super) const EXTENSION_END: u32 = 0;
pub(super) const EXTENSION_BACKING_FORMAT: u32 = 0xe279_2aca;

/// Incompatible features.
pub(super) const DIRTY: u64 = 1;
pub(super) const CORRUPT: u64 = 1 << 1;
const DATA_FILE: u64 = 1 << 2;
pub(super) const COMPRESSION_TYPE: u64 = 1 << 3;
pub(super) const EXTENDED_L2: u64 = 1 << 4;

/// The longest backing file name (QEMU's limit).
pub(super) const BACKING_MAX: usize = 1023;

/// The largest L1 table (QEMU's limit).
const L1_MAX: u64 = 32 << 20;

impl Header {
    /// Reads the header of an image, and whether everything that it needs is read here.
    ///
    /// # Errors
    /// Where it is damaged or cut off, the image is encrypted, keeps its data in another file, or has a
    /// feature of a later version.
    pub fn read(file: &Window) -> Result<Header, FormatError> {
        let unreadable = |e: std::io::Error| FormatError::unsupported(format!("reading it: {e}"));
        let head = file.bytes(0, 1 << 16).map_err(unreadable)?;
        let mut header = Header::fixed_part(&head)?;
        header.refuse_unread(&head)?;
        header.check(file.len())?;
        let (at, len) = (be64(&head, 8).unwrap_or(0), be32(&head, 16).unwrap_or(0) as usize);
        if at != 0 {
            let what = "the name of the backing file";
            if len > BACKING_MAX {
                return Err(FormatError::Damaged { what: "a name over 1023 bytes", offset: 16 });
            }
            let path = file.bytes(at, len).map_err(unreadable)?;
            if path.len() < len {
                return Err(FormatError::CutOff { what, offset: at });
            }
            header.backing = Some(Backing { path, format: header.backing_format(&head) });
        }
        Ok(header)
    }

    fn fixed_part(head: &[u8]) -> Result<Header, FormatError> {
        let what = "the header";
        if !head.starts_with(&MAGIC) {
            return Err(FormatError::Damaged { what: "no qcow2 magic", offset: 0 });
        }
        if head.len() < V2 {
            return Err(FormatError::CutOff { what, offset: head.len() as u64 });
        }
        let u32_at = |at| be32(head, at).unwrap_or(0);
        let u64_at = |at| be64(head, at).unwrap_or(0);
        let version = u32_at(4);
        if !(2..=3).contains(&version) {
            return Err(FormatError::unsupported(format!("qcow2 version {version} is not read")));
        }
        // Fields that version 2 does not have are zero there, but for the width of counts.
        let v3 = |value: u64| if version >= 3 { value } else { 0 };
        Ok(Header {
            version,
            cluster_bits: u32_at(20),
            size: u64_at(24),
            l1_size: u32_at(36),
            l1_offset: u64_at(40),
            refcount_offset: u64_at(48),
            refcount_clusters: u32_at(56),
            refcount_order: if version >= 3 { u32_at(96) } else { 4 },
            snapshots: u32_at(60),
            incompatible: v3(u64_at(72)),
            compatible: v3(u64_at(80)),
            autoclear: v3(u64_at(88)),
            compression: Compression::Deflate,
            backing: None,
        })
    }

    /// Refuses what is not read, and finds out how clusters are compressed.
    fn refuse_unread(&mut self, head: &[u8]) -> Result<(), FormatError> {
        if be32(head, 32) != Some(0) {
            return Err(FormatError::unsupported("the image is encrypted, which is not read"));
        }
        if self.incompatible & DATA_FILE != 0 {
            let text = "the image keeps its data in another file, which is not read";
            return Err(FormatError::unsupported(text));
        }
        let unknown = self.incompatible & !(DIRTY | CORRUPT | COMPRESSION_TYPE | EXTENDED_L2);
        if unknown != 0 {
            let bit = unknown.trailing_zeros();
            let text = format!("the image needs feature bit {bit}, which is not known here");
            return Err(FormatError::unsupported(text));
        }
        let length = be32(head, 100).unwrap_or(0);
        if self.version >= 3 && length > 104 {
            self.compression = match head.get(104) {
                Some(0) => Compression::Deflate,
                Some(1) => Compression::Zstd,
                _ => return Err(FormatError::unsupported("its compression is not known here")),
            };
        }
        Ok(())
    }

    fn check(&self, file: u64) -> Result<(), FormatError> {
        let damaged = |what, offset| Err(FormatError::Damaged { what, offset });
        if !(9..=21).contains(&self.cluster_bits) {
            return damaged("clusters that are not of 512 bytes to 2 MiB", 20);
        }
        if self.has_extended_l2() && self.cluster_bits < 14 {
            return damaged("extended L2 entries with clusters under 16 KiB", 20);
        }
        if self.size > i64::MAX as u64 {
            return damaged("a disk that is larger than any file", 24);
        }
        if self.refcount_order > 6 {
            return damaged("reference counts of over 64 bits", 96);
        }
        let l1 = u64::from(self.l1_size) * super::ENTRY;
        if l1 > L1_MAX || u64::from(self.l1_size) < self.l1_needed(self.size) {
            return damaged("an L1 table that does not fit the disk", 36);
        }
        if self.l1_offset.checked_add(l1).is_none_or(|end| end > file) {
            return Err(FormatError::CutOff { what: "the L1 table", offset: self.l1_offset });
        }
        match self.l1_offset % self.cluster() {
            0 => Ok(()),
            _ => damaged("an L1 table that starts within a cluster", 40),
        }
    }

    fn backing_format(&self, head: &[u8]) -> Option<String> {
        let length = if self.version >= 3 { be32(head, 100)? as usize } else { V2 };
        let mut at = length;
        loop {
            let (kind, len) = (be32(head, at)?, be32(head, at + 4)? as usize);
            let content = head.get(at + 8..)?.get(..len)?;
            match kind {
                EXTENSION_END => return None,
                EXTENSION_BACKING_FORMAT => return Some(shown_bytes(content)),
                _ => at += 8 + len.next_multiple_of(8),
            }
        }
    }

    /// Bytes of a cluster.
    pub fn cluster(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// Whether L2 entries have 128 bits, with a map of 32 subclusters each.
    pub fn has_extended_l2(&self) -> bool {
        self.incompatible & EXTENDED_L2 != 0
    }

    /// Whether the image was not closed, so that its reference counts may be wrong.
    pub fn is_dirty(&self) -> bool {
        self.incompatible & DIRTY != 0
    }

    /// Whether QEMU found it corrupt.
    pub fn is_corrupt(&self) -> bool {
        self.incompatible & CORRUPT != 0
    }

    /// Bytes of an L2 entry.
    pub(super) fn l2_entry(&self) -> u64 {
        if self.has_extended_l2() { 16 } else { super::ENTRY }
    }

    /// Bytes of the disk that an L2 table describes.
    pub fn l2_reach(&self) -> u64 {
        self.cluster() / self.l2_entry() * self.cluster()
    }

    /// Entries of an L1 table that a disk of this size needs.
    pub fn l1_needed(&self, size: u64) -> u64 {
        size.div_ceil(self.l2_reach())
    }

    /// The first cluster's bytes: version 3, with the backing file's format and name.
    ///
    /// # Errors
    /// Where the backing file's name is longer than QEMU reads, or does not fit into the cluster.
    pub fn encode(&self) -> Result<Vec<u8>, FormatError> {
        let mut head = vec![0; V3];
        let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &MAGIC);
        put(4, &3u32.to_be_bytes());
        put(20, &self.cluster_bits.to_be_bytes());
        put(24, &self.size.to_be_bytes());
        put(36, &self.l1_size.to_be_bytes());
        put(40, &self.l1_offset.to_be_bytes());
        put(48, &self.refcount_offset.to_be_bytes());
        put(56, &self.refcount_clusters.to_be_bytes());
        put(72, &self.incompatible.to_be_bytes());
        put(80, &self.compatible.to_be_bytes());
        put(88, &self.autoclear.to_be_bytes());
        put(96, &self.refcount_order.to_be_bytes());
        put(100, &(V3 as u32).to_be_bytes());
        put(104, &[u8::from(self.compression == Compression::Zstd)]);
        if let Some(Backing { path, format }) = &self.backing {
            if let Some(format) = format {
                extend(&mut head, EXTENSION_BACKING_FORMAT, format.as_bytes());
            }
            extend(&mut head, EXTENSION_END, b"");
            let (at, len) = (head.len() as u64, path.len() as u32);
            head[8..16].copy_from_slice(&at.to_be_bytes());
            head[16..20].copy_from_slice(&len.to_be_bytes());
            head.extend(path);
            if path.len() > BACKING_MAX || path.is_empty() {
                let text = "the backing file's name has more bytes than QEMU reads (1023), or none";
                return Err(FormatError::unsupported(text));
            }
        }
        match head.len() as u64 <= self.cluster() {
            true => Ok(head),
            false => Err(FormatError::unsupported("the clusters are too small for the header")),
        }
    }
}

/// Appends an extension, padded to eight bytes.
fn extend(head: &mut Vec<u8>, kind: u32, content: &[u8]) {
    head.extend(kind.to_be_bytes());
    head.extend((content.len() as u32).to_be_bytes());
    head.extend(content);
    head.resize(head.len().next_multiple_of(8), 0);
}
