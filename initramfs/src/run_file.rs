//! What `/init` starts on a root filesystem that has no init of its own: one program, as a container
//! image or a person describes it.
//!
//! The file is a list of records `KEY=VALUE`, each ended by a NUL as in `/proc/PID/environ`, so that a
//! value may hold anything that a system call takes, and is one as it stands:
//!
//! | key | value |
//! |---|---|
//! | `program` | the path that is executed |
//! | `arg` | the next argument, from the program's name on |
//! | `env` | a variable, `NAME=VALUE`; nothing else is in the environment |
//! | `folder` | where the program starts |
//! | `uid`, `gid` | whose it is, as numbers |
//! | `group` | a supplementary group, as a number |
//!
//! What is left out is root's, in `/`. Unknown keys have no effect.

use core::ffi::CStr;

/// Where the file is on the root filesystem.
pub const PATH: &CStr = c"/usr/lib/bootwright/run";

/// Where our own init is on a root filesystem that has this file: `init=` names it.
pub const INIT: &str = "/usr/lib/bootwright/init";

/// The longest file, in bytes.
pub const LEN_MAX: usize = 64 << 10;

/// The most arguments, and the most variables: what an `execve` of `/init` passes on, less the NULL.
pub const WORDS_MAX: usize = 127;

/// The most supplementary groups.
pub const GROUPS_MAX: usize = 64;

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record<'a> {
    /// The path that is executed.
    Program(&'a CStr),
    /// The next argument.
    Argument(&'a CStr),
    /// A variable.
    Variable(&'a CStr),
    /// Where the program starts.
    Folder(&'a CStr),
    /// Its user.
    User(u32),
    /// Its group.
    Group(u32),
    /// A supplementary group.
    Supplementary(u32),
}

/// The records of a file, in order.
pub fn records(text: &[u8]) -> impl Iterator<Item = Record<'_>> {
    text.split_inclusive(|&b| b == 0).filter_map(record)
}

fn record(bytes: &[u8]) -> Option<Record<'_>> {
    let equals = bytes.iter().position(|&b| b == b'=')?;
    let value = CStr::from_bytes_with_nul(&bytes[equals + 1..]).ok()?;
    let number = || value.to_str().ok()?.parse().ok();
    Some(match &bytes[..equals] {
        b"program" => Record::Program(value),
        b"arg" => Record::Argument(value),
        b"env" => Record::Variable(value),
        b"folder" => Record::Folder(value),
        b"uid" => Record::User(number()?),
        b"gid" => Record::Group(number()?),
        b"group" => Record::Supplementary(number()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn records_are_read_in_order() {
        let text =
            b"program=/bin/a\0arg=a\0arg=\0env=X=a=b\nc\0folder=/srv\0uid=7\0gid=8\0group=9\0";
        let expected = [
            Record::Program(c"/bin/a"),
            Record::Argument(c"a"),
            Record::Argument(c""),
            Record::Variable(c"X=a=b\nc"),
            Record::Folder(c"/srv"),
            Record::User(7),
            Record::Group(8),
            Record::Supplementary(9),
        ];
        assert_eq!(records(text).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_unknown_or_cut_has_no_effect() {
        assert_eq!(records(b"color=red\0uid=x\0nothing\0arg=cut").count(), 0);
    }

    proptest! {
        #[test]
        fn any_file_is_read(text: Vec<u8>) {
            prop_assert!(records(&text).count() <= text.len());
        }
    }
}
