//! What an image is handed out as, and where.

use std::path::PathBuf;
use std::time::Duration;

use super::ImageArgs;
use super::formats::{self, Place};
use super::planned::Planned;
use super::report::Made;
use crate::build::ingredients::Kind;
use crate::cli::DEFAULT_IMAGE;
use crate::disk::output::OutputFile;
use crate::error::{Error, Result};
use crate::lint::Report;
use crate::package::Export;
use crate::spec::Spec;

/// What an ISO is called where nobody said anything.
const DEFAULT_ISO: &str = "bootwright.iso";

/// What is handed out.
pub(super) struct Wanted {
    /// Where the image is, or what the names of several formats are made from.
    pub(super) output: PathBuf,
    /// Where each of it goes.
    pub(super) places: Vec<Place>,
    /// What is built for them.
    pub(super) kinds: Vec<Kind>,
    /// Whether a BIOS is to start what it may start.
    pub(super) has_bios: bool,
}

impl Wanted {
    /// What a spec and the arguments ask for.
    ///
    /// # Errors
    /// Where they contradict each other.
    pub(super) fn new(spec: &Spec, args: &ImageArgs) -> Result<Self> {
        let default = if spec.formats == [Export::Iso] { DEFAULT_ISO } else { DEFAULT_IMAGE };
        let output = spec.output.clone().unwrap_or(default.into());
        let places = formats::places(&output, &spec.formats)?;
        let kinds = formats::kinds(&places);
        if kinds == [Kind::Iso] && (spec.size.is_some() || spec.root.size.is_some()) {
            return Err(Error::new("an ISO is as large as what is in it: leave its size out"));
        }
        if args.no_bios && !kinds.contains(&Kind::Iso) {
            return Err(Error::new(
                "--no-bios is for an ISO: nothing else that is built starts from a BIOS",
            ));
        }
        let has_bios = kinds.contains(&Kind::Iso) && !args.no_bios;
        Ok(Wanted { output, places, kinds, has_bios })
    }

    /// Whether all of it could be written there.
    ///
    /// # Errors
    /// Where something could not.
    pub(super) fn check(&self) -> Result<()> {
        self.places.iter().try_for_each(|place| OutputFile::check(&place.path))
    }

    /// What is said of each that was planned. Of a refusal, that is what was refused: nothing is there of the
    /// rest.
    pub(super) fn made<'m>(
        &self,
        plans: &'m [Planned<'m>],
        mut lints: Vec<Option<Report>>,
        took: Duration,
    ) -> Vec<Made<'m>> {
        let refused = lints.iter().position(|l| l.as_ref().is_some_and(|l| !l.will_boot()));
        if refused.is_none() {
            lints.resize_with(plans.len(), || None);
        }
        let all = plans.iter().zip(lints).skip(refused.unwrap_or(0));
        all.map(|(plan, lints)| {
            let places = self.places.iter().filter(|place| place.kind() == plan.kind()).cloned();
            Made { places: places.collect(), plan, lints, took }
        })
        .collect()
    }
}
