//! The help of every verb, as a user meets it.

use clap::{Command, CommandFactory};

use super::Bootwright;

/// Every verb with the words that call it, those that only hold others left out.
fn verbs() -> Vec<(String, Command)> {
    fn walk(words: &str, command: &Command, into: &mut Vec<(String, Command)>) {
        let inner: Vec<_> = command.get_subcommands().filter(|c| c.get_name() != "help").collect();
        if inner.is_empty() || !command.is_subcommand_required_set() {
            into.push((words.to_owned(), command.clone()));
        }
        for command in inner {
            walk(&format!("{words} {}", command.get_name()), command, into);
        }
    }
    let mut command = Bootwright::command();
    command.build();
    let mut verbs = Vec::new();
    walk("bootwright", &command, &mut verbs);
    verbs
}

fn after_help(command: &Command) -> String {
    command.get_after_help().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn the_command_line_is_sound() {
    Bootwright::command().debug_assert();
}

#[test]
fn every_verb_has_an_example_that_calls_it() {
    let without: Vec<_> = verbs()
        .into_iter()
        .filter(|(words, command)| !after_help(command).contains(&format!("\n  {words}")))
        .map(|(words, _)| words)
        .collect();
    assert_eq!(without, Vec::<String>::new());
}

#[test]
fn the_terminal_wraps_the_prose_of_the_help() {
    for (words, command) in verbs() {
        let text = after_help(&command);
        let lines: Vec<_> = text.lines().collect();
        for pair in lines.windows(2) {
            let prose = |line: &str| line.starts_with(|c: char| !c.is_whitespace());
            let both = prose(pair[0]) && prose(pair[1]) && !pair[0].ends_with(':');
            assert!(!both, "{words} breaks a line after `{}`", pair[0]);
        }
    }
}

#[test]
fn a_verbs_own_flags_stand_under_no_heading_of_others() {
    for (words, command) in verbs() {
        for name in ["json", "dry_run", "output", "boot", "init"] {
            let heading = command
                .get_arguments()
                .find(|argument| argument.get_id() == name)
                .and_then(|argument| argument.get_help_heading());
            assert_eq!(heading, None, "{words} --{name}");
        }
    }
}
