//! An image without any data: a fresh disk, or an overlay on a backing file.

use super::header::{Backing, COMPRESSION_TYPE, Compression, Header};
use super::refcount::Refcounts;
use super::{CLUSTER, ENTRY};
use crate::error::{Error, Result};
use crate::format::FormatError;
use crate::volume::Volume;

/// The largest disk whose L1 table QEMU reads.
const L1_MAX: u64 = 32 << 20;

/// What an image is to be.
#[derive(Debug, Clone)]
pub struct Create {
    /// Bytes of the disk.
    pub size: u64,
    /// Bytes of a cluster: a power of two from 512 to 2 MiB.
    pub cluster: u64,
    /// Of compressed clusters that are written later.
    pub compression: Compression,
    /// What it stands on.
    pub backing: Option<Backing>,
}

impl Create {
    /// A disk of this size that stands on nothing.
    pub fn new(size: u64) -> Self {
        Create { size, cluster: CLUSTER, compression: Compression::Deflate, backing: None }
    }

    /// The header of such an image, whose L1 table follows it; the counts are not placed yet.
    ///
    /// # Errors
    /// Where the clusters are of no size that there is, or the disk is too large for them.
    pub(super) fn header(&self) -> Result<Header> {
        if !self.cluster.is_power_of_two() || !(512..=2 << 20).contains(&self.cluster) {
            return Err(Error::new("clusters are of a power of two from 512 bytes to 2 MiB"));
        }
        let incompatible = match self.compression {
            Compression::Deflate => 0,
            Compression::Zstd => COMPRESSION_TYPE,
        };
        let mut header = Header {
            version: 3,
            cluster_bits: self.cluster.trailing_zeros(),
            size: self.size,
            l1_size: 0,
            l1_offset: self.cluster,
            refcount_offset: 0,
            refcount_clusters: 0,
            refcount_order: 4,
            snapshots: 0,
            incompatible,
            compatible: 0,
            autoclear: 0,
            compression: self.compression,
            backing: self.backing.clone(),
        };
        let entries = header.l1_needed(self.size);
        header.l1_size = u32::try_from(entries).unwrap_or(u32::MAX);
        match entries * ENTRY <= L1_MAX && self.size <= i64::MAX as u64 {
            true => Ok(header),
            false => {
                Err(FormatError::unsupported("the disk is too large for clusters of that size")
                    .into())
            }
        }
    }

    /// Clusters of header and L1 table.
    pub(super) fn head_clusters(&self, header: &Header) -> u64 {
        1 + (u64::from(header.l1_size) * ENTRY).div_ceil(self.cluster)
    }
}

/// Writes an image without data into a volume that is all zeros, and returns its length in bytes.
///
/// # Errors
/// Where there is no such image (see [`Header::encode`] too), or it cannot be written.
pub fn create(image: &Create, volume: &Volume<'_>) -> Result<u64> {
    let mut header = image.header()?;
    let head = image.head_clusters(&header);
    let counts = Refcounts::plan(head, image.cluster);
    header.refcount_offset = counts.table_offset();
    header.refcount_clusters = counts.table as u32;
    let bytes = header.encode()?;
    volume.write_all_at(&counts.encode(&vec![1; head as usize]), head * image.cluster)?;
    volume.write_all_at(&bytes, 0)?;
    Ok(counts.end() * image.cluster)
}
