//! "Will it boot?", answered without booting: a table of lints over what firmware, boot loader, kernel
//! and userspace will meet.
//!
//! A lint looks at a [`Subject`] and says what it looked at, what it saw, and the words that the
//! console will show. The analyses that several lints share (unpacking, executing, resolving a
//! path) are modules of their own; a lint is a row of a table and a function. One file a subject.
//! `doc/lints.md` is generated from the table. What cannot be seen is never guessed: a lint without
//! its input stays silent.

pub mod files;
pub mod gather;
pub mod program;
pub mod subject;
pub mod unpack;

mod cmdline;
mod document;
mod drivers;
mod early_words;
mod encryption;
mod firmware;
mod init;
mod initramfs;
mod kernel;
mod loader;
mod modules;
mod mount;
mod reach;
mod report;
mod root_argument;
mod rootfs;
#[cfg(test)]
pub(crate) mod tests;

pub use document::document;
pub use report::{Finding, Levels, Report};
pub use subject::{Given, Subject};

use std::fmt;

use serde::Serialize;

/// How sure it is that the boot fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It will not boot.
    Error,
    /// It may boot, but not everywhere, not always, or not as it was meant.
    Warning,
}

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct Lint {
    /// Its name, for `--allow` and `--deny`; the cause's id where the corpus has one.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The cause that explains a failed boot, where `explain` knows one.
    pub cause: Option<&'static str>,
    /// What holds where the lint says nothing.
    pub proves: &'static str,
    /// What the console will show, in general; empty where it shows nothing special.
    pub console: &'static [&'static str],
    /// What to do.
    pub remedy: &'static str,
    /// The look.
    check: fn(&Subject) -> Vec<Sight>,
}

impl Lint {
    /// A lint whose finding means that it will not boot; it carries the id of its cause.
    const fn error(
        id: &'static str,
        proves: &'static str,
        console: &'static [&'static str],
        remedy: &'static str,
        check: fn(&Subject) -> Vec<Sight>,
    ) -> Lint {
        Lint { id, severity: Severity::Error, cause: Some(id), proves, console, remedy, check }
    }

    /// The same, as a warning.
    const fn warning(self) -> Lint {
        Lint { severity: Severity::Warning, ..self }
    }

    /// The cause has another id than the lint.
    const fn caused_by(self, cause: &'static str) -> Lint {
        Lint { cause: Some(cause), ..self }
    }

    /// There is no such cause in the corpus.
    const fn without_cause(self) -> Lint {
        Lint { cause: None, ..self }
    }
}

/// What a lint saw.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sight {
    /// What it looked at: `initramfs`, `/EFI/BOOT/grub.cfg`.
    at: String,
    /// What it saw there, as a sentence without its full stop.
    saw: String,
    /// What the console will show in this case, in order; empty for what the lint says in general.
    console: Vec<String>,
    /// The cause in this case, where it is not what the lint says in general.
    cause: Option<&'static str>,
}

impl Sight {
    fn new(at: impl Into<String>, saw: impl Into<String>) -> Self {
        Sight { at: at.into(), saw: saw.into(), console: Vec::new(), cause: None }
    }

    fn with(mut self, line: impl Into<String>) -> Self {
        self.console.push(line.into());
        self
    }

    fn caused_by(self, cause: Option<&'static str>) -> Self {
        Sight { cause, ..self }
    }

    fn with_all(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.console.extend(lines);
        self
    }
}

/// One part of the boot and its lints.
#[derive(Debug, Clone, Copy)]
pub struct Chapter {
    /// What the part is called.
    pub title: &'static str,
    /// Its lints.
    pub lints: &'static [Lint],
}

/// All lints, in the order of a boot.
pub const CHAPTERS: &[Chapter] = &[
    Chapter { title: "Firmware, disk and EFI System Partition", lints: firmware::LINTS },
    Chapter { title: "Boot loader", lints: loader::LINTS },
    Chapter { title: "Kernel", lints: kernel::LINTS },
    Chapter { title: "Kernel command line", lints: cmdline::LINTS },
    Chapter { title: "The argument root=", lints: root_argument::LINTS },
    Chapter { title: "Initramfs", lints: initramfs::LINTS },
    Chapter { title: "The first program, /init", lints: init::LINTS },
    Chapter { title: "Kernel modules", lints: modules::LINTS },
    Chapter { title: "Drivers of the root filesystem", lints: drivers::LINTS },
    Chapter { title: "Root filesystem", lints: rootfs::LINTS },
    Chapter { title: "Mounts", lints: mount::LINTS },
];

/// All lints, in the order of a boot.
pub fn all() -> impl Iterator<Item = &'static Lint> {
    CHAPTERS.iter().flat_map(|chapter| chapter.lints)
}

/// Runs every lint over a subject.
pub fn run(subject: &Subject, levels: &Levels) -> Report {
    let findings = all().flat_map(|lint| {
        let sights = (lint.check)(subject);
        sights.into_iter().map(move |sight| Finding::new(lint, sight))
    });
    Report::new(findings.filter_map(|finding| levels.judge(finding)).collect(), reach::end(subject))
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}
