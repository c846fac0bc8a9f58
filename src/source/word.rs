//! A word that names a source: `debian.tar.xz`, `dir:rootfs`, `elf:/usr/bin/htop`, `-`.
//!
//! Where no kind stands in front, the content decides, never the name.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::{disk, modules};
use crate::compress;
use crate::error::{Context, Error, Result, shown};
use crate::tree::{manifest, tar};
use crate::volume;

/// How much of a file tells what it is.
const START: u64 = 512;

/// The kinds of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A host directory.
    Dir,
    /// A tar, which may turn out to be a container image where nobody said `tar:`.
    Tar,
    /// A Debian package.
    Deb,
    /// A container image.
    Oci,
    /// A program with all that it needs to start.
    Elf,
    /// The archives of an initramfs.
    Initramfs,
    /// gen_init_cpio's text.
    Manifest,
    /// A filesystem, or a partition of a disk image.
    Disk,
    /// Kernel modules: a `lib/modules/RELEASE`, and perhaps names behind a colon.
    Modules,
}

/// What can stand in front of a path.
const KINDS: &[(&str, Kind)] = &[
    ("dir:", Kind::Dir),
    ("tar:", Kind::Tar),
    ("deb:", Kind::Deb),
    ("oci:", Kind::Oci),
    ("elf:", Kind::Elf),
    ("initramfs:", Kind::Initramfs),
    ("manifest:", Kind::Manifest),
    ("disk:", Kind::Disk),
    ("modules:", Kind::Modules),
];

/// A source as it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What it is said to be; `None` where the content tells.
    pub kind: Option<Kind>,
    /// Where it is; `-` is standard input.
    pub path: PathBuf,
}

impl Word {
    /// Takes the kind off the front, where one is there.
    pub fn new(text: &str) -> Self {
        let named =
            KINDS.iter().find_map(|(prefix, kind)| Some((text.strip_prefix(prefix)?, *kind)));
        match named {
            Some((path, kind)) => Word { kind: Some(kind), path: path.into() },
            None => Word { kind: None, path: text.into() },
        }
    }

    /// The same, with a path that is not absolute taken from this folder.
    #[must_use]
    pub fn below(self, folder: &Path) -> Self {
        let is_of_the_image =
            self.kind == Some(Kind::Modules) && modules::is_of_the_image(&self.path);
        match self.is_stdin() || is_of_the_image {
            true => self,
            false => Word { path: folder.join(self.path), ..self },
        }
    }

    /// Whether it is a tar that comes from standard input.
    pub fn is_stdin(&self) -> bool {
        self.path == Path::new("-") && matches!(self.kind, None | Some(Kind::Tar))
    }

    /// Whether it is a program with its libraries, which is named by its path in the sysroot.
    pub fn is_program(&self) -> bool {
        self.kind == Some(Kind::Elf)
    }

    /// What it is; `None` for a tar of which nobody said whether it is a container image.
    ///
    /// # Errors
    /// Where nobody said what it is and it cannot be read, or is nothing that is known.
    pub fn resolved(&self) -> Result<Option<Kind>> {
        match self.kind {
            Some(kind) => Ok(Some(kind)),
            None => sniffed(&self.path).context(|| format!("reading {}", shown(&self.path))),
        }
    }
}

fn sniffed(path: &Path) -> Result<Option<Kind>> {
    if path.is_dir() {
        let is_image = path.join("oci-layout").is_file() && path.join("index.json").is_file();
        return Ok(Some(if is_image { Kind::Oci } else { Kind::Dir }));
    }
    if disk::split(path).1.is_some() {
        return Ok(Some(Kind::Disk));
    }
    let mut start = Vec::new();
    volume::open(path)?.take(START).read_to_end(&mut start)?;
    if compress::Format::sniff(&start).is_some() {
        start.clear();
        compress::reader(volume::open(path)?)?.take(START).read_to_end(&mut start)?;
    }
    Ok(match &start[..] {
        start if start.starts_with(b"!<arch>\n") => Some(Kind::Deb),
        start if start.starts_with(b"\x7fELF") => Some(Kind::Elf),
        start if start.starts_with(b"07070") => Some(Kind::Initramfs),
        start if start.starts_with(b"#!") => Some(Kind::Elf),
        start if tar::is_tar(start) => None,
        start if manifest::is_manifest(start) => Some(Kind::Manifest),
        _ if disk::is_disk(path)? => Some(Kind::Disk),
        start if start.iter().all(|&b| b == 0) => None,
        _ => {
            let error = Error::new("it is no archive, image, package or program that is known");
            return Err(error.hint("write the kind in front, as in `manifest:FILE`"));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_in_front_is_taken_off() {
        let word = |kind, path: &str| Word { kind, path: path.into() };
        assert_eq!(Word::new("elf:/bin/ls"), word(Some(Kind::Elf), "/bin/ls"));
        assert_eq!(Word::new("a:b.tar"), word(None, "a:b.tar"));
        assert!(Word::new("-").is_stdin() && Word::new("tar:-").is_stdin());
        assert!(!Word::new("dir:-").is_stdin());
    }

    #[test]
    fn a_folder_counts_for_what_is_neither_absolute_nor_standard_input() {
        let path = |text: &str| Word::new(text).below(Path::new("/specs")).path;
        assert_eq!(path("dir:root"), Path::new("/specs/root"));
        assert_eq!(path("/abs.tar"), Path::new("/abs.tar"));
        assert_eq!(path("-"), Path::new("-"));
        assert_eq!(path("modules::vfat"), Path::new(":vfat"));
    }

    #[test]
    fn what_is_nothing_known_says_how_to_name_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("text");
        std::fs::write(&path, "directory of texts\n").expect("written");
        let error = Word::new(&path.to_string_lossy()).resolved().expect_err("unknown");
        assert!(error.hint_text().is_some_and(|hint| hint.contains("manifest:FILE")));
        let folder = Word::new(&folder.path().to_string_lossy()).resolved();
        assert_eq!(folder.expect("there"), Some(Kind::Dir));
    }
}
