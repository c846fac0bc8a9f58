//! A file that is read into memory as a whole: of any kind, and never more of it than is wanted.

use std::fs::OpenOptions;
use std::io::{Cursor, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::error::{Context, Error, Result, shown};
use crate::size::Size;

/// All of a file, a pipe or a device; one that has more than `max` bytes is refused, and so is a pipe to
/// which nobody writes, for which one could wait for ever.
///
/// # Errors
/// Where it cannot be read.
pub fn whole(path: &Path, max: u64) -> Result<Vec<u8>> {
    read(path, max).context(|| format!("reading {}", shown(path)))
}

fn read(path: &Path, max: u64) -> Result<Vec<u8>> {
    let too_long =
        |has: String| Error::new(format!("it has {has}, and at most {} are read", Size(max)));
    let len = path.metadata()?.len();
    if len > max {
        return Err(too_long(Size(len).to_string()));
    }
    let mut bytes = Vec::new();
    open(path)?.take(max + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > max {
        true => Err(too_long("more".into())),
        false => Ok(bytes),
    }
}

/// A file, a pipe or a device from its start on; a pipe to which nobody writes is refused, as with [`whole`].
///
/// # Errors
/// Where it cannot be opened.
pub fn stream(path: &Path) -> Result<impl Read + use<>> {
    open(path).context(|| format!("reading {}", shown(path)))
}

/// Opens without waiting for the other end of a pipe; reading waits.
fn open(path: &Path) -> Result<impl Read + use<>> {
    let flags = OFlags::NONBLOCK.bits() as i32;
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let mut first = Vec::new();
    if file.metadata()?.file_type().is_fifo() {
        let mut byte = [0];
        match file.read(&mut byte) {
            Ok(0) => return Err(Error::new("it is a pipe to which nobody writes")),
            Ok(_) => first.push(byte[0]),
            // Somebody does, and has nothing yet.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    let flags = rustix::fs::fcntl_getfl(&file)?;
    rustix::fs::fcntl_setfl(&file, flags.difference(OFlags::NONBLOCK))?;
    Ok(Cursor::new(first).chain(file))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::AsRawFd;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn files_and_pipes_are_read_and_have_a_limit() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        std::fs::write(&path, "content").expect("written");
        assert_eq!(whole(&path, 7).expect("it fits"), b"content");
        let error = whole(&path, 6).expect_err("too long").to_string();
        assert!(error.ends_with("file: it has 7 B, and at most 6 B are read"), "{error}");
        File::options().write(true).open(&path).expect("there").set_len(1 << 40).expect("sparse");
        assert!(whole(&path, 1 << 20).is_err());

        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        writer.write_all(b"content").expect("it fits");
        drop(writer);
        let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
        assert_eq!(whole(Path::new(&path), 7).expect("it fits"), b"content");
    }

    #[test]
    fn what_never_ends_or_never_begins_is_refused() {
        let error = whole(Path::new("/dev/zero"), 4096).expect_err("endless").to_string();
        assert_eq!(error, "reading /dev/zero: it has more, and at most 4 KiB are read");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("pipe");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("made");
        let error = whole(&path, 4096).expect_err("nobody writes").to_string();
        assert!(error.ends_with("it is a pipe to which nobody writes"), "{error}");
        assert!(whole(folder.path(), 4096).is_err(), "a folder");
    }
}
