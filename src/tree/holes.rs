//! Holes as the bytes of a file decide about them, and not where it comes from: a directory may have them
//! anywhere, an archive mostly has none, and the same tree is to give the same filesystem.

use std::io;
use std::ops::Range;

use super::content::{Content, ContentReader};
use crate::error::{Context, Result};

/// What is a hole or none: a whole run of so many bytes, at a multiple of them.
pub const HOLE_SIZE: u64 = 64 << 10;

/// How much is looked at at once; mostly the first look sees that it is no hole.
const LOOK: usize = 4 << 10;

impl Content {
    /// The ranges (offset, length) that are to be stored: all but the runs of [`HOLE_SIZE`] bytes that are
    /// zero. A file that is shorter than such a run is stored whole.
    ///
    /// # Errors
    /// As [`Content::open`], or where reading fails.
    pub fn stored_ranges(&self) -> Result<Vec<(u64, u64)>> {
        let len = self.len();
        if len < HOLE_SIZE {
            return Ok(if len == 0 { Vec::new() } else { vec![(0, len)] });
        }
        let reader = self.open()?;
        let known = self.data_ranges()?.into_iter().map(|(at, len)| at..at + len);
        let mut known = known.peekable();
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for start in (0..len).step_by(HOLE_SIZE as usize) {
            let run = start..len.min(start + HOLE_SIZE);
            while known.next_if(|data| data.end <= run.start).is_some() {}
            let may_hold_data = known.peek().is_some_and(|data| data.start < run.end);
            if !may_hold_data || is_zero(&reader, run.clone()).context(|| "looking for holes")? {
                continue;
            }
            match ranges.last_mut() {
                Some((at, len)) if *at + *len == run.start => *len = run.end - *at,
                _ => ranges.push((run.start, run.end - run.start)),
            }
        }
        Ok(ranges)
    }
}

fn is_zero(reader: &ContentReader<'_>, run: Range<u64>) -> io::Result<bool> {
    let mut buffer = [0; LOOK];
    for at in run.clone().step_by(LOOK) {
        let wanted = (run.end - at).min(LOOK as u64) as usize;
        let n = reader.read_at(&mut buffer[..wanted], at)?;
        if buffer[..n].iter().any(|&byte| byte != 0) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn what_is_stored_does_not_depend_on_the_holes_of_the_source() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let size = 10 * HOLE_SIZE + 5;
        file.as_file().set_len(size).expect("extended");
        for at in [3 * HOLE_SIZE - 1, 3 * HOLE_SIZE, 7 * HOLE_SIZE + 9] {
            file.as_file().write_all_at(b"x", at).expect("written");
        }
        let sparse = Content::host(file.path()).expect("there");
        let dense = Content::from(sparse.read().expect("readable"));
        let wanted = [(2 * HOLE_SIZE, 2 * HOLE_SIZE), (7 * HOLE_SIZE, HOLE_SIZE)];
        assert_eq!(sparse.stored_ranges().expect("readable"), wanted);
        assert_eq!(dense.stored_ranges().expect("readable"), wanted);
    }

    #[test]
    fn short_files_are_stored_whole() {
        let ranges = |len| Content::from(vec![0; len]).stored_ranges().expect("in memory");
        assert_eq!(ranges(0), []);
        assert_eq!(ranges(5000), [(0, 5000)]);
        assert_eq!(ranges(HOLE_SIZE as usize + 5), []);
    }
}
