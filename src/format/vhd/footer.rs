//! The footer: what kind of disk it is, and how large.

use super::{FOOTER, checksum};
use crate::bytes::{Guid, be16, be32, be64};
use crate::format::FormatError;
use crate::format::kind::VHD_COOKIE;
use crate::volume::Window;

/// How the bytes of a disk are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As they are; Azure takes nothing else.
    Fixed,
    /// In blocks that are there when they are written.
    Dynamic,
}

impl Kind {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Fixed => "fixed",
            Kind::Dynamic => "dynamic",
        }
    }
}

/// What the footer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footer {
    /// How bytes are stored.
    pub kind: Kind,
    /// Bytes of the disk.
    pub size: u64,
    /// The program that made it, four letters.
    pub creator: [u8; 4],
    /// Where a dynamic disk's header is.
    pub header: u64,
    /// The disk's id.
    pub id: Guid,
}

/// Creators whose guests see the geometry, which is a little less than the size, and not the size.
const BY_GEOMETRY: [&[u8; 4]; 3] = [b"vpc ", b"vs  ", b"qemu"];

/// Sectors of the largest geometry: a disk that has it may be larger.
const GEOMETRY_MAX: u64 = 65535 * 16 * 255;

/// What we call ourselves: QEMU (and what learnt from it) takes the size and not the geometry of what has
/// this name, and Azure knows it from `qemu-img -o force_size`. Of a name of our own nobody knows what to
/// make.
const CREATOR: [u8; 4] = *b"qem2";

impl Footer {
    /// Reads the last sector of a file, or its copy at the start.
    ///
    /// # Errors
    /// Where neither is good, or the disk is of a kind that is not read.
    pub fn read(file: &Window) -> Result<Footer, FormatError> {
        let at = file.len().saturating_sub(FOOTER);
        let of = |at| Footer::decode(&file.bytes(at, FOOTER as usize).unwrap_or_default(), at);
        match of(at) {
            Err(error @ FormatError::Damaged { .. }) => of(0).map_err(|_| error),
            decoded => decoded,
        }
    }

    fn decode(bytes: &[u8], offset: u64) -> Result<Footer, FormatError> {
        let what = "the footer, whose checksum is wrong";
        let damaged = FormatError::Damaged { what, offset };
        if bytes.len() < FOOTER as usize || !bytes.starts_with(VHD_COOKIE) {
            return Err(damaged);
        }
        let mut summed = bytes.to_vec();
        summed[64..68].fill(0);
        if be32(bytes, 64) != Some(checksum(&summed)) {
            return Err(damaged);
        }
        let kind = match be32(bytes, 60) {
            Some(2) => Kind::Fixed,
            Some(3) => Kind::Dynamic,
            Some(4) => {
                let text = "it is a differencing disk, which is not read";
                return Err(FormatError::unsupported(text));
            }
            _ => return Err(FormatError::unsupported("its kind of VHD is not known here")),
        };
        let creator = bytes[28..].first_chunk().copied().unwrap_or_default();
        Ok(Footer {
            kind,
            size: size(bytes, &creator),
            creator,
            header: be64(bytes, 16).unwrap_or(0),
            id: Guid::new(bytes[68..].first_chunk().map_or(0, |id| u128::from_be_bytes(*id))),
        })
    }

    /// The footer of a disk of ours.
    pub(super) fn ours(kind: Kind, size: u64, id: Guid) -> Footer {
        let header = if kind == Kind::Fixed { u64::MAX } else { FOOTER };
        Footer { kind, size, creator: CREATOR, header, id }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; FOOTER as usize];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        let (cylinders, heads, sectors) = geometry(self.size);
        put(0, VHD_COOKIE);
        put(8, &2u32.to_be_bytes());
        put(12, &0x1_0000u32.to_be_bytes());
        put(16, &self.header.to_be_bytes());
        put(28, &self.creator);
        put(32, &0x1_0000u32.to_be_bytes());
        put(36, b"Wi2k");
        put(40, &self.size.to_be_bytes());
        put(48, &self.size.to_be_bytes());
        put(56, &cylinders.to_be_bytes());
        put(58, &[heads, sectors]);
        put(60, &(if self.kind == Kind::Fixed { 2u32 } else { 3 }).to_be_bytes());
        put(68, &self.id.to_bytes());
        let sum = checksum(&bytes);
        bytes[64..68].copy_from_slice(&sum.to_be_bytes());
        bytes
    }
}

/// The disk's size as its creator meant it.
fn size(bytes: &[u8], creator: &[u8; 4]) -> u64 {
    let sectors = [be16(bytes, 56).unwrap_or(0), bytes[58].into(), bytes[59].into()];
    let sectors: u64 = sectors.into_iter().map(u64::from).product();
    match BY_GEOMETRY.contains(&creator) && sectors < GEOMETRY_MAX && sectors > 0 {
        true => sectors * 512,
        false => be64(bytes, 48).unwrap_or(0),
    }
}

/// Cylinders, heads and sectors of a track, as the specification's appendix computes them.
fn geometry(size: u64) -> (u16, u8, u8) {
    let total = (size / 512).min(GEOMETRY_MAX);
    if total >= 65535 * 16 * 63 {
        return ((total / 255 / 16) as u16, 16, 255);
    }
    let mut sectors = 17;
    let mut heads = (total / sectors).div_ceil(1024).max(4);
    if total / sectors >= heads * 1024 || heads > 16 {
        (sectors, heads) = (31, 16);
    }
    if total / sectors >= heads * 1024 {
        (sectors, heads) = (63, 16);
    }
    ((total / sectors / heads) as u16, heads as u8, sectors as u8)
}
