//! A disk or volume as a short input: only the runs of bytes that are not zero, so that a fuzzer does not
//! spend its time on what a filesystem leaves empty.
//!
//! An input is the length of the disk in KiB (two bytes, little-endian), then runs: the sector where one
//! starts (three bytes), its length in bytes (two), its bytes. What is left over of the last is a run too.

use bootwright::volume::Window;

/// Bytes of a sector.
const SECTOR: usize = 512;

/// The longest run.
const RUN_MAX: usize = 16 * SECTOR;

/// The disk that an input means; at most 64 MiB, of which only what the runs need is kept.
pub(super) fn disk(input: &[u8]) -> Window {
    let (size, mut rest) = match input {
        [low, high, rest @ ..] => (usize::from(u16::from_le_bytes([*low, *high])) << 10, rest),
        _ => (0, input),
    };
    let mut bytes = vec![0; size];
    while let [a, b, c, low, high, run @ ..] = rest {
        let at = u32::from_le_bytes([*a, *b, *c, 0]) as usize * SECTOR;
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(run.len());
        let here = len.min(size.saturating_sub(at));
        if here > 0 {
            bytes[at..at + here].copy_from_slice(&run[..here]);
        }
        rest = &run[len..];
    }
    Window::from(bytes)
}

/// The input that means this disk.
pub(super) fn input(disk: &[u8]) -> Vec<u8> {
    let mut input = u16::try_from(disk.len() >> 10).unwrap_or(u16::MAX).to_le_bytes().to_vec();
    let is_empty = |sector: &[u8]| sector.iter().all(|&b| b == 0);
    let mut at = 0;
    while at < disk.len() {
        let sectors = disk[at..].chunks(SECTOR).take(RUN_MAX / SECTOR);
        let used = sectors.take_while(|sector| !is_empty(sector)).count();
        if used == 0 {
            at += SECTOR;
            continue;
        }
        let run = &disk[at..(at + used * SECTOR).min(disk.len())];
        // Zeros at the end of a run are there anyway.
        let len = run.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
        input.extend(&((at / SECTOR) as u32).to_le_bytes()[..3]);
        input.extend((len as u16).to_le_bytes());
        input.extend(&run[..len]);
        at += used * SECTOR;
    }
    input
}
