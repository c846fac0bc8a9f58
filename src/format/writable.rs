//! An image whose disk is changed in place: raw or qcow2, locked against QEMU while it is open.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use super::lock::{self, Use};
use super::qcow2::Editor;
use super::{Format, FormatError};
use crate::error::{Context, Result, shown};
use crate::volume::{Storage, Window};

/// An image that may be written.
#[derive(Debug)]
pub enum Writable {
    /// The file is the disk.
    Raw(File),
    /// The file has the disk's clusters.
    Qcow2(Box<Editor>),
}

impl Writable {
    /// Opens an image; its format is what its first bytes say.
    ///
    /// # Errors
    /// Where it cannot be opened or is in use, or has a format that is only ever written whole.
    pub fn open(path: &Path) -> Result<Writable> {
        let doing = || format!("opening {}", shown(path));
        let format = Format::of_disk(&Window::open(path)?).context(doing)?;
        Writable::open_as(path, format)
    }

    /// Opens an image of a known format.
    ///
    /// # Errors
    /// As [`Writable::open`].
    pub fn open_as(path: &Path, format: Format) -> Result<Writable> {
        let opening = || format!("opening {}", shown(path));
        match format {
            Format::Raw => {
                let file = File::options().read(true).write(true).open(path).context(opening)?;
                lock::lock(&file, path, Use::Write)?;
                Ok(Writable::Raw(file))
            }
            Format::Qcow2 => Ok(Writable::Qcow2(Box::new(Editor::open(path)?))),
            other => {
                let text = format!("{other} is not changed in place");
                let error = crate::error::Error::from(FormatError::unsupported(text));
                Err(error.context(opening()).hint(
                    "convert it to raw or qcow2 with `bootwright disk convert`, and back afterwards",
                ))
            }
        }
    }

    /// Bytes of the disk.
    ///
    /// # Errors
    /// Where the file does not say.
    pub fn size(&self) -> Result<u64> {
        match self {
            // The metadata of a block device has no length.
            Writable::Raw(file) => Ok((&*file).seek(SeekFrom::End(0))?),
            Writable::Qcow2(editor) => Ok(editor.size()),
        }
    }

    /// The disk's bytes.
    pub fn storage(&self) -> &dyn Storage {
        match self {
            Writable::Raw(file) => file,
            Writable::Qcow2(editor) => &**editor,
        }
    }

    /// Makes the disk so long; what is added is zero.
    ///
    /// # Errors
    /// Where it cannot become so long.
    pub fn lengthen(&self, size: u64) -> Result<()> {
        match self {
            Writable::Raw(file) => Ok(file.set_len(size)?),
            Writable::Qcow2(editor) => editor.resize(size),
        }
    }
}
