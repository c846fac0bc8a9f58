//! What keeps cloud-init from reading a seed, or from doing what it says, and what it says nothing about.
//!
//! A check is a row of a table and a function that looks at one file, or at the volume. One file a
//! subject.

mod cloud_config;
mod document;
mod meta_data;
mod network;
mod report;
#[cfg(test)]
mod tests;
mod text;
mod users;
mod volume;

pub use document::{Document, Format};
pub use report::{Finding, Report};

use std::fmt;

use serde::Serialize;

use super::volume::Found;
use super::yaml::{Node, Place};
use super::{File, Part};
use crate::error::{Error, Result};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// cloud-init ignores it, or does something else.
    Error,
    /// It may not be what was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// What a check looks at.
#[derive(Debug, Clone, Copy)]
enum Look {
    /// Each file that its chapter is about.
    File(fn(&Document) -> Vec<Sight>),
    /// The volume, or the folder.
    Volume(fn(&Found) -> Vec<Sight>),
}

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Its name, for `--allow`.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What holds where it says nothing.
    pub proves: &'static str,
    /// What to do.
    pub remedy: &'static str,
    look: Look,
}

impl Check {
    const fn error(
        id: &'static str,
        proves: &'static str,
        remedy: &'static str,
        look: fn(&Document) -> Vec<Sight>,
    ) -> Check {
        Check { id, severity: Severity::Error, proves, remedy, look: Look::File(look) }
    }

    const fn warning(self) -> Check {
        Check { severity: Severity::Warning, ..self }
    }
}

/// What a check saw, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sight {
    place: Option<Place>,
    saw: String,
}

impl Sight {
    /// In a line.
    fn at(place: Place, saw: impl Into<String>) -> Self {
        Sight { place: Some(place), saw: saw.into() }
    }

    /// At a value.
    fn of(node: &Node, saw: impl Into<String>) -> Self {
        Sight::at(node.place, saw)
    }

    /// Nowhere in particular.
    fn anywhere(saw: impl Into<String>) -> Self {
        Sight { place: None, saw: saw.into() }
    }
}

/// One subject and its checks.
#[derive(Debug, Clone, Copy)]
pub struct Chapter {
    /// What it is called.
    pub title: &'static str,
    /// Its checks.
    pub checks: &'static [Check],
    /// Which files it is about.
    is_about: fn(&Document) -> bool,
}

/// All checks.
pub const CHAPTERS: &[Chapter] = &[
    Chapter { title: "Volume", checks: volume::CHECKS, is_about: |_| false },
    Chapter { title: "Text", checks: text::CHECKS, is_about: |_| true },
    Chapter {
        title: "cloud-config",
        checks: cloud_config::CHECKS,
        is_about: |document| document.format == Format::CloudConfig,
    },
    Chapter {
        title: "Users and passwords",
        checks: users::CHECKS,
        is_about: |document| document.format == Format::CloudConfig,
    },
    Chapter {
        title: "meta-data",
        checks: meta_data::CHECKS,
        is_about: |document| document.part == Part::MetaData,
    },
    Chapter {
        title: "network-config",
        checks: network::CHECKS,
        is_about: |document| document.part == Part::NetworkConfig,
    },
];

/// All checks, in the order of the chapters.
pub fn all() -> impl Iterator<Item = &'static Check> {
    CHAPTERS.iter().flat_map(|chapter| chapter.checks)
}

/// Looks at files that are to become a seed; `allow` names checks to pass over.
///
/// # Errors
/// Where there is no check of a name.
pub fn files(files: &[File], allow: &[String]) -> Result<Report> {
    known(allow)?;
    let mut findings = Vec::new();
    for file in files {
        let document = Document::new(file);
        for chapter in CHAPTERS.iter().filter(|chapter| (chapter.is_about)(&document)) {
            for check in chapter.checks {
                let Look::File(look) = check.look else { continue };
                let sights = look(&document).into_iter();
                findings.extend(sights.map(|sight| Finding::new(check, &file.origin, sight)));
            }
        }
    }
    Ok(Report::new(findings, allow))
}

/// Looks at a seed that was read back.
///
/// # Errors
/// Where there is no check of a name.
pub fn seed(found: &Found, allow: &[String]) -> Result<Report> {
    let mut report = files(&found.files, allow)?;
    let mut findings = Vec::new();
    for check in all() {
        let Look::Volume(look) = check.look else { continue };
        let sights = look(found).into_iter();
        findings.extend(sights.map(|sight| Finding::new(check, "the seed", sight)));
    }
    findings.append(&mut report.findings);
    Ok(Report::new(findings, allow))
}

fn known(ids: &[String]) -> Result<()> {
    match ids.iter().find(|id| !all().any(|check| check.id == **id)) {
        None => Ok(()),
        Some(id) => Err(Error::new(format!("there is no check called `{id}`"))
            .hint("`bootwright seed check --list` shows all of them")),
    }
}
