//! Small files, as `/proc` and `/sys` have them, read into fixed buffers.

use rustix::fs::{Mode, OFlags};
use rustix::io::{self, Errno};
use rustix::path::Arg;

/// Reads a file up to the buffer's length.
pub(super) fn read(path: impl Arg, buffer: &mut [u8]) -> Result<&[u8], Errno> {
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut len = 0;
    while len < buffer.len() {
        match io::read(&file, &mut buffer[len..]) {
            Ok(0) => break,
            Ok(count) => len += count,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(&buffer[..len])
}

/// Reads a file that holds one number; `None` where it does not.
pub(super) fn read_number(path: impl Arg) -> Option<u64> {
    let mut buffer = [0; 24];
    str::from_utf8(read(path, &mut buffer).ok()?.trim_ascii()).ok()?.parse().ok()
}

/// Writes a short text into a file that exists.
pub(super) fn write(path: &str, text: &str) -> Result<(), Errno> {
    let file = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    io::write(&file, text.as_bytes()).map(|_| ())
}
