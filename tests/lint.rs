//! What the lints say beforehand, what the console shows, and what `explain` names: the faults of
//! `tests/faults`.

use crate::faults;

#[test]
fn every_fault_is_named_before_it_boots() {
    if faults::is_bootable() {
        faults::every_fault_is_linted();
    }
}

#[test]
fn every_cause_has_a_fault_here_or_a_reason() {
    faults::without::every_cause_has_a_row_or_a_reason();
}

#[test]
fn lint_console_and_explanation_agree() {
    if faults::is_bootable() {
        faults::three_answers_agree(faults::telling());
    }
}
