//! What was planned: a disk image or an ISO, and what both have.

use std::path::Path;

use crate::build::ingredients::{Ingredients, Kind};
use crate::build::iso::IsoPlan;
use crate::build::plan::{Options, Plan};
use crate::build::write;
use crate::cli::progress::ByteBar;
use crate::disk::layout::Layout;
use crate::disk::output::OutputFile;
use crate::error::Result;
use crate::kernel::cmdline::Cmdline;

/// An image of which every byte has its place, and what it is made of.
pub(super) struct Planned<'t> {
    pub(super) ingredients: &'t Ingredients,
    plan: Either<'t>,
}

enum Either<'t> {
    Disk(Box<Plan<'t>>),
    Iso(Box<IsoPlan>),
}

impl<'t> Planned<'t> {
    /// Decides everything.
    ///
    /// # Errors
    /// As [`Plan::new`] and [`IsoPlan::new`].
    pub(super) fn new(ingredients: &'t Ingredients, options: &Options) -> Result<Self> {
        let bar = ByteBar::new(ingredients.root.tree.content_len());
        let progress = |bytes| bar.add(bytes);
        let plan = match ingredients.kind {
            Kind::Disk => Either::Disk(Box::new(Plan::new(ingredients, options, &progress)?)),
            Kind::Iso => Either::Iso(Box::new(IsoPlan::new(ingredients, options, &progress)?)),
        };
        Ok(Planned { ingredients, plan })
    }

    /// Which it is.
    pub(super) fn kind(&self) -> Kind {
        self.ingredients.kind
    }

    /// The partitions.
    pub(super) fn layout(&self) -> &Layout {
        match &self.plan {
            Either::Disk(plan) => &plan.layout,
            Either::Iso(plan) => &plan.layout,
        }
    }

    /// The kernel's arguments.
    pub(super) fn arguments(&self) -> &Cmdline {
        match &self.plan {
            Either::Disk(plan) => &plan.arguments,
            Either::Iso(plan) => &plan.arguments,
        }
    }

    /// Writes it, still without its name.
    ///
    /// # Errors
    /// As [`write::image`].
    pub(super) fn write(&self, path: &Path) -> Result<OutputFile> {
        match &self.plan {
            Either::Disk(plan) => {
                let bar = ByteBar::new(self.ingredients.root.tree.content_len());
                write::image(plan, path, &|bytes| bar.add(bytes))
            }
            Either::Iso(plan) => plan.write(path),
        }
    }
}
