//! What the guest says, kept: the raw bytes in `serial.log`, and with a time at each line in
//! `serial.timed.log`.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use super::run_folder::RunFolder;
use crate::error::{Error, Result};

/// The raw bytes, in the run's folder.
pub(super) const RAW: &str = "serial.log";

/// The bytes with the time since the start of the machine in front of each line.
const TIMED: &str = "serial.timed.log";

/// The two logs of a run.
pub(super) struct SerialLog {
    raw: File,
    timed: File,
    stamp: Stamp,
}

impl SerialLog {
    /// Starts empty logs in this folder.
    pub(super) fn create(run: &RunFolder) -> Result<Self> {
        Ok(SerialLog { raw: run.create(RAW)?, timed: run.create(TIMED)?, stamp: Stamp::default() })
    }

    /// Appends bytes that arrived at this time. They are written at once, so that the logs are
    /// whole however we end.
    pub(super) fn append(&mut self, at: Duration, bytes: &[u8]) -> Result<()> {
        let timed = self.stamp.lines(at, bytes);
        let written = self.raw.write_all(bytes).and_then(|()| self.timed.write_all(&timed));
        written.map_err(|error| Error::from(error).context("writing the serial log"))
    }
}

/// Puts the arrival of its first byte in front of each line, as the kernel writes its times.
#[derive(Default)]
struct Stamp {
    inside_line: bool,
}

impl Stamp {
    fn lines(&mut self, at: Duration, bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::with_capacity(bytes.len() + 32);
        for line in bytes.split_inclusive(|&b| b == b'\n') {
            if !self.inside_line {
                text.extend(format!("[{:>12.6}] ", at.as_secs_f64()).bytes());
            }
            text.extend(line);
            self.inside_line = !line.ends_with(b"\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_the_time_of_its_first_byte() {
        let mut stamp = Stamp::default();
        let mut text = stamp.lines(Duration::from_millis(1500), b"one\r\ntw");
        text.extend(stamp.lines(Duration::from_secs(2), b"o\n\nthree"));
        let expected: &[u8] =
            b"[    1.500000] one\r\n[    1.500000] two\n[    2.000000] \n[    2.000000] three";
        assert_eq!(text, expected);
    }
}
