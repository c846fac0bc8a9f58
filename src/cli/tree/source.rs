//! The flags that say how sources are read.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::progress::ByteBar;
use crate::error::{Error, Result};
use crate::source::{Kind, Reading, Taken, Word, len};
use crate::spec::Root;
use crate::tree::dir;
use crate::tree::merge::Conflict;

/// How sources are read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "How sources are read")]
pub struct SourceArgs {
    /// Owners of a directory's files: `root`, `preserve`, or ranges HOST:TREE:COUNT with commas between
    /// [default: root]
    #[arg(long)]
    pub owners: Option<dir::Owners>,
    /// Leave out what matches in a directory: `.git` anywhere, `var/cache/*` from its top; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Where a program and its libraries are [default: /]
    #[arg(long, value_name = "DIR")]
    pub sysroot: Option<PathBuf>,
    /// The image's name or tag, where a container archive has several
    #[arg(long, value_name = "NAME")]
    pub image: Option<String>,
    /// The architecture, in Go's words (amd64), where a container image is for several
    #[arg(long, value_name = "NAME")]
    pub image_arch: Option<String>,
    /// Do not make bin, lib and sbin links into usr when .deb packages are unpacked
    #[arg(long)]
    pub split_usr: bool,
}

/// A flag, what it is for, and the kinds of sources that heed it.
type Flag = (&'static str, &'static str, fn(&SourceArgs) -> bool, &'static [Kind]);

/// Of a tar nobody knows yet whether it is a container image, so it counts as one.
const FLAGS: [Flag; 6] = [
    ("--owners", "directories", |args| args.owners.is_some(), &[Kind::Dir]),
    ("--exclude", "directories", |args| !args.exclude.is_empty(), &[Kind::Dir]),
    ("--sysroot", "programs", |args| args.sysroot.is_some(), &[Kind::Elf]),
    ("--image", "container images", |args| args.image.is_some(), &[Kind::Oci]),
    ("--image-arch", "container images", |args| args.image_arch.is_some(), &[Kind::Oci]),
    ("--split-usr", "packages", |args| args.split_usr, &[Kind::Deb]),
];

impl SourceArgs {
    /// Refuses flags that none of the sources heeds: who gave one expects something of it.
    ///
    /// # Errors
    /// Where there is one.
    pub(super) fn check(&self, words: &[Word]) -> Result<()> {
        let given: Vec<_> = FLAGS.iter().filter(|(_, _, is_given, _)| is_given(self)).collect();
        if given.is_empty() {
            return Ok(());
        }
        // What is unknown is an error of its own, once it is read.
        let kind = |word: &Word| match word.is_stdin() {
            true => Some(Kind::Tar),
            false => word.resolved().ok().map(|kind| kind.unwrap_or(Kind::Oci)),
        };
        let Some(kinds) = words.iter().map(kind).collect::<Option<Vec<_>>>() else { return Ok(()) };
        let is_heeded = |(_, _, _, heeding): &Flag| kinds.iter().any(|kind| heeding.contains(kind));
        match given.into_iter().find(|flag| !is_heeded(flag)) {
            None => Ok(()),
            Some((flag, what, ..)) => {
                Err(Error::new(format!("{flag} is for {what}, and no source is one")))
            }
        }
    }

    /// Reads one source, with a bar where that takes long.
    ///
    /// # Errors
    /// As [`Reading::read`].
    pub(super) fn read(&self, word: &Word) -> Result<Taken> {
        let bar = ByteBar::new(len(std::slice::from_ref(word)));
        self.reading().read(word, &|bytes| bar.add(bytes))
    }

    /// The same, as the library takes it.
    pub fn reading(&self) -> Reading {
        let args = self.clone();
        Reading {
            owners: args.owners.unwrap_or_default(),
            excludes: args.exclude,
            sysroot: args.sysroot.unwrap_or_else(|| "/".into()),
            image: args.image,
            architecture: args.image_arch,
            split_usr: args.split_usr,
            kernel_modules: None,
        }
    }

    /// Puts what was given in the place of what a spec says; globs come after its own.
    pub(in crate::cli) fn onto(&self, root: &mut Root) {
        let args = self.clone();
        root.owners = args.owners.unwrap_or(std::mem::take(&mut root.owners));
        root.exclude.extend(args.exclude);
        root.sysroot = args.sysroot.unwrap_or(std::mem::take(&mut root.sysroot));
        root.image = args.image.or(root.image.take());
        root.image_arch = args.image_arch.or(root.image_arch.take());
        root.split_usr |= args.split_usr;
    }
}

/// The sources that words on the command line name.
pub(in crate::cli) fn words(texts: &[String]) -> Vec<Word> {
    texts.iter().map(|text| Word::new(text)).collect()
}

/// What happens where two sources have the same path, differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnConflict {
    /// It is an error
    Refuse,
    /// The later source wins
    Replace,
    /// The earlier source wins
    Keep,
}

impl From<OnConflict> for Conflict {
    fn from(chosen: OnConflict) -> Self {
        match chosen {
            OnConflict::Refuse => Conflict::Refuse,
            OnConflict::Replace => Conflict::Replace,
            OnConflict::Keep => Conflict::Keep,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_that_no_source_heeds_is_refused() {
        let none = SourceArgs {
            owners: None,
            exclude: Vec::new(),
            sysroot: None,
            image: None,
            image_arch: None,
            split_usr: false,
        };
        let said = |args: &SourceArgs, sources: &[&str]| {
            let words: Vec<_> = sources.iter().map(|text| Word::new(text)).collect();
            args.check(&words).err().map(|error| error.to_string())
        };
        assert_eq!(said(&none, &["deb:x"]), None);
        let exclude = SourceArgs { exclude: vec![".git".into()], ..none.clone() };
        let refusal = Some("--exclude is for directories, and no source is one".to_owned());
        assert_eq!(said(&exclude, &["tar:x", "deb:y"]), refusal);
        assert_eq!(said(&exclude, &["tar:x", "dir:y"]), None);
        assert_eq!(said(&exclude, &["-"]), refusal);
        // Reading says what is wrong with that.
        assert_eq!(said(&exclude, &["/is/not/there"]), None);
        let sysroot = SourceArgs { sysroot: Some("/".into()), ..none.clone() };
        assert!(said(&sysroot, &["dir:x"]).is_some() && said(&sysroot, &["elf:x"]).is_none());
        assert!(said(&SourceArgs { split_usr: true, ..none }, &["deb:x"]).is_none());
    }
}
