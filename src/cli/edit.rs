//! The flags that change a tree: one a kind of change, made in the order in which they are given.
//!
//! clap's derive forgets the order of different flags, so they are a table of their own.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::error::{Error, Result};
use crate::source::{Change, Owner};

/// Changes on top of what the sources give, in order.
#[derive(Debug, Clone, Default)]
pub struct EditArgs {
    /// The changes.
    pub changes: Vec<Change>,
}

/// A flag: its name, what it takes, what it does, and how its value is read.
struct Flag {
    name: &'static str,
    value: &'static str,
    help: &'static str,
    parse: fn(&str) -> Result<Change>,
}

/// Values are in the order of the shell's command of the same name, with colons between. Of chmod and
/// chown the path is what is left, so that it may have colons itself.
const FLAGS: &[Flag] = &[
    Flag {
        name: "add",
        value: "FILE:PATH",
        help: "Place a file or folder of the host at a path where nothing else is",
        parse: |text| {
            let (from, path) = last(text, "FILE:PATH")?;
            Ok(Change::Add { from: from.into(), path: path.into() })
        },
    },
    Flag {
        name: "write",
        value: "PATH:TEXT",
        help: "Write a file, whatever is there: `--write /etc/hostname:demo`",
        parse: |text| {
            let (path, text) = first(text, "PATH:TEXT")?;
            Ok(Change::Write { path: path.into(), text: text.into(), mode: None })
        },
    },
    Flag {
        name: "remove",
        value: "PATH",
        help: "Take away what is at a path and below it",
        parse: |path| Ok(Change::Remove { path: path.into() }),
    },
    Flag {
        name: "mkdir",
        value: "PATH",
        help: "Make a directory, unless it is there",
        parse: |path| Ok(Change::Mkdir { path: path.into(), mode: None }),
    },
    Flag {
        name: "symlink",
        value: "TARGET:PATH",
        help: "Make a symbolic link",
        parse: |text| {
            let (target, path) = last(text, "TARGET:PATH")?;
            Ok(Change::Symlink { path: path.into(), target: target.into() })
        },
    },
    Flag {
        name: "mknod",
        value: "PATH:c:MAJOR:MINOR",
        help: "Make a character device, a block device (b) or a named pipe (PATH:p)",
        parse: |text| {
            let (path, device) = first(text, "PATH:c:MAJOR:MINOR")?;
            Ok(Change::Mknod { path: path.into(), device: device.parse()?, mode: None })
        },
    },
    Flag {
        name: "chmod",
        value: "MODE:PATH",
        help: "Set the mode, in octal digits",
        parse: |text| chmod(text, false),
    },
    Flag {
        name: "chmod-all",
        value: "MODE:PATH",
        help: "Set the mode of all that is below too",
        parse: |text| chmod(text, true),
    },
    Flag {
        name: "chown",
        value: "UID:GID:PATH",
        help: "Set owner and group, as numbers",
        parse: |text| chown(text, false),
    },
    Flag {
        name: "chown-all",
        value: "UID:GID:PATH",
        help: "Set owner and group of all that is below too",
        parse: |text| chown(text, true),
    },
];

fn chmod(text: &str, recurse: bool) -> Result<Change> {
    let (mode, path) = first(text, "MODE:PATH")?;
    Ok(Change::Chmod { path: path.into(), mode: mode.parse()?, recurse })
}

fn chown(text: &str, recurse: bool) -> Result<Change> {
    let (uid, rest) = first(text, "UID:GID:PATH")?;
    let (gid, path) = first(rest, "UID:GID:PATH")?;
    let owner: Owner = format!("{uid}:{gid}").parse()?;
    Ok(Change::Chown { path: path.into(), owner, recurse })
}

/// What is before and behind the first colon.
fn first<'a>(text: &'a str, usage: &str) -> Result<(&'a str, &'a str)> {
    text.split_once(':').ok_or_else(|| Error::new(format!("write {usage}")))
}

/// What is before and behind the last colon.
fn last<'a>(text: &'a str, usage: &str) -> Result<(&'a str, &'a str)> {
    text.rsplit_once(':').ok_or_else(|| Error::new(format!("write {usage}")))
}

impl Args for EditArgs {
    fn augment_args(command: Command) -> Command {
        let arg = |flag: &'static Flag| {
            Arg::new(flag.name)
                .long(flag.name)
                .value_name(flag.value)
                .help(flag.help)
                .help_heading("Changes on top, in the order in which they are given")
                .action(ArgAction::Append)
                .value_parser(|text: &str| (flag.parse)(text).map_err(|error| error.to_string()))
        };
        command.args(FLAGS.iter().map(arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for EditArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut found = Vec::new();
        for flag in FLAGS {
            let changes = matches.get_many::<Change>(flag.name).into_iter().flatten();
            let places = matches.indices_of(flag.name).into_iter().flatten();
            found.extend(places.zip(changes.cloned()));
        }
        found.sort_by_key(|(place, _)| *place);
        Ok(EditArgs { changes: found.into_iter().map(|(_, change)| change).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Device, Mode};

    fn parsed(words: &[&str]) -> Result<Vec<Change>, clap::Error> {
        let command = EditArgs::augment_args(Command::new("test").no_binary_name(true));
        let matches = command.try_get_matches_from(words)?;
        EditArgs::from_arg_matches(&matches).map(|args| args.changes)
    }

    #[test]
    fn changes_keep_the_order_in_which_they_are_given() {
        let changes = parsed(&[
            "--mkdir",
            "/srv",
            "--write=/etc/motd:a:b",
            "--chmod=0700:/srv",
            "--mkdir=/srv/x",
            "--chown-all=7:8:/srv",
            "--mknod=/dev/null:c:1:3",
            "--symlink=../x:/srv/l",
        ]);
        let path = String::from;
        let expected = [
            Change::Mkdir { path: path("/srv"), mode: None },
            Change::Write { path: path("/etc/motd"), text: "a:b".into(), mode: None },
            Change::Chmod { path: path("/srv"), mode: Mode(0o700), recurse: false },
            Change::Mkdir { path: path("/srv/x"), mode: None },
            Change::Chown { path: path("/srv"), owner: Owner(7, 8), recurse: true },
            Change::Mknod { path: path("/dev/null"), device: Device::Char(1, 3), mode: None },
            Change::Symlink { path: path("/srv/l"), target: "../x".into() },
        ];
        assert_eq!(changes.expect("good"), expected);
    }

    #[test]
    fn a_value_that_cannot_be_read_is_named_with_its_flag() {
        let said = parsed(&["--chmod", "rwx:/srv"]).expect_err("no mode").to_string();
        assert!(said.contains("'--chmod <MODE:PATH>'") && said.contains("`rwx`"), "{said}");
        let said = parsed(&["--symlink", "x"]).expect_err("no path").to_string();
        assert!(said.contains("write TARGET:PATH"), "{said}");
    }
}
