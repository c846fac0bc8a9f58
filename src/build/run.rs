//! Carries a plan out: the image appears whole under its name, or not at all.

use std::path::Path;

use super::plan::Plan;
use crate::disk::output::OutputFile;
use crate::disk::write;
use crate::error::Result;

/// Writes the image that a plan describes.
///
/// # Errors
/// Where the folder is not writable, the disk is full, or an ingredient changed since it was
/// planned; what was at `path` is as it was then.
pub fn run(plan: &Plan, path: &Path) -> Result<()> {
    let output = OutputFile::create(path)?;
    write::image(&plan.layout, &output, &[&|volume| plan.esp.write(volume), &|volume| plan.root.write(volume)])?;
    output.commit()
}
