//! What a package that is an archive has in it: short texts, then the disk. One writer for all of them.

use super::archive::Archive;
use super::{Hardware, ova};
use crate::error::Result;
use crate::format::Disk;
use crate::format::convert::{Target, convert};
use crate::volume::Volume;

/// The members of an archive, in their order.
pub(super) struct Contents {
    /// Names and texts.
    pub(super) texts: Vec<(&'static str, String)>,
    /// What has the disk.
    pub(super) disk: Body,
}

/// How an archive has its disk.
pub(super) enum Body {
    /// As one image of this name.
    Image(&'static str, Target),
    /// As OVF, whose three files have this name with endings.
    Ovf(String),
}

impl Contents {
    /// Writes the archive; its length.
    ///
    /// # Errors
    /// As [`convert`].
    pub(super) fn write(
        &self,
        disk: &Disk,
        volume: &Volume<'_>,
        hardware: &Hardware,
        progress_fn: &(dyn Fn(u64) + Sync),
    ) -> Result<u64> {
        let mut archive = Archive::new(volume);
        for (name, text) in &self.texts {
            archive.add(name, text.as_bytes())?;
        }
        match &self.disk {
            Body::Image(name, target) => {
                let write = |part: &Volume<'_>| convert(disk, *target, part, progress_fn);
                archive.image(name, write)?;
            }
            Body::Ovf(stem) => ova::add(disk, volume, &mut archive, hardware, stem, progress_fn)?,
        }
        Ok(archive.finish())
    }
}
