//! From a spec to what a build takes: how the root filesystem is made, and what may be decided about the
//! image. The command line fills in a spec too, so that both mean the same plan and the same bytes.

use super::Spec;
use crate::build::plan::Options;
use crate::build::root::{Recipe, Wish};
use crate::error::{Error, Result};
use crate::source::Reading;
use crate::tree::Time;

/// The time of what a build makes where `SOURCE_DATE_EPOCH` is not set: 1980-01-01 00:00:00 UTC, the
/// earliest that FAT can store.
const DEFAULT_TIME: i64 = 315_532_800;

/// The time of what is built, and the latest of what is taken from elsewhere, given `SOURCE_DATE_EPOCH`.
pub fn time(epoch: Option<i64>) -> i64 {
    epoch.unwrap_or(DEFAULT_TIME)
}

/// What a spec comes to, given `SOURCE_DATE_EPOCH` in seconds since 1970.
///
/// # Errors
/// Where it contradicts itself.
pub fn resolve(spec: &Spec, epoch: Option<i64>) -> Result<(Recipe, Options)> {
    let options = Options {
        seed: spec.seed.clone(),
        time: time(epoch),
        disk: spec.size.map(|size| size.0),
        esp: spec.esp.size,
        root: spec.root.size,
        root_filesystem: spec.root.filesystem,
        legacy_bios_bootable: spec.root.legacy_bios_bootable,
        append: spec.kernel.append.join(" "),
        menu_timeout: spec.loader.menu_timeout,
    };
    Ok((recipe(spec, epoch)?, options))
}

fn recipe(spec: &Spec, epoch: Option<i64>) -> Result<Recipe> {
    let root = spec.root.clone();
    let wish = match (root.init, root.run) {
        (Some(_), run) if !run.is_empty() => {
            return Err(Error::new("the root filesystem cannot have an init and a program to run"));
        }
        (Some(path), _) => Wish::Init(path),
        (None, run) if run.is_empty() => Wish::Auto,
        (None, run) => Wish::Run(run),
    };
    Ok(Recipe {
        words: root.sources,
        reading: Reading {
            owners: root.owners,
            excludes: root.exclude,
            sysroot: root.sysroot,
            image: root.image,
            architecture: root.image_arch,
            split_usr: root.split_usr,
            kernel_modules: None,
        },
        on_conflict: root.on_conflict,
        changes: root.changes,
        wish,
        latest: epoch.map(Time::from_seconds),
    })
}
