//! Small files, as `/proc` and `/sys` have them, read into fixed buffers.

use core::ffi::CStr;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::{self, Errno};

/// Opens what exists, closed again in every program that is executed.
pub(super) fn open(path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty())
}

/// Reads a file up to the buffer's length.
pub(super) fn read<'a>(path: &CStr, buffer: &'a mut [u8]) -> Result<&'a [u8], Errno> {
    let file = open(path, OFlags::RDONLY)?;
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
pub(super) fn read_number(path: &CStr) -> Option<u64> {
    let mut buffer = [0; 24];
    str::from_utf8(read(path, &mut buffer).ok()?.trim_ascii()).ok()?.parse().ok()
}

/// Writes a short text into a file that exists.
pub(super) fn write(path: &CStr, text: &[u8]) -> Result<(), Errno> {
    let file = open(path, OFlags::WRONLY)?;
    io::write(&file, text).map(|_| ())
}
