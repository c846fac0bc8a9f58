//! `doc/lints.md`, from the table.

use std::fmt::Write;

use super::{CHAPTERS, Lint};

/// The whole document.
pub fn document() -> String {
    let mut text = String::from(HEAD);
    for chapter in CHAPTERS {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n## {}\n", chapter.title);
        chapter.lints.iter().for_each(|lint| text.push_str(&paragraph(lint)));
    }
    text
}

fn paragraph(lint: &Lint) -> String {
    let mut text = format!("\n### {}\n\n", lint.id);
    let _ = writeln!(text, "* {}: {}.", capitalised(&lint.severity.to_string()), lint.proves);
    if !lint.console.is_empty() {
        let lines: Vec<_> =
            lint.console.iter().map(|line| format!("`` {} ``", line.trim())).collect();
        let _ = writeln!(text, "* At boot: {}", lines.join(", "));
    }
    let _ = writeln!(text, "* Remedy: {}.", lint.remedy);
    match lint.cause {
        Some(cause) if cause != lint.id => {
            let _ = writeln!(text, "* Cause, as `explain` names it: `{cause}`.");
        }
        Some(_) => {}
        None => text.push_str("* `explain` has no cause of its own for it.\n"),
    }
    text
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or(String::new(), |c| c.to_uppercase().chain(chars).collect())
}

const HEAD: &str = "\
# Lints

`bootwright lint` looks at an image, or at a kernel, an initramfs and a command line, and says whether it
will boot, without booting it. Each lint proves one thing; an error means that it will not boot, a
warning that it may not, or not as it was meant. A lint whose input is not known stays silent.
`--allow ID` passes over a lint, `--deny ID` makes its findings errors. The id is that of the cause that
`bootwright explain` names for a boot that failed so, except where it says otherwise.

<!-- Generated from the table in src/lint/ (`cargo xtask docs`). -->
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_in_the_repository_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/doc/lints.md");
        let stored = std::fs::read_to_string(path).expect("doc/lints.md is there");
        assert!(stored == document(), "doc/lints.md is stale: `cargo xtask docs` writes it");
    }
}
