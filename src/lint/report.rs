//! What the lints found, for people and for programs.

use std::fmt;

use serde::Serialize;

use super::{Lint, Severity, Sight, all};
use crate::error::{Error, Result};

/// Something that a lint saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The lint.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it is an error only because somebody denied it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub denied: bool,
    /// The cause under which `explain` would name it.
    pub cause: Option<&'static str>,
    /// What was looked at.
    pub at: String,
    /// What was seen there.
    pub saw: String,
    /// Words that the console will show, in order; fragments of lines.
    pub console: Vec<String>,
    /// What to do.
    pub remedy: &'static str,
}

impl Finding {
    pub(super) fn new(lint: &Lint, sight: Sight) -> Self {
        let general = || lint.console.iter().map(|&line| line.to_owned()).collect();
        Finding {
            id: lint.id,
            severity: lint.severity,
            denied: false,
            cause: sight.cause.or(lint.cause),
            at: sight.at,
            saw: sight.saw,
            console: if sight.console.is_empty() { general() } else { sight.console },
            remedy: lint.remedy,
        }
    }
}

/// Which lints count as what.
#[derive(Debug, Clone, Default)]
pub struct Levels {
    allow: Vec<String>,
    deny: Vec<String>,
}

impl Levels {
    /// Lints to pass over, and warnings to count as errors; `all` is every one.
    ///
    /// # Errors
    /// Where there is no lint of a name.
    pub fn new(allow: &[String], deny: &[String]) -> Result<Self> {
        let known = |id: &str| id == "all" || all().any(|lint| lint.id == id);
        if let Some(id) = allow.iter().chain(deny).find(|id| !known(id)) {
            return Err(Error::new(format!("there is no lint called `{id}`"))
                .hint("`bootwright lint --list` shows all of them"));
        }
        Ok(Levels { allow: allow.to_vec(), deny: deny.to_vec() })
    }

    /// The finding as these levels have it. What is named counts for more than `all`.
    pub(super) fn judge(&self, mut finding: Finding) -> Option<Finding> {
        let named = |list: &[String], name: &str| list.iter().any(|id| id == name);
        let (allow, deny) = (&self.allow, &self.deny);
        if named(allow, finding.id) || (named(allow, "all") && !named(deny, finding.id)) {
            return None;
        }
        if named(deny, finding.id) || named(deny, "all") {
            finding.denied = finding.severity != Severity::Error;
            finding.severity = Severity::Error;
        }
        Some(finding)
    }
}

/// All findings of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Errors first, else in the order of a boot.
    pub findings: Vec<Finding>,
    /// How many of them are errors.
    pub errors: usize,
    /// How many are warnings.
    pub warnings: usize,
    /// What the boot goes on with that was not looked at, as a sentence without its full stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unjudged: Option<String>,
}

impl Report {
    pub(super) fn new(mut findings: Vec<Finding>, unjudged: Option<String>) -> Self {
        findings.sort_by_key(|finding| finding.severity);
        let errors = findings.iter().filter(|f| f.severity == Severity::Error).count();
        let warnings = findings.len() - errors;
        Report { findings, errors, warnings, unjudged }
    }

    /// Whether nothing was found that keeps it from booting, as far as was looked.
    pub fn will_boot(&self) -> bool {
        self.errors == 0
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}[{}]: {}: {}", self.severity, self.id, self.at, self.saw)?;
        let mut label = "at boot";
        for line in &self.console {
            writeln!(f, "  {label:8} {line}")?;
            label = "";
        }
        writeln!(f, "  {:8} {}", "remedy", self.remedy)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        let counts = match (self.errors, self.warnings) {
            (0, 0) if self.unjudged.is_some() => "nothing was found".to_owned(),
            (0, 0) => return writeln!(f, "nothing was found that would keep it from booting"),
            (0, n) => counted(n, "warning"),
            (n, 0) => counted(n, "error"),
            (n, m) => format!("{}, {}", counted(n, "error"), counted(m, "warning")),
        };
        let kills = |finding: &Finding| finding.severity == Severity::Error && !finding.denied;
        match (self.findings.iter().any(kills), self.errors) {
            (true, _) => writeln!(f, "{counts}: it will not boot"),
            (false, 0) if let Some(end) = &self.unjudged => {
                writeln!(f, "{counts} up to here: {end}")
            }
            (false, 0) => writeln!(f, "{counts}; it should boot"),
            (false, _) => writeln!(f, "{counts}: it should boot, and that was denied"),
        }
    }
}

fn counted(n: usize, noun: &str) -> String {
    match n {
        1 => format!("1 {noun}"),
        n => format!("{n} {noun}s"),
    }
}
