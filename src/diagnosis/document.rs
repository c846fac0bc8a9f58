//! The page of all symptoms, generated from the table.

use std::fmt::Write;

use super::catalogue::{self, Stage, Symptom};

/// The text of `doc/symptoms.md`.
pub fn symptoms_markdown() -> String {
    let mut text = String::from(
        "# Symptoms\n\n\
         What `bootwright explain` knows, by the stage at which the boot ends. This page is generated from\n\
         `src/diagnosis/catalogue/`; change it there.\n\n\
         In the console lines `*` and `{name}` stand for anything, and `'` for any quotation mark.\n",
    );
    for stage in Stage::ALL {
        let mut of_stage =
            catalogue::symptoms().filter(|symptom| symptom.stage == stage).peekable();
        if of_stage.peek().is_some() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n## {stage}\n");
        }
        of_stage.for_each(|symptom| section(&mut text, symptom));
    }
    text
}

fn section(text: &mut String, symptom: &Symptom) {
    let _ =
        write!(text, "\n### {}\n\n{}.\n\n{}\n", symptom.id, symptom.title, readable(symptom.cause));
    let mut words: Vec<&str> = symptom.words().collect();
    words.sort_unstable();
    words.dedup();
    if words.is_empty() {
        let _ = write!(text, "\nNo single line shows it: it follows from the log as a whole.\n");
    } else {
        let _ = write!(text, "\nThe console says (any of):\n\n");
    }
    for words in words {
        let _ = writeln!(text, "    {}", words.trim_start_matches('^'));
    }
    let _ = write!(text, "\nWhat to do:\n\n");
    for step in symptom.remedy {
        let _ = writeln!(text, "- {}", readable(step));
    }
}

/// A cause without a log: `{name|words}` is its words, `{name}` stays.
fn readable(cause: &str) -> String {
    catalogue::fill(cause, |name, otherwise| match otherwise {
        Some(words) => words.to_owned(),
        None => format!("`{{{name}}}`"),
    })
}
