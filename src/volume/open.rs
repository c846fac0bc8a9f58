//! What can be read at any offset: a regular file or a block device, and nothing that would block.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::error::{Error, Result};

/// Opens a regular file or block device to read it.
///
/// # Errors
/// Where it cannot be opened, or is something else; a pipe is not waited for.
pub fn open(path: &Path) -> Result<File> {
    let flags = OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let kind = file.metadata()?.file_type();
    match kind.is_file() || kind.is_block_device() {
        true => Ok(file),
        false if kind.is_dir() => {
            Err(std::io::Error::from(std::io::ErrorKind::IsADirectory).into())
        }
        false => Err(Error::new("it is neither a regular file nor a block device")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    #[test]
    fn what_has_no_bytes_at_offsets_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "x").expect("written");
        open(&at("file")).expect("a regular file");
        mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR, 0).expect("made");
        for (path, why) in [
            (at("pipe"), "it is neither a regular file nor a block device"),
            ("/dev/null".into(), "it is neither a regular file nor a block device"),
            (at("."), "is a directory"),
            (at("none"), "no such file or directory"),
        ] {
            assert_eq!(open(&path).expect_err(why).to_string(), why);
        }
    }
}
