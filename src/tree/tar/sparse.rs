//! The map of a sparse file (GNU tar, "Storing Sparse Files"): which ranges of the file the archive
//! holds, one after the other. All four forms: the old one in headers, and 0.0, 0.1 and 1.0 in records.

use super::header::{self, BLOCK, GNU_IS_EXTENDED, GNU_REAL_SIZE, GNU_SPARSE, Header};
use super::pax;
use crate::tree::{Content, Extent, Section};

/// Bytes of a run in a header: two numbers of twelve.
const RUN_SIZE: usize = 24;
/// Of a header that continues the map: 21 runs, then whether another follows.
const EXTENSION_RUNS: usize = 504;

/// The most runs that a map may have.
const MAX_RUNS: usize = 1 << 20;

/// Offset and length of every run.
pub(super) type Map = Vec<(u64, u64)>;

/// The old form: the map starts in the header and goes on in the blocks from `at` on. The real size,
/// the map, and where the data starts.
pub(super) fn of_header(
    header: &Header,
    section: &Section,
    mut at: u64,
) -> Option<(u64, Map, u64)> {
    let size = header.number(GNU_REAL_SIZE).and_then(|n| u64::try_from(n).ok())?;
    let mut map = Vec::new();
    add_runs(&mut map, &header.0[GNU_SPARSE])?;
    let mut is_extended = header.0[GNU_IS_EXTENDED] != 0;
    while is_extended {
        let mut block = [0; BLOCK];
        if section.read_at(&mut block, at).ok()? < BLOCK || map.len() > MAX_RUNS {
            return None;
        }
        add_runs(&mut map, &block[..EXTENSION_RUNS])?;
        is_extended = block[EXTENSION_RUNS] != 0;
        at += BLOCK as u64;
    }
    Some((size, map, at))
}

fn add_runs(map: &mut Map, bytes: &[u8]) -> Option<()> {
    for run in bytes.chunks_exact(RUN_SIZE).take_while(|run| run[0] != 0) {
        let number = |field: &[u8]| u64::try_from(header::number(field)?).ok();
        map.push((number(&run[..12])?, number(&run[12..])?));
    }
    Some(())
}

/// Forms 0.0 and 0.1: offsets and lengths in turn.
pub(super) fn of_numbers(numbers: &[u64]) -> Option<Map> {
    let is_whole = numbers.len().is_multiple_of(2) && numbers.len() / 2 <= MAX_RUNS;
    is_whole.then(|| numbers.chunks_exact(2).map(|run| (run[0], run[1])).collect())
}

/// Form 1.0: lines of decimal numbers in front of the data: how many runs, then offset and length of
/// each; padded to a block. The map, and the length of all that.
pub(super) fn of_data(data: &Section) -> Option<(Map, u64)> {
    let mut lines = Lines { data, at: 0, buffer: Vec::new() };
    let count = usize::try_from(lines.number()?).ok().filter(|&n| n <= MAX_RUNS)?;
    let mut map = Vec::new();
    for _ in 0..count {
        map.push((lines.number()?, lines.number()?));
    }
    let read = lines.at - lines.buffer.len() as u64;
    Some((map, read.next_multiple_of(BLOCK as u64)))
}

/// Lines at the start of a section, read a block at a time.
struct Lines<'a> {
    data: &'a Section,
    at: u64,
    /// What was read and not used yet.
    buffer: Vec<u8>,
}

impl Lines<'_> {
    fn number(&mut self) -> Option<u64> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return pax::decimal(&line[..end]);
            }
            let mut block = [0; BLOCK];
            let n = self.data.read_at(&mut block, self.at).ok()?;
            // No number has as many digits as a block has bytes.
            if n == 0 || self.buffer.len() >= BLOCK {
                return None;
            }
            self.buffer.extend(&block[..n]);
            self.at += n as u64;
        }
    }
}

/// The file: its runs lie in `data` one after the other.
pub(super) fn content(data: &Section, size: u64, map: &Map) -> Option<Content> {
    let mut from = 0u64;
    let mut runs = Vec::with_capacity(map.len());
    for &(at, len) in map {
        runs.push(Extent { at, from, len });
        from = from.checked_add(len)?;
    }
    data.sparse(size, &runs)
}
