//! The digest that an Authenticode signature signs: all of an EFI program but its checksum and its
//! signatures.
//!
//! Source: Microsoft's "Windows Authenticode Portable Executable Signature Format", "Calculating the PE
//! Image Hash". SHA-256 only: firmware of this decade takes nothing else.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::header::Headers;
use crate::volume::Window;

impl Headers {
    /// Computes it; `None` where the sections overlap or reach past the end, so that no firmware would
    /// start the program.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn digest(&self, file: &Window) -> io::Result<Option<[u8; 32]>> {
        let Some(ranges) = self.signed_ranges(file.len()) else { return Ok(None) };
        let mut sink = Sink(Sha256::new());
        for (start, end) in ranges {
            io::copy(&mut file.part(start, end - start).reader(), &mut sink)?;
        }
        Ok(Some(sink.0.finalize().into()))
    }

    /// What is signed of a file of this length: the headers around three fields, the sections in the
    /// order of the file, and what follows them up to the signatures.
    fn signed_ranges(&self, len: u64) -> Option<Vec<(u64, u64)>> {
        let fields = &self.fields;
        let end = fields.headers_len;
        let mut ranges = vec![(0, fields.checksum), (fields.checksum + 4, fields.table_entry)];
        ranges.push((fields.table_entry + 8, end));
        let mut sections: Vec<_> = self.sections.iter().filter(|s| s.len > 0).collect();
        sections.sort_by_key(|section| section.offset);
        for section in sections {
            let start = u64::from(section.offset);
            ranges.push((start, start + u64::from(section.len)));
        }
        let ascends = |pair: &[(u64, u64)]| pair[0].1 <= pair[1].0;
        let sound = ranges.iter().all(|(start, end)| start <= end && *end <= len);
        if !sound || !ranges.windows(2).all(ascends) {
            return None;
        }
        // The sum, not the end of the last: gaps between sections are not signed.
        let signed = end + ranges[3..].iter().map(|(start, end)| end - start).sum::<u64>();
        let left = len.saturating_sub(fields.table_len).saturating_sub(signed);
        if left > 0 {
            ranges.push((signed, signed + left));
        }
        Some(ranges)
    }
}

/// A digest as a sink.
struct Sink(Sha256);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
