//! What Rock Ridge says of a record, wherever its entries go on (RRIP 1.12, IEEE P1282).

use super::super::time;
use super::super::{rock_ridge, susp};
use super::directory::RawRecord;
use super::{BLOCK_SIZE, HOPS_MAX, Iso9660, field32};
use crate::error::Result;
use crate::fs::Owner;
use crate::tree::{Kind, Time};

/// `TF` flags: the time of creation stands in front of that of modification; all have 17 digits.
const CREATION: u8 = 0x01;
const MODIFY: u8 = 0x02;
const LONG_FORM: u8 = 0x80;

/// The device of `PN` whose halves are both in its lower number, as old programs write it.
const MINOR_BITS: u32 = 8;

/// What the entries of a record say.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) name: Vec<u8>,
    /// `st_mode`, owner and group.
    attributes: Option<(u32, u32, u32)>,
    /// The number of the file, where it has several names; 0 before version 1.12, which numbers none.
    pub(super) serial: Option<u32>,
    pub(super) modified: Option<Time>,
    /// Major and minor number.
    device: (u32, u32),
    pub(super) target: Option<Vec<u8>>,
    /// Where the directory is that was relocated from here.
    pub(super) child: Option<u32>,
    /// Whether it was relocated to here.
    pub(super) is_relocated: bool,
}

impl Said {
    /// Takes an entry but for `SL`, whose parts belong together.
    fn take(&mut self, signature: [u8; 2], payload: &[u8]) {
        match &signature {
            b"NM" => self.name.extend(payload.get(1..).unwrap_or_default()),
            b"PX" => {
                self.attributes = attributes(payload);
                let links = field32(payload, 8).unwrap_or(1);
                self.serial = (links > 1).then(|| field32(payload, 32).unwrap_or(0));
            }
            b"TF" => self.modified = modified(payload),
            b"PN" => self.device = device(payload).unwrap_or_default(),
            b"CL" => self.child = field32(payload, 0),
            b"RE" => self.is_relocated = true,
            _ => {}
        }
    }

    fn format(&self) -> u32 {
        self.attributes.map_or(0, |(mode, ..)| mode & 0o170_000)
    }

    /// Permissions, owner and group.
    pub(super) fn owner(&self) -> Option<Owner> {
        self.attributes.map(|(mode, uid, gid)| Owner { mode: (mode & 0o7777) as u16, uid, gid })
    }

    /// Whether it is a symlink.
    pub(super) fn is_symlink(&self) -> bool {
        self.format() == 0o120_000
    }

    /// The device, fifo or socket that it is.
    pub(super) fn special(&self) -> Option<Kind> {
        let (major, minor) = self.device;
        match self.format() {
            0o010_000 => Some(Kind::Fifo),
            0o020_000 => Some(Kind::CharDevice { major, minor }),
            0o060_000 => Some(Kind::BlockDevice { major, minor }),
            0o140_000 => Some(Kind::Socket),
            _ => None,
        }
    }
}

impl Iso9660 {
    /// What the entries of a record say.
    pub(super) fn says(&self, record: &RawRecord<'_>) -> Result<Said> {
        let mut area = record.system_use.get(self.skip..).unwrap_or_default().to_vec();
        let (mut said, mut links) = (Said::default(), Vec::new());
        for _ in 0..HOPS_MAX {
            let (entries, next) = susp::entries(&area);
            for (signature, payload) in entries {
                match &signature {
                    b"SL" => links.push(payload.to_vec()),
                    _ => said.take(signature, payload),
                }
            }
            let Some((block, offset, len)) = next else { break };
            let at = self.place(block).saturating_add(offset.into());
            area = self.window.bytes(at, len.min(BLOCK_SIZE as u32) as usize)?;
        }
        if !links.is_empty() {
            said.target = Some(rock_ridge::target(links.iter().map(Vec::as_slice)));
        }
        Ok(said)
    }
}

/// Mode, owner and group of `PX`.
fn attributes(payload: &[u8]) -> Option<(u32, u32, u32)> {
    Some((field32(payload, 0)?, field32(payload, 16)?, field32(payload, 24)?))
}

/// The time of modification of `TF`.
fn modified(payload: &[u8]) -> Option<Time> {
    let (&flags, times) = payload.split_first()?;
    let before = usize::from(flags & CREATION != 0);
    match flags & (MODIFY | LONG_FORM) {
        MODIFY => time::from_short(times.get(7 * before..)?),
        0 | LONG_FORM => None,
        _ => time::from_long(times.get(17 * before..)?),
    }
}

/// Major and minor number of `PN`.
fn device(payload: &[u8]) -> Option<(u32, u32)> {
    let (high, low) = (field32(payload, 0)?, field32(payload, 8)?);
    Some(match high == 0 && low >> MINOR_BITS != 0 {
        true => (low >> MINOR_BITS, low & ((1 << MINOR_BITS) - 1)),
        false => (high, low),
    })
}
