//! What the doctor reports: for each asset what was found, where, and why others were refused.

use serde::Serialize;

use super::store::Store;
use super::{Need, Options, Origin, Refusal, apt, catalogue, search};
use crate::error::shown;

/// The place of what a flag names.
const GIVEN: &str = "given";

/// One asset as the doctor sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What it is for.
    pub purpose: &'static str,
    /// Which one, as an id.
    pub need: Need,
    /// How people call it.
    pub name: &'static str,
    /// What was found.
    pub found: Option<ReportFound>,
    /// What cannot be used, and why.
    pub refused: Vec<Refusal>,
    /// What to do where nothing was found.
    pub remedy: Option<String>,
    /// Whether it is there, or is fetched when it is first needed.
    pub usable: bool,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportFound {
    /// Where it comes from.
    pub origin: Origin,
    /// Its path, with odd bytes escaped.
    pub path: String,
    /// What it says of its version; may be empty.
    pub version: String,
}

/// Looks for every asset, and fetches nothing.
pub fn doctor(options: &Options) -> Vec<Report> {
    let store = Store::at(options.store.as_deref()).ok();
    let report = |(purpose, need)| report(purpose, need, options, store.as_ref());
    Need::all().map(report).collect()
}

fn report(purpose: &'static str, need: Need, options: &Options, store: Option<&Store>) -> Report {
    let (found, refused, remedy) = match search::find(need, options, store) {
        Ok(Ok(asset)) => {
            let (origin, path) = (asset.origin, shown(asset.path()));
            (Some(ReportFound { origin, path, version: asset.version }), asset.refused, None)
        }
        Ok(Err(refused)) => (None, refused, Some(remedy(need))),
        Err(error) => {
            let refusal = Refusal { place: GIVEN.into(), why: error.to_string() };
            (None, vec![refusal], Some("give another path, or none".into()))
        }
    };
    let is_given_wrong = refused.iter().any(|refusal| refusal.place == GIVEN);
    let usable = found.is_some() || !is_given_wrong && apt::is_here();
    Report { purpose, need, name: need.name(), found, refused, remedy, usable }
}

fn remedy(need: Need) -> String {
    let packages = need.row().packages;
    match apt::is_here() {
        true => format!("{} is fetched when it is first needed", packages.debian.join(" or ")),
        false => catalogue::advice(&[packages]),
    }
}
