//! What a tree is written to.

use std::io::{BufWriter, IntoInnerError, Write};
use std::path::{Path, PathBuf};

use super::manifest;
use super::sink_args::SinkArgs;
use crate::cli::progress::ByteBar;
use crate::cli::{interrupt, terminal};
use crate::compress::{Encoder, Format};
use crate::disk::output::{OutputFile, OutputFolder};
use crate::error::{Context, Error, Result, shown};
use crate::initramfs::newc;
use crate::tree::{Notice, Tree, dir, tar};
use crate::volume::Volume;

/// What a target is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sink {
    /// A directory.
    Dir(PathBuf),
    /// Standard output, as a tar.
    Stdout,
    /// gen_init_cpio's text, with the contents in a folder beside it.
    Manifest(PathBuf),
    /// A file of this form.
    File(Form, PathBuf),
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A tar, perhaps compressed.
    Tar(Option<Format>),
    /// An initramfs, perhaps compressed.
    Newc(Option<Format>),
    /// A filesystem.
    Ext4,
    /// A filesystem that is only read, packed.
    Squashfs,
    /// A filesystem that is only read, as it is.
    Erofs,
    /// A filesystem for firmware and memory cards.
    Fat,
}

/// What the ends of names mean.
const FORMS: &[(&str, Form)] = &[
    (".tar", Form::Tar(None)),
    (".tar.gz", Form::Tar(Some(Format::Gzip))),
    (".tgz", Form::Tar(Some(Format::Gzip))),
    (".tar.xz", Form::Tar(Some(Format::Xz))),
    (".txz", Form::Tar(Some(Format::Xz))),
    (".tar.zst", Form::Tar(Some(Format::Zstd))),
    (".tzst", Form::Tar(Some(Format::Zstd))),
    (".cpio", Form::Newc(None)),
    (".cpio.gz", Form::Newc(Some(Format::Gzip))),
    (".cpio.xz", Form::Newc(Some(Format::Xz))),
    (".cpio.zst", Form::Newc(Some(Format::Zstd))),
    (".ext4", Form::Ext4),
    (".squashfs", Form::Squashfs),
    (".sqfs", Form::Squashfs),
    (".erofs", Form::Erofs),
    (".fat", Form::Fat),
    (".vfat", Form::Fat),
];

/// How the name of a compressed archive ends, whatever stands in front.
const COMPRESSED: [(&str, Format); 3] =
    [(".gz", Format::Gzip), (".xz", Format::Xz), (".zst", Format::Zstd)];

impl Sink {
    /// What a word on the command line means.
    ///
    /// # Errors
    /// Where its end says nothing.
    pub(super) fn of(word: &str) -> Result<Sink> {
        if matches!(word, "-" | "tar:-") {
            return Ok(Sink::Stdout);
        }
        if let Some(path) = word.strip_prefix("dir:") {
            return Ok(Sink::Dir(path.into()));
        }
        let manifest = word.strip_prefix("manifest:");
        if let Some(path) = manifest.or(word.ends_with(".manifest").then_some(word)) {
            return Ok(Sink::Manifest(path.into()));
        }
        let format = |path: &str| COMPRESSED.iter().find(|(end, _)| path.ends_with(end));
        type Formed = fn(Option<Format>) -> Form;
        let kinds: [(&str, Formed); 6] = [
            ("tar:", Form::Tar),
            ("cpio:", Form::Newc),
            ("ext4:", |_| Form::Ext4),
            ("squashfs:", |_| Form::Squashfs),
            ("erofs:", |_| Form::Erofs),
            ("fat:", |_| Form::Fat),
        ];
        for (prefix, form) in kinds {
            if let Some(path) = word.strip_prefix(prefix) {
                return Ok(Sink::File(form(format(path).map(|found| found.1)), path.into()));
            }
        }
        if let Some((_, form)) = FORMS.iter().find(|(end, _)| word.ends_with(end)) {
            return Ok(Sink::File(*form, word.into()));
        }
        let path = Path::new(word);
        match word.ends_with('/') || path.is_dir() || path.extension().is_none() {
            true => Ok(Sink::Dir(path.into())),
            false => Err(Error::new(format!("it is not clear what {} is to be", shown(path)))
                .hint("write the kind in front, as in `tar:FILE`: dir, tar, cpio, ext4, squashfs, erofs, fat, manifest")),
        }
    }

    /// What its file holds, where it is one.
    pub(super) fn form(&self) -> Option<Form> {
        match self {
            Sink::File(form, _) => Some(*form),
            Sink::Dir(_) | Sink::Stdout | Sink::Manifest(_) => None,
        }
    }

    /// Writes a tree; a file appears when it is whole.
    ///
    /// # Errors
    /// Where the tree cannot be written to this, or the disk takes no more.
    pub(super) fn write(&self, tree: &Tree, choices: &SinkArgs) -> Result<Vec<Notice>> {
        match self {
            Sink::Dir(path) => {
                let (bar, folder) = (bar(tree), OutputFolder::create(path)?);
                let doing = || format!("writing {}", shown(path));
                let written = dir::write(tree, folder.path(), &|bytes| bar.add(bytes));
                let notices = written.context(doing)?;
                interrupt::undisturbed(|| folder.commit())?;
                Ok(notices)
            }
            Sink::Stdout => to_stdout(tree).context(|| "writing to standard output"),
            Sink::Manifest(path) => manifest::write(tree, path),
            Sink::File(form, path) => {
                let output = OutputFile::create(path)?;
                let doing = || format!("writing {}", shown(path));
                let notices = form.write(tree, &output, choices).context(doing)?;
                output.commit()?;
                Ok(notices)
            }
        }
    }
}

impl Form {
    fn write(self, tree: &Tree, output: &OutputFile, choices: &SinkArgs) -> Result<Vec<Notice>> {
        let file = output.as_file();
        let (bar, volume) = (bar(tree), Volume::new(file, 0, u64::MAX));
        let tell = |bytes| bar.add(bytes);
        Ok(match self {
            Form::Tar(None) => tar::write_to(tree, &volume, &tell)?,
            Form::Tar(Some(format)) => {
                let mut archive = Told { archive: Encoder::new(format, file)?, bar: &bar };
                let notices = tar::write(tree, &mut archive)?;
                archive.archive.finish()?;
                notices
            }
            Form::Newc(None) => newc::write_to(tree, &volume, &tell)?,
            Form::Newc(Some(format)) => {
                let mut archive = Told { archive: Encoder::new(format, file)?, bar: &bar };
                let notices = newc::write(tree, &mut archive)?;
                archive.archive.finish()?;
                notices
            }
            Form::Ext4 => choices.ext4.write(tree, file, &tell)?,
            Form::Squashfs => choices.squashfs.write(tree, file, &tell)?,
            Form::Erofs => choices.erofs.write(tree, file, &tell)?,
            Form::Fat => choices.fat.write(tree, file, &tell)?,
        })
    }
}

/// A tar for whoever reads us, who may stop early.
fn to_stdout(tree: &Tree) -> Result<Vec<Notice>> {
    let mut output = BufWriter::new(terminal::Output::new());
    let notices = tar::write(tree, &mut output)?;
    output.into_inner().map_err(IntoInnerError::into_error)?.finish()?;
    Ok(notices)
}

/// A bar for the contents of a tree.
fn bar(tree: &Tree) -> ByteBar {
    ByteBar::new(tree.content_len())
}

/// An archive whose bytes a bar counts.
struct Told<'b, W> {
    archive: W,
    bar: &'b ByteBar,
}

impl<W: Write> Write for Told<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.archive.write(bytes)?;
        self.bar.add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.archive.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_name_says_what_is_written() {
        let file = |form, path: &str| Sink::File(form, path.into());
        for (word, sink) in [
            ("a.tar", file(Form::Tar(None), "a.tar")),
            ("a.tgz", file(Form::Tar(Some(Format::Gzip)), "a.tgz")),
            ("cpio:x.gz", file(Form::Newc(Some(Format::Gzip)), "x.gz")),
            ("a.tar.zst", file(Form::Tar(Some(Format::Zstd)), "a.tar.zst")),
            ("tar:x.xz", file(Form::Tar(Some(Format::Xz)), "x.xz")),
            ("ext4:disk.img", file(Form::Ext4, "disk.img")),
            ("a.squashfs", file(Form::Squashfs, "a.squashfs")),
            ("erofs:x", file(Form::Erofs, "x")),
            ("out", Sink::Dir("out".into())),
            ("dir:a.tar", Sink::Dir("a.tar".into())),
            ("-", Sink::Stdout),
            ("a.manifest", Sink::Manifest("a.manifest".into())),
            ("manifest:x.tar", Sink::Manifest("x.tar".into())),
        ] {
            assert_eq!(Sink::of(word).expect("clear"), sink, "{word}");
        }
        assert!(Sink::of("a.zip").is_err());
    }
}
