//! What was planned: a disk image or an ISO, and what both have.

use std::path::Path;

use crate::build::ingredients::Ingredients;
use crate::build::iso::IsoPlan;
use crate::build::plan::{Options, Plan};
use crate::build::write;
use crate::disk::layout::Layout;
use crate::disk::output::OutputFile;
use crate::error::Result;
use crate::kernel::cmdline::Cmdline;

/// An image of which every byte has its place.
pub(super) enum Planned<'t> {
    Disk(Box<Plan<'t>>),
    Iso(Box<IsoPlan>),
}

impl<'t> Planned<'t> {
    /// Decides everything.
    ///
    /// # Errors
    /// As [`Plan::new`] and [`IsoPlan::new`].
    pub(super) fn new(
        ingredients: &'t Ingredients,
        options: &Options,
        is_iso: bool,
    ) -> Result<Self> {
        Ok(match is_iso {
            false => Planned::Disk(Box::new(Plan::new(ingredients, options)?)),
            true => Planned::Iso(Box::new(IsoPlan::new(ingredients, options)?)),
        })
    }

    /// The partitions.
    pub(super) fn layout(&self) -> &Layout {
        match self {
            Planned::Disk(plan) => &plan.layout,
            Planned::Iso(plan) => &plan.layout,
        }
    }

    /// The kernel's arguments.
    pub(super) fn arguments(&self) -> &Cmdline {
        match self {
            Planned::Disk(plan) => &plan.arguments,
            Planned::Iso(plan) => &plan.arguments,
        }
    }

    /// Writes it, still without its name.
    ///
    /// # Errors
    /// As [`write::image`].
    pub(super) fn write(&self, path: &Path) -> Result<OutputFile> {
        match self {
            Planned::Disk(plan) => write::image(plan, path),
            Planned::Iso(plan) => plan.write(path),
        }
    }

    /// Whether the lints know how to look at it: they take the root filesystem for a partition.
    pub(super) fn is_linted(&self) -> bool {
        matches!(self, Planned::Disk(_))
    }
}
