//! A spec: the TOML file that describes an image, one key for each option of `bootwright image`.
//!
//! Unknown keys are refused with line and column, because a misspelt one would change nothing, silently.
//! Paths that are not absolute are taken from the folder of the spec, so that a spec and what belongs to
//! it can be moved together. Left out: how the image is booted, and where programs of the host are.

mod resolve;

pub use resolve::{resolve, time};

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use crate::build::filesystem_size::FilesystemSize;
use crate::build::root_filesystem::RootFilesystem;
use crate::error::{Context, Error, Result, shown};
use crate::package::Export;
use crate::size::{MIB, Size};
use crate::source::{Change, Word};
use crate::tree::dir::Owners;
use crate::tree::merge::Conflict;
use crate::volume::whole;

/// The longest spec: what is longer is none.
const SPEC_MAX: u64 = 16 * MIB;

/// What a reader of TOML says, and what a person who writes a spec understands.
const WORDS: [(&str, &str); 5] = [
    (
        "wanted exactly 1 element, more than 1 element",
        "one change has one key: write `{ … }, { … }`",
    ),
    ("expected a sequence", "expected a list, as in `[\"a\", \"b\"]`"),
    ("expected a string", "expected a text in quotes"),
    ("expected path string", "expected a path in quotes"),
    ("expected u32", "expected a number"),
];

/// An image, as it is described.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Spec {
    /// Where the image goes.
    pub output: Option<PathBuf>,
    /// What it is handed out as; raw alone where nothing is said.
    #[serde(deserialize_with = "texts")]
    pub formats: Vec<Export>,
    /// Size of the whole disk; what the partitions need where nothing is said.
    #[serde(deserialize_with = "optional")]
    pub size: Option<Size>,
    /// Gives another identity (GUIDs, volume ids) to the same ingredients.
    pub seed: String,
    /// The EFI System Partition.
    pub esp: Esp,
    /// The root partition and its filesystem.
    pub root: Root,
    /// The kernel and its initramfs.
    pub kernel: Kernel,
    /// The boot loader.
    pub loader: Loader,
}

/// The EFI System Partition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Esp {
    /// Its size.
    #[serde(deserialize_with = "text")]
    pub size: FilesystemSize,
}

/// The root partition and its filesystem.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Root {
    /// Where it comes from, in order, as on the command line; the demo where there is none.
    #[serde(deserialize_with = "words")]
    pub sources: Vec<Word>,
    /// What happens where two sources have the same path: `refuse`, `replace` or `keep`.
    #[serde(deserialize_with = "text")]
    pub on_conflict: Conflict,
    /// Owners of a directory's files: `root`, `preserve` or a map.
    #[serde(deserialize_with = "text")]
    pub owners: Owners,
    /// Globs of what is left out of a directory.
    pub exclude: Vec<String>,
    /// Where a program and its libraries are.
    pub sysroot: PathBuf,
    /// The image's name, where a container archive has several.
    pub image: Option<String>,
    /// Go's name of the architecture, where a container image is for several.
    pub image_arch: Option<String>,
    /// Leave `bin`, `lib` and `sbin` of packages as they are.
    pub split_usr: bool,
    /// Changes on top, in order.
    pub changes: Vec<Change>,
    /// The init of the root filesystem that is to run.
    pub init: Option<String>,
    /// The program that our init is to start, with its arguments.
    pub run: Vec<String>,
    /// What it becomes: `ext4`, or packed `squashfs` or `erofs`.
    #[serde(deserialize_with = "text")]
    pub filesystem: RootFilesystem,
    /// The partition's size.
    #[serde(deserialize_with = "optional")]
    pub size: Option<FilesystemSize>,
    /// Marks the partition for legacy BIOS boot loaders.
    pub legacy_bios_bootable: bool,
    /// A static busybox for the demo.
    pub busybox: Option<PathBuf>,
}

/// The kernel and its initramfs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Kernel {
    /// The bzImage.
    pub image: Option<PathBuf>,
    /// Its `lib/modules/RELEASE`.
    pub modules: Option<PathBuf>,
    /// Our `/init`.
    pub init: Option<PathBuf>,
    /// A finished initramfs to use instead of ours.
    pub initramfs: Option<PathBuf>,
    /// Arguments after ours; a later one wins.
    pub append: Vec<String>,
}

/// The boot loader.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Loader {
    /// Seconds that its menu is shown.
    pub menu_timeout: u32,
    /// GRUB's modules for the target.
    pub grub_modules: Option<PathBuf>,
}

impl Default for Esp {
    fn default() -> Self {
        Esp { size: FilesystemSize::Auto { free: 0 } }
    }
}

impl Default for Root {
    fn default() -> Self {
        Root {
            sources: Vec::new(),
            on_conflict: Conflict::Refuse,
            owners: Owners::Root,
            exclude: Vec::new(),
            sysroot: "/".into(),
            image: None,
            image_arch: None,
            split_usr: false,
            changes: Vec::new(),
            init: None,
            run: Vec::new(),
            filesystem: RootFilesystem::Ext4,
            size: None,
            legacy_bios_bootable: false,
            busybox: None,
        }
    }
}

impl Spec {
    /// Reads a spec; its paths are taken from its own folder.
    ///
    /// # Errors
    /// Where it cannot be read, is no TOML, or says something that no image has.
    pub fn read(path: &Path) -> Result<Self> {
        let doing = || format!("reading the spec {}", shown(path));
        let text = String::from_utf8(whole(path, SPEC_MAX)?).context(doing)?;
        let spec = Spec::parse(&text).context(doing)?;
        Ok(spec.below(path.parent().unwrap_or(Path::new(""))))
    }

    /// Reads the text of a spec.
    ///
    /// # Errors
    /// As [`Spec::read`].
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| {
            let at = error.span().map_or_else(String::new, |span| place(text, span.start));
            let mut words = error.message().replace('\n', " ");
            for (theirs, ours) in WORDS {
                words = words.replace(theirs, ours);
            }
            Error::new(format!("{at}{words}"))
        })
    }

    /// The same, with paths that are not absolute taken from a folder.
    #[must_use]
    pub fn below(mut self, folder: &Path) -> Self {
        let Spec { output, root, kernel, loader, .. } = &mut self;
        let paths = [
            output,
            &mut root.busybox,
            &mut kernel.image,
            &mut kernel.modules,
            &mut kernel.init,
            &mut kernel.initramfs,
            &mut loader.grub_modules,
        ];
        for path in paths.into_iter().flatten() {
            *path = folder.join(&path);
        }
        let has_sysroot = root.sysroot != Path::new("/");
        let below = |word: Word| match has_sysroot && word.is_program() {
            true => word,
            false => word.below(folder),
        };
        root.sources = root.sources.drain(..).map(below).collect();
        root.sysroot = folder.join(&root.sysroot);
        root.changes = root.changes.drain(..).map(|change| change.below(folder)).collect();
        self
    }
}

/// `line 3, column 7: ` of a byte of a text.
fn place(text: &str, at: usize) -> String {
    let before = &text[..text.floor_char_boundary(at)];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}: ")
}

/// A value as the command line writes it.
fn text<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

fn texts<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(serde::de::Error::custom)).collect()
}

fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    text(deserializer).map(Some)
}

fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Word>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    Ok(texts.iter().map(|text| Word::new(text)).collect())
}

#[cfg(test)]
mod tests;
