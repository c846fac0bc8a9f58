//! The boot sector, and on FAT32 FSInfo and the copies of both (fatgen103, "Boot Sector and BPB",
//! "FAT32 FSInfo Sector Structure and Backup Boot Sector").

use super::Options;
use super::geometry::{FIRST_CLUSTER, Geometry, Kind, MEDIA, SECTOR_SIZE, TABLE_COPIES};
use super::name::Label;

/// Where FAT32 has FSInfo, and the copy of the boot sector, which that of FSInfo follows.
const FS_INFO_SECTOR: u16 = 1;
const BACKUP_SECTOR: u16 = 6;

/// `BS_OEMName`: what fatgen103 recommends, since some drivers look at it.
const OEM_NAME: &[u8; 8] = b"MSWIN4.1";
/// The geometry that a BIOS invents for disks over 8 GB; nothing else reads it.
const SECTORS_PER_TRACK: u16 = 63;
const HEADS: u16 = 255;
/// `BS_DrvNum` of the first fixed disk.
const DRIVE_NUMBER: u8 = 0x80;
/// `int 18h` tells the BIOS to try the next disk; should it come back: `hlt`, `jmp` to that.
const BOOT_CODE: [u8; 5] = [0xcd, 0x18, 0xf4, 0xeb, 0xfd];
/// `BS_VolLab` of a volume without a label.
const NO_NAME: Label = Label(*b"NO NAME    ");

type Sector = [u8; SECTOR_SIZE as usize];

/// What the boot sectors say.
pub(super) struct BootSector<'a> {
    pub(super) geometry: Geometry,
    pub(super) label: Option<Label>,
    pub(super) options: &'a Options,
    pub(super) used_clusters: u32,
}

impl BootSector<'_> {
    /// The sectors with their offsets.
    pub(super) fn encode(&self) -> Vec<(u64, Vec<u8>)> {
        let boot = self.boot_sector();
        if self.geometry.kind != Kind::Fat32 {
            return vec![(0, boot.to_vec())];
        }
        let info = self.fs_info();
        let pair = |first: u16, second: u16| {
            [(first, boot), (second, info)]
                .map(|(at, bytes)| (u64::from(at) * SECTOR_SIZE, bytes.to_vec()))
        };
        [pair(0, FS_INFO_SECTOR), pair(BACKUP_SECTOR, BACKUP_SECTOR + FS_INFO_SECTOR)].concat()
    }

    fn boot_sector(&self) -> Sector {
        let g = &self.geometry;
        let mut s: Sector = [0; SECTOR_SIZE as usize];
        s[3..11].copy_from_slice(OEM_NAME);
        put16(&mut s, 11, SECTOR_SIZE as u16);
        s[13] = g.cluster_sectors as u8;
        put16(&mut s, 14, g.reserved as u16);
        s[16] = TABLE_COPIES as u8;
        put16(&mut s, 17, g.root_entries as u16);
        match u16::try_from(g.sectors) {
            Ok(sectors) if g.kind != Kind::Fat32 => put16(&mut s, 19, sectors),
            _ => put32(&mut s, 32, g.sectors),
        }
        s[21] = MEDIA;
        put16(&mut s, 24, SECTORS_PER_TRACK);
        put16(&mut s, 26, HEADS);
        put32(&mut s, 28, self.options.hidden_sectors);
        let end_of_bpb = match g.kind {
            Kind::Fat12 | Kind::Fat16 => {
                put16(&mut s, 22, g.table_sectors as u16);
                36
            }
            Kind::Fat32 => {
                put32(&mut s, 36, g.table_sectors);
                put32(&mut s, 44, FIRST_CLUSTER);
                put16(&mut s, 48, FS_INFO_SECTOR);
                put16(&mut s, 50, BACKUP_SECTOR);
                64
            }
        };
        self.finish(&mut s, end_of_bpb);
        s
    }

    /// What the types have in common after their BPB, which ends at `at`.
    fn finish(&self, s: &mut Sector, at: usize) {
        s[at] = DRIVE_NUMBER;
        // The three fields that follow are there.
        s[at + 2] = 0x29;
        put32(s, at + 3, self.options.volume_id);
        s[at + 7..at + 18].copy_from_slice(&self.label.unwrap_or(NO_NAME).0);
        s[at + 18..at + 26].copy_from_slice(format!("{:<8}", self.geometry.kind).as_bytes());
        let code = at + 26;
        s[code..code + BOOT_CODE.len()].copy_from_slice(&BOOT_CODE);
        // `jmp` counts from the byte after its own two.
        s[0..3].copy_from_slice(&[0xeb, code as u8 - 2, 0x90]);
        s[510..].copy_from_slice(&[0x55, 0xaa]);
    }

    fn fs_info(&self) -> Sector {
        let mut s: Sector = [0; SECTOR_SIZE as usize];
        put32(&mut s, 0, 0x4161_5252);
        put32(&mut s, 484, 0x6141_7272);
        put32(&mut s, 488, self.geometry.clusters - self.used_clusters);
        // The last cluster that was given away.
        put32(&mut s, 492, FIRST_CLUSTER + self.used_clusters - 1);
        put32(&mut s, 508, 0xaa55_0000);
        s
    }
}

fn put16(sector: &mut Sector, offset: usize, value: u16) {
    sector[offset..offset + 2].copy_from_slice(&value.to_le_bytes());
}

fn put32(sector: &mut Sector, offset: usize, value: u32) {
    sector[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
}
