//! Carries a plan out: the image appears whole under its name, or not at all.

use std::path::Path;

use super::plan::Plan;
use crate::disk::output::OutputFile;
use crate::disk::write;
use crate::error::{Error, Result};
use crate::volume::Volume;

/// Writes the image that a plan describes; it gets its name by [`OutputFile::commit`]. `progress` hears of
/// the bytes of the root's files that were read.
///
/// # Errors
/// Where the folder is not writable, the disk is full, or an ingredient changed since it was
/// planned; what was at `path` is as it was then.
pub fn image(plan: &Plan<'_>, path: &Path, progress: &(dyn Fn(u64) + Sync)) -> Result<OutputFile> {
    let output = OutputFile::create(path)?;
    let [esp, root] = plan.layout.partitions() else {
        return Err(Error::new("the layout has another number of partitions than the plan"));
    };
    let write_esp = |volume: &Volume<'_>| plan.esp.write(volume);
    let write_root = |volume: &Volume<'_>| plan.root.write(volume, progress);
    write::image(&plan.layout, &output, &[(esp, &write_esp), (root, &write_root)])?;
    Ok(output)
}
