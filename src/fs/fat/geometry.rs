//! Which of the three types a volume is, and where its structures lie (fatgen103, "FAT Type
//! Determination" and "FAT Volume Initialization").
//!
//! The order: reserved sectors, two tables, root directory (not on FAT32), clusters. The clusters start
//! at a multiple of their size, the reserved sectors being as many as that takes.

use std::fmt;

use super::directory::Directories;
use super::error::FatError;
use super::{Options, VolumeSize};
use crate::size::{GIB, MIB};

/// Bytes of a sector.
pub const SECTOR_SIZE: u64 = 512;
/// `BPB_Media` of a fixed disk.
pub(super) const MEDIA: u8 = 0xf8;
/// `BPB_NumFATs`.
pub(super) const TABLE_COPIES: u32 = 2;
/// The number of the first cluster.
pub(super) const FIRST_CLUSTER: u32 = 2;
/// Bytes of a directory entry.
pub(super) const ENTRY_SIZE: u64 = 32;

/// Sectors of a cluster in the order in which they are tried: as mkfs.fat, from 4 on up to 32 KiB,
/// the most that all systems read; below 4 where the volume is too small for its type otherwise.
const CLUSTER_SECTORS: [u32; 7] = [4, 8, 16, 32, 64, 2, 1];
/// Where mkfs.fat goes over to FAT32.
const FAT32_FROM: u64 = 512 * MIB;
/// Volume sizes from which a FAT32 cluster has so many sectors (fatgen103, `DskTableFAT32`).
const FAT32_CLUSTER_SECTORS: [(u64, u32); 5] =
    [(32 * GIB, 64), (16 * GIB, 32), (8 * GIB, 16), (260 * MIB, 8), (0, 1)];
/// Entries of the root directory that everybody expects of FAT12 and FAT16.
const ROOT_ENTRIES: u32 = 512;

/// What automatic sizes are a multiple of.
const AUTO_SECTORS: u64 = MIB / SECTOR_SIZE;

/// The three types, which differ in the width of a table entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Below 4,085 clusters.
    Fat12,
    /// Below 65,525 clusters.
    Fat16,
    /// More.
    Fat32,
}

impl Kind {
    /// The fewest and the most clusters. The count alone decides the type, and since much software
    /// is off by a few, fatgen103 asks to stay 16 away from the limits.
    pub(super) const fn clusters(self) -> (u32, u32) {
        match self {
            Kind::Fat12 => (1, 4084 - 16),
            Kind::Fat16 => (4085 + 16, 65_524 - 16),
            Kind::Fat32 => (65_525 + 16, 0x0fff_fff4),
        }
    }

    /// The table entry of the last cluster of a chain.
    pub(super) const fn end_of_chain(self) -> u32 {
        match self {
            Kind::Fat12 => 0x0fff,
            Kind::Fat16 => 0xffff,
            Kind::Fat32 => 0x0fff_ffff,
        }
    }

    /// Bits of a table entry.
    const fn entry_bits(self) -> u64 {
        match self {
            Kind::Fat12 => 12,
            Kind::Fat16 => 16,
            Kind::Fat32 => 32,
        }
    }

    /// Boot sectors: one, or on FAT32 as many as Windows reserves for itself, FSInfo and their copies.
    const fn reserved(self) -> u64 {
        match self {
            Kind::Fat12 | Kind::Fat16 => 1,
            Kind::Fat32 => 32,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Fat12 => "FAT12",
            Kind::Fat16 => "FAT16",
            Kind::Fat32 => "FAT32",
        })
    }
}

/// Where everything is, in sectors of the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    /// The type.
    pub(super) kind: Kind,
    /// The whole volume.
    pub(super) sectors: u32,
    /// In front of the first table.
    pub(super) reserved: u32,
    /// One table.
    pub(super) table_sectors: u32,
    /// Entries of the root directory; 0 on FAT32, where it is a chain of clusters.
    pub(super) root_entries: u32,
    /// One cluster.
    pub(super) cluster_sectors: u32,
    /// How many clusters there are.
    pub(super) clusters: u32,
}

impl Geometry {
    /// The geometry that these options ask for, in which everything fits.
    pub(super) fn choose(options: &Options, content: &Directories) -> Result<Self, FatError> {
        let root_entries = ROOT_ENTRIES.max(content.root_entries());
        match options.size {
            VolumeSize::Auto { reserve } => Self::fitting(options.kind, root_entries, |g| {
                content.clusters(g).saturating_add(reserve.div_ceil(g.cluster_size()))
            }),
            VolumeSize::Exact(size) if !size.is_multiple_of(SECTOR_SIZE) => {
                Err(FatError::NotSectors(size))
            }
            VolumeSize::Exact(size) => {
                let geometry = Self::of_size(size / SECTOR_SIZE, options.kind, root_entries)?;
                let (needs, has) = (content.clusters(&geometry), u64::from(geometry.clusters));
                let (kind, bytes) = (geometry.kind, geometry.cluster_size());
                match needs <= has {
                    true => Ok(geometry),
                    false => Err(FatError::Full { kind, needs: needs * bytes, has: has * bytes }),
                }
            }
        }
    }

    /// The smallest volume of whole MiB that has as many clusters as are needed, which depends on their
    /// size.
    fn fitting(
        kind: Option<Kind>,
        root_entries: u32,
        needed: impl Fn(&Geometry) -> u64,
    ) -> Result<Self, FatError> {
        let mut least = 1u64;
        loop {
            let sectors = least.div_ceil(AUTO_SECTORS).saturating_mul(AUTO_SECTORS);
            match Self::of_size(sectors, kind, root_entries) {
                Ok(geometry) => {
                    let needed = needed(&geometry);
                    if needed <= geometry.clusters.into() {
                        return Ok(geometry);
                    }
                    // What is left over after the last cluster counts towards the next.
                    let bytes = needed.saturating_mul(geometry.cluster_size());
                    least = geometry.data_offset().saturating_add(bytes) / SECTOR_SIZE;
                }
                Err(FatError::TooSmall { least: bytes, .. }) => least = bytes / SECTOR_SIZE,
                Err(error) => return Err(error),
            }
        }
    }

    /// A volume of this size: the given type, or the one that mkfs.fat would take.
    fn of_size(sectors: u64, kind: Option<Kind>, root_entries: u32) -> Result<Self, FatError> {
        let size = sectors.saturating_mul(SECTOR_SIZE);
        let kinds = match kind {
            Some(kind) => &[kind][..],
            None if size >= FAT32_FROM => &[Kind::Fat32],
            None => &[Kind::Fat12, Kind::Fat16],
        };
        let too_large = FatError::TooLarge { kind: kinds[kinds.len() - 1], size };
        let Ok(sectors) = u32::try_from(sectors) else { return Err(too_large) };
        let mut small = true;
        for &cluster_sectors in cluster_sizes(kinds[0], size) {
            for &kind in kinds {
                let geometry = Self::with(kind, sectors, cluster_sectors, root_entries);
                let (least, most) = kind.clusters();
                if (least..=most).contains(&geometry.clusters) {
                    return Ok(geometry);
                }
                small &= geometry.clusters < least;
            }
        }
        match small {
            true => Err(Self::too_small(kinds[0], size, root_entries)),
            false => Err(too_large),
        }
    }

    /// The error for a volume that has too few clusters however small they are.
    fn too_small(kind: Kind, size: u64, root_entries: u32) -> FatError {
        let mut sectors = 1;
        loop {
            let clusters = Self::with(kind, sectors, 1, root_entries).clusters;
            match kind.clusters().0.saturating_sub(clusters) {
                0 => break,
                missing => sectors += missing,
            }
        }
        FatError::TooSmall { kind, size, least: u64::from(sectors) * SECTOR_SIZE }
    }

    /// The structures for these sizes, with the smallest table that has an entry for every cluster.
    fn with(kind: Kind, sectors: u32, cluster_sectors: u32, root_entries: u32) -> Self {
        let root_entries = if kind == Kind::Fat32 { 0 } else { root_entries };
        let root_sectors = u64::from(root_entries) * ENTRY_SIZE / SECTOR_SIZE;
        let (cluster, bits) = (u64::from(cluster_sectors), kind.entry_bits());
        let data_start = |table: u64| {
            let before = kind.reserved() + u64::from(TABLE_COPIES) * table + root_sectors;
            before.next_multiple_of(cluster)
        };
        let clusters = |table| u64::from(sectors).saturating_sub(data_start(table)) / cluster;
        let needed = |clusters: u64| ((clusters + 2) * bits).div_ceil(8 * SECTOR_SIZE);
        // A cluster costs its sectors and an entry in each table; from just below that, count up.
        let cost = cluster * 8 * SECTOR_SIZE + u64::from(TABLE_COPIES) * bits;
        let free = u64::from(sectors).saturating_sub(kind.reserved() + root_sectors);
        let mut table = needed(free * 8 * SECTOR_SIZE / cost).saturating_sub(2).max(1);
        while needed(clusters(table)) > table {
            table += 1;
        }
        let reserved = data_start(table) - u64::from(TABLE_COPIES) * table - root_sectors;
        Geometry {
            kind,
            sectors,
            reserved: reserved as u32,
            table_sectors: table as u32,
            root_entries,
            cluster_sectors,
            clusters: clusters(table) as u32,
        }
    }

    /// Bytes of a cluster.
    pub(super) fn cluster_size(&self) -> u64 {
        u64::from(self.cluster_sectors) * SECTOR_SIZE
    }

    /// Where a copy of the table starts.
    pub(super) fn table_offset(&self, copy: u32) -> u64 {
        (u64::from(self.reserved) + u64::from(copy) * u64::from(self.table_sectors)) * SECTOR_SIZE
    }

    /// Where the root directory of FAT12 and FAT16 starts.
    pub(super) fn root_offset(&self) -> u64 {
        self.table_offset(TABLE_COPIES)
    }

    /// Where the clusters start.
    pub(super) fn data_offset(&self) -> u64 {
        self.root_offset() + u64::from(self.root_entries) * ENTRY_SIZE
    }

    /// Where a cluster starts.
    pub(super) fn cluster_offset(&self, cluster: u32) -> u64 {
        self.data_offset() + u64::from(cluster - FIRST_CLUSTER) * self.cluster_size()
    }
}

/// The cluster sizes to try, in sectors.
fn cluster_sizes(kind: Kind, size: u64) -> &'static [u32] {
    if kind != Kind::Fat32 {
        return &CLUSTER_SECTORS;
    }
    let row = FAT32_CLUSTER_SECTORS.iter().find(|(from, _)| size >= *from);
    row.map_or(&[], |(_, sectors)| std::slice::from_ref(sectors))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_size(bytes: u64, kind: Option<Kind>) -> Result<Geometry, FatError> {
        Geometry::of_size(bytes / SECTOR_SIZE, kind, ROOT_ENTRIES)
    }

    #[test]
    fn the_type_and_cluster_size_are_those_of_mkfs_fat() {
        for (size, kind, cluster_sectors) in [
            (MIB, Kind::Fat12, 4),
            (7 * MIB, Kind::Fat12, 4),
            (9 * MIB, Kind::Fat16, 4),
            (64 * MIB, Kind::Fat16, 4),
            (130 * MIB, Kind::Fat16, 8),
            (511 * MIB, Kind::Fat16, 16),
            (512 * MIB, Kind::Fat32, 8),
            (9 * GIB, Kind::Fat32, 16),
            (40 * GIB, Kind::Fat32, 64),
        ] {
            let geometry = of_size(size, None).expect("it is a FAT size");
            assert_eq!(
                (geometry.kind, geometry.cluster_sectors),
                (kind, cluster_sectors),
                "{size}"
            );
        }
    }

    #[test]
    fn no_count_is_near_a_limit_and_every_table_is_just_long_enough() {
        for sectors in (36..70_000).chain((262_000..263_500).step_by(7)) {
            let geometry = Geometry::of_size(sectors, None, ROOT_ENTRIES).expect("any size fits");
            let (least, most) = geometry.kind.clusters();
            assert!((least..=most).contains(&geometry.clusters), "{geometry:?}");
            let bits = u64::from(geometry.clusters + 2) * geometry.kind.entry_bits();
            assert!(bits.div_ceil(4096) <= u64::from(geometry.table_sectors), "{geometry:?}");
            assert!(u64::from(geometry.table_sectors) <= bits.div_ceil(4096) + 1, "{geometry:?}");
            let end = geometry.cluster_offset(FIRST_CLUSTER + geometry.clusters);
            assert!(end <= sectors * SECTOR_SIZE, "{geometry:?}");
            assert!(geometry.data_offset().is_multiple_of(geometry.cluster_size()));
        }
    }

    #[test]
    fn a_size_that_no_cluster_size_suits_is_refused_with_one_that_does() {
        for kind in [Kind::Fat12, Kind::Fat16, Kind::Fat32] {
            let Err(FatError::TooSmall { least, .. }) = of_size(10_000, Some(kind)) else {
                panic!("10,000 bytes are too few for {kind}");
            };
            assert!(of_size(least, Some(kind)).is_ok_and(|g| g.kind == kind));
            assert!(of_size(least - SECTOR_SIZE, Some(kind)).is_err());
        }
        let error = of_size(GIB, Some(Kind::Fat12));
        assert_eq!(error, Err(FatError::TooLarge { kind: Kind::Fat12, size: GIB }));
        let huge = 4096 * GIB;
        assert_eq!(of_size(huge, None), Err(FatError::TooLarge { kind: Kind::Fat32, size: huge }));
    }
}
