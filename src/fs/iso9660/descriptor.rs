//! Volume descriptors (ECMA-119 8): the primary one, El Torito's boot record, Joliet's supplementary
//! one, and the terminator.

use super::hierarchy::Hierarchy;
use super::name::Naming;
use super::number::{both16, both32};
use super::path_table::PathTable;
use super::time::{NEVER, long};
use super::{BLOCK_SIZE, Options, SYSTEM_AREA};

/// What all descriptors have at their second byte, with their version.
pub(super) const MAGIC: &[u8; 6] = b"CD001\x01";
/// Descriptor types.
pub(super) const BOOT_RECORD: u8 = 0;
pub(super) const PRIMARY: u8 = 1;
pub(super) const SUPPLEMENTARY: u8 = 2;
pub(super) const TERMINATOR: u8 = 255;
/// The escape sequence of UCS-2 level 3, by which Joliet is known.
pub(super) const JOLIET_LEVEL_3: &[u8; 3] = b"%/E";
/// The boot system identifier of El Torito.
pub(super) const EL_TORITO: &[u8; 23] = b"EL TORITO SPECIFICATION";

/// A text field of a descriptor: offset, length and content.
type Field<'a> = (usize, usize, &'a str);

/// What the descriptors say.
pub(super) struct Descriptors<'a> {
    pub(super) options: &'a Options,
    /// Blocks of the volume.
    pub(super) blocks: u32,
    /// The primary's tables and Joliet's.
    pub(super) tables: &'a [PathTable],
    /// The block of the boot catalog.
    pub(super) catalog: u32,
}

impl Descriptors<'_> {
    /// The descriptors with their offsets.
    pub(super) fn encode(&self, hierarchies: [&Hierarchy; 2]) -> Vec<(u64, Vec<u8>)> {
        let [primary, joliet] = hierarchies;
        let mut descriptors = vec![self.volume(PRIMARY, primary)];
        // El Torito wants it right there.
        if !self.options.boot.is_empty() {
            descriptors.push(self.boot_record());
        }
        descriptors.push(self.volume(SUPPLEMENTARY, joliet));
        descriptors.push(head(TERMINATOR));
        let at = |index: usize| (u64::from(SYSTEM_AREA) + index as u64) * BLOCK_SIZE;
        descriptors.into_iter().enumerate().map(|(index, bytes)| (at(index), bytes)).collect()
    }

    fn volume(&self, kind: u8, hierarchy: &Hierarchy) -> Vec<u8> {
        let table = self.tables[usize::from(kind == SUPPLEMENTARY)];
        let mut d = head(kind);
        let mut put = |at: usize, bytes: &[u8]| d[at..at + bytes.len()].copy_from_slice(bytes);
        if kind == SUPPLEMENTARY {
            put(88, JOLIET_LEVEL_3);
        }
        put(80, &both32(self.blocks));
        // The first and only volume of its set.
        put(120, &both16(1));
        put(124, &both16(1));
        put(128, &both16(BLOCK_SIZE as u16));
        put(132, &both32(table.len));
        put(140, &table.little.to_le_bytes());
        put(148, &table.big.to_be_bytes());
        put(156, &hierarchy.root_record(self.options.time));
        let fields: [Field<'_>; 9] = [
            (8, 32, "LINUX"),
            (40, 32, &self.options.label),
            (190, 128, ""),
            (318, 128, ""),
            (446, 128, "BOOTWRIGHT"),
            (574, 128, ""),
            (702, 37, ""),
            (739, 37, ""),
            (776, 37, ""),
        ];
        for (at, len, text) in fields {
            put(at, &padded(text, len, hierarchy.naming));
        }
        let made = long(self.options.time);
        // Creation, modification, expiration, effective.
        for (at, time) in [(813, made), (830, made), (847, NEVER), (864, NEVER)] {
            put(at, &time);
        }
        put(881, &[1]);
        d
    }

    fn boot_record(&self) -> Vec<u8> {
        let mut record = head(BOOT_RECORD);
        record[7..7 + EL_TORITO.len()].copy_from_slice(EL_TORITO);
        record[71..75].copy_from_slice(&self.catalog.to_le_bytes());
        record
    }
}

fn head(kind: u8) -> Vec<u8> {
    let mut descriptor = vec![0; BLOCK_SIZE as usize];
    descriptor[0] = kind;
    descriptor[1..7].copy_from_slice(MAGIC);
    descriptor
}

/// A text field, filled up with blanks; for Joliet in big-endian UCS-2, cut off where it is full.
fn padded(text: &str, len: usize, naming: Naming) -> Vec<u8> {
    let (mut bytes, blank): (Vec<u8>, &[u8]) = match naming {
        Naming::Iso => (text.bytes().collect(), b" "),
        Naming::Joliet => (text.encode_utf16().flat_map(u16::to_be_bytes).collect(), b"\0 "),
    };
    let whole = len - len % blank.len();
    bytes.truncate(whole);
    while bytes.len() < whole {
        bytes.extend(blank);
    }
    bytes.resize(len, 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_filled_up_and_cut_off() {
        assert_eq!(padded("cidata", 8, Naming::Iso), b"cidata  ");
        assert_eq!(padded("ab", 6, Naming::Joliet), b"\0a\0b\0 ");
        assert_eq!(padded("abc", 4, Naming::Joliet), b"\0a\0b");
        assert_eq!(padded("", 5, Naming::Joliet), b"\0 \0 \0");
    }
}
