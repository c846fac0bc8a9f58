//! What the checks found, for people and for programs.

use std::fmt;

use serde::Serialize;

use super::{Check, Severity, Sight};

/// Something that a check saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column, from 1, in characters.
    pub column: Option<usize>,
    /// What was seen there.
    pub saw: String,
    /// What to do.
    pub remedy: &'static str,
}

impl Finding {
    pub(super) fn new(check: &Check, file: &str, sight: Sight) -> Self {
        Finding {
            id: check.id,
            severity: check.severity,
            file: file.into(),
            line: sight.place.map(|place| place.line),
            column: sight.place.map(|place| place.column),
            saw: sight.saw,
            remedy: check.remedy,
        }
    }
}

/// All findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// By file, in the order of the lines.
    pub findings: Vec<Finding>,
    /// How many of them are errors.
    pub errors: usize,
    /// How many are warnings.
    pub warnings: usize,
}

impl Report {
    pub(super) fn new(mut findings: Vec<Finding>, allow: &[String]) -> Self {
        findings.retain(|finding| !allow.iter().any(|id| id == finding.id));
        let mut files: Vec<String> = Vec::new();
        for finding in &findings {
            if !files.contains(&finding.file) {
                files.push(finding.file.clone());
            }
        }
        let of = |file: &str| files.iter().position(|known| known == file);
        findings.sort_by_key(|finding| (of(&finding.file), finding.line, finding.column));
        let errors = findings.iter().filter(|f| f.severity == Severity::Error).count();
        let warnings = findings.len() - errors;
        Report { findings, errors, warnings }
    }

    /// Whether cloud-init will do what the seed says, as far as was seen.
    pub fn is_good(&self) -> bool {
        self.errors == 0
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        writeln!(f, ": {}[{}]: {}", self.severity, self.id, self.saw)?;
        writeln!(f, "  remedy  {}", self.remedy)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))
    }
}
