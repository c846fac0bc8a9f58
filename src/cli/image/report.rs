//! What `bootwright image` says of what it made: the ingredients, the map of the disk, and where it is.

use std::time::Duration;

use serde_json::json;

use super::formats::Place;
use super::planned::Planned;
use super::{formats, lint};
use crate::arch::X86_64;
use crate::build::ingredients::Ingredients;
use crate::build::root::Root;
use crate::cli::terminal::say;
use crate::error::{Result, shown};
use crate::kernel::modules::Resolved;
use crate::lint::Report;
use crate::size::Size;

/// An image, or what one would be.
pub(super) struct Made<'a> {
    pub(super) places: Vec<Place>,
    pub(super) plan: &'a Planned<'a>,
    /// What the lints say, where they were asked.
    pub(super) lints: Option<Report>,
    pub(super) took: Duration,
}

impl Made<'_> {
    /// For people.
    ///
    /// # Errors
    /// Where it cannot be said, or the image is not there after all.
    pub(super) fn report(&self, is_dry: bool) -> Result<()> {
        self.ingredients()?;
        say(format_args!("arguments    {}", self.plan.arguments()))?;
        say(format_args!("\n{}", self.plan.layout()))?;
        let size = self.plan.layout().size();
        let paths: Vec<_> = self.places.iter().map(|place| shown(&place.path)).collect();
        let path = paths.join(", ");
        if is_dry {
            return say(format_args!("{path} would be {}; nothing was written", Size(size)));
        }
        if let Some(lints) = self.lints.as_ref().filter(|lints| !lints.will_boot()) {
            return lint::say_refused(lints, &path);
        }
        formats::report(&self.places, size, self.took.as_secs_f64())?;
        self.lints.as_ref().map_or(Ok(()), lint::say)
    }

    fn ingredients(&self) -> Result<()> {
        let Ingredients { kernel, modules, initramfs, core_image, bios, root, .. } =
            self.plan.ingredients;
        say(format_args!("kernel       {}, {}", kernel.release, Size(kernel.content.len())))?;
        let brings = match modules {
            Some(resolved) if resolved.load.is_empty() => "no modules needed".into(),
            Some(resolved) => format!("with {}", names(resolved).join(" ")),
            None => "as given".into(),
        };
        say(format_args!("initramfs    {}, {brings}", Size(initramfs.len() as u64)))?;
        let loader = Size(core_image.len() as u64);
        let bios = bios.as_ref().map(|bios| Size(bios.core_image.len() as u64));
        let for_bios = bios.map_or(String::new(), |size| format!("; for a BIOS, {size}"));
        say(format_args!("loader       {}, {loader}{for_bios}", X86_64.efi_file))?;
        let added = match &added(root)[..] {
            [] => String::new(),
            paths => format!(", with {} added", paths.join(" ")),
        };
        let (entries, bytes) = (root.tree.len(), Size(root.tree.content_len()));
        say(format_args!("root         {entries} entries, {bytes}{added}"))?;
        say(format_args!("userspace    {}", root.userspace))
    }

    /// For programs.
    ///
    /// # Errors
    /// Where the report of the lints is no JSON.
    pub(super) fn as_json(&self, is_written: bool) -> Result<serde_json::Value> {
        let Ingredients { kernel, modules, initramfs, core_image, bios, root, .. } =
            self.plan.ingredients;
        Ok(json!({
            "image": self.places.first().map(|place| shown(&place.path)),
            "files": formats::as_json(&self.places),
            "written": is_written,
            "kernel": kernel.release,
            "modules": modules.as_ref().map(names),
            "initramfs_bytes": initramfs.len(),
            "loader_bytes": core_image.len(),
            "bios_loader_bytes": bios.as_ref().map(|bios| bios.core_image.len()),
            "root": {
                "entries": root.tree.len(),
                "bytes": root.tree.content_len(),
                "added": added(root),
                "userspace": root.userspace.to_string(),
                "notices": root.notices.iter().map(ToString::to_string).collect::<Vec<_>>(),
            },
            "arguments": self.plan.arguments().to_string(),
            "layout": self.plan.layout(),
            "lint": serde_json::to_value(&self.lints)?,
        }))
    }
}

fn names(resolved: &Resolved) -> Vec<&str> {
    resolved.load.iter().map(|module| module.name.as_str()).collect()
}

/// Directories that the sources lacked.
fn added(root: &Root) -> Vec<String> {
    root.added.iter().map(|path| format!("/{path}")).collect()
}
