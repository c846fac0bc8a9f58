//! What is kept beside the overlay of a sandbox: `sandbox.json`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::stamp::Stamp;
use crate::disk::output::OutputFile;
use crate::error::{Context, Result, shown};

/// How a file gets its name: [`OutputFile::commit`], or [`OutputFile::commit_durably`] where a power cut
/// must not lose it.
pub(super) type Place = fn(OutputFile) -> Result<()>;

/// What a sandbox stands on, and what it was like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The image that it stands on, with its whole path.
    pub base: PathBuf,
    /// The base's format by QEMU's name, which is recorded in the overlay too.
    pub base_format: String,
    /// What the base was like.
    pub stamp: Stamp,
    /// The guest's second disk, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<PathBuf>,
    /// Set while the overlay's clusters are written to the base.
    #[serde(default)]
    pub committing: bool,
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// Where it is not there, or was damaged.
    pub(super) fn read(path: &Path) -> Result<Record> {
        let reading = || format!("reading {}", shown(path));
        let text = std::fs::read(path).context(reading)?;
        serde_json::from_slice(&text).context(reading)
    }

    /// Writes a record in the place of what was there, and gives it its name so.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub(super) fn write(&self, path: &Path, place: Place) -> Result<()> {
        use std::io::Write;
        let output = OutputFile::create(path)?;
        let text = serde_json::to_string_pretty(self)?;
        writeln!(output.as_file(), "{text}").context(|| format!("writing {}", shown(path)))?;
        place(output)
    }
}
