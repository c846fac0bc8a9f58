//! The flags that say what filesystems are like, and which filesystem each is for.

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::erofs::ErofsArgs;
use super::ext4::Ext4Args;
use super::fat::FatArgs;
use super::sink::Form;
use super::squashfs::SquashfsArgs;
use crate::error::{Error, Result};

/// What filesystems are like.
#[derive(Debug, Clone)]
pub struct SinkArgs {
    /// What an ext4 is like.
    pub ext4: Ext4Args,
    /// What a squashfs is like.
    pub squashfs: SquashfsArgs,
    /// What an erofs is like.
    pub erofs: ErofsArgs,
    /// What a FAT is like.
    pub fat: FatArgs,
    /// The flags that were given, and what each is for.
    given: Vec<(Form, String)>,
}

/// A filesystem's form, its ending, and what adds its flags.
type Group = (Form, &'static str, fn(Command) -> Command);

const GROUPS: [Group; 4] = [
    (Form::Ext4, ".ext4", Ext4Args::augment_args),
    (Form::Squashfs, ".squashfs", SquashfsArgs::augment_args),
    (Form::Erofs, ".erofs", ErofsArgs::augment_args),
    (Form::Fat, ".fat", FatArgs::augment_args),
];

/// The flags of a group.
fn flags(augment: fn(Command) -> Command) -> Vec<String> {
    let command = augment(Command::new("flags"));
    command.get_arguments().filter_map(|flag| flag.get_long().map(str::to_owned)).collect()
}

/// What a flag says, whichever filesystem's it is: `--label`, `--fat-label`.
fn noun(flag: &str) -> &str {
    let of = |group: &Group| flag.strip_prefix(&group.1[1..])?.strip_prefix('-');
    GROUPS.iter().find_map(of).unwrap_or(flag)
}

impl SinkArgs {
    /// Refuses flags that the target does not take: who gave one expects something of it.
    ///
    /// # Errors
    /// Where there is one, with the flag that was meant where it has another name.
    pub(super) fn check(&self, target: Option<Form>) -> Result<()> {
        let Some((of, flag)) = self.given.iter().find(|(of, _)| Some(*of) != target) else {
            return Ok(());
        };
        let ending = |form: Form| GROUPS.iter().find(|group| group.0 == form).map(|group| group.1);
        let error = format!("--{flag} is for {}", ending(*of).unwrap_or_default());
        let own = GROUPS.iter().find(|group| Some(group.0) == target).map(|group| flags(group.2));
        let meant = own.into_iter().flatten().find(|own| noun(own) == noun(flag));
        Err(match meant {
            Some(meant) => Error::new(error).hint(format!("this target has --{meant}")),
            None => Error::new(format!("{error}, which the target is not")),
        })
    }
}

impl Args for SinkArgs {
    fn augment_args(command: Command) -> Command {
        GROUPS.iter().fold(command, |command, (_, _, augment)| augment(command))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SinkArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Vec::new();
        for (form, _, augment) in GROUPS {
            for argument in augment(Command::new("flags")).get_arguments() {
                let id = argument.get_id().as_str();
                if matches.value_source(id) == Some(ValueSource::CommandLine) {
                    given.push((form, argument.get_long().unwrap_or(id).to_owned()));
                }
            }
        }
        Ok(SinkArgs {
            ext4: Ext4Args::from_arg_matches(matches)?,
            squashfs: SquashfsArgs::from_arg_matches(matches)?,
            erofs: ErofsArgs::from_arg_matches(matches)?,
            fat: FatArgs::from_arg_matches(matches)?,
            given,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(words: &[&str], target: Option<Form>) -> Option<(String, Option<String>)> {
        let command = SinkArgs::augment_args(Command::new("test").no_binary_name(true));
        let matches = command.try_get_matches_from(words).expect("known flags");
        let error = SinkArgs::from_arg_matches(&matches).expect("good").check(target).err()?;
        Some((error.to_string(), error.hint_text().map(str::to_owned)))
    }

    #[test]
    fn a_flag_of_another_filesystem_is_refused_and_the_right_one_named() {
        assert_eq!(refusal(&[], None), None);
        assert_eq!(refusal(&["--label", "x", "--size", "1M"], Some(Form::Ext4)), None);
        assert_eq!(refusal(&["--erofs-label", "x"], Some(Form::Erofs)), None);
        let said = refusal(&["--size=5M"], None).expect("a tar has no size");
        assert_eq!(said, ("--size is for .ext4, which the target is not".into(), None));
        let said = refusal(&["--label=ESP"], Some(Form::Fat)).expect("another flag");
        let hint = Some("this target has --fat-label".to_owned());
        assert_eq!(said, ("--label is for .ext4".into(), hint));
        // Even where it is what it would be anyway.
        assert!(refusal(&["--block-size=4K"], Some(Form::Squashfs)).is_some());
    }
}
