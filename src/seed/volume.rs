//! A seed as a volume, vfat or ISO 9660, and back.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{File, LABEL, Part};
use crate::bytes::le32;
use crate::error::{Context, Error, Result, shown};
use crate::fs::superblock::Superblock;
use crate::fs::{FileSystem, fat, iso9660};
use crate::tree::{Content, Node, Time, Tree, TreePath};
use crate::volume::{self, Window};

/// The largest file of a seed that is read.
const FILE_MAX: u64 = 16 << 20;
/// Entries of the root directory that are looked at.
const ENTRIES_MAX: usize = 1000;

/// A seed that was laid out as a volume.
#[derive(Debug)]
pub enum Volume {
    /// FAT12 or more.
    Vfat(fat::Plan),
    /// ISO 9660 with Joliet and Rock Ridge.
    Iso(iso9660::Plan),
}

impl Volume {
    /// A FAT volume of these files, as large as they need, its serial number a function of them.
    ///
    /// # Errors
    /// Where they do not fit.
    pub fn vfat(files: &[File], time: Time) -> Result<Self> {
        let hash = files.iter().fold(Sha256::new(), |hash, file| hash.chain_update(&file.bytes));
        let volume_id = le32(&hash.finalize(), 0).unwrap_or(0);
        let options = fat::Options {
            size: fat::VolumeSize::Auto { reserve: 0 },
            kind: None,
            label: LABEL.to_ascii_uppercase(),
            volume_id,
            hidden_sectors: 0,
        };
        Ok(Volume::Vfat(fat::plan(&tree(files, time)?, &options)?))
    }

    /// An ISO 9660 volume of these files.
    ///
    /// # Errors
    /// Where they do not fit.
    pub fn iso(files: &[File], time: Time) -> Result<Self> {
        let (boot, aligned) = (Vec::new(), Vec::new());
        let options = iso9660::Options { label: LABEL.into(), time, boot, aligned };
        Ok(Volume::Iso(iso9660::plan(&tree(files, time)?, &options)?))
    }

    /// Bytes of the volume.
    pub fn size(&self) -> u64 {
        match self {
            Volume::Vfat(plan) => plan.size(),
            Volume::Iso(plan) => plan.size(),
        }
    }

    /// Writes it to a volume that is all zeros.
    ///
    /// # Errors
    /// Where writing fails.
    pub fn write(&self, to: &volume::Volume<'_>) -> Result<()> {
        match self {
            Volume::Vfat(plan) => plan.write(to),
            Volume::Iso(plan) => plan.write(to),
        }
    }
}

fn tree(files: &[File], time: Time) -> Result<Tree> {
    let mut tree = Tree::new(time);
    for file in files {
        let path = TreePath::new(file.part.name().as_bytes())?;
        tree.insert(path, Node::file(0o644, time, Content::from(file.bytes.clone())))?;
    }
    Ok(tree)
}

/// What was found where a seed should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The kernel's name of the filesystem; `None` for a folder.
    pub fstype: Option<&'static str>,
    /// The volume's label.
    pub label: Option<String>,
    /// The parts that are there.
    pub files: Vec<File>,
    /// All other names at the top.
    pub others: Vec<String>,
}

/// Reads a seed back: a volume, or a folder that is to become one.
///
/// # Errors
/// Where it cannot be read, or is neither.
pub fn read(path: &Path) -> Result<Found> {
    let doing = || format!("reading the seed {}", shown(path));
    match path.is_dir() {
        true => read_folder(path).context(doing),
        false => read_volume(&Window::open(path)?).context(doing),
    }
}

fn read_volume(window: &Window) -> Result<Found> {
    let no_volume = || {
        Error::new("it is no volume that cloud-init looks into")
            .hint("a NoCloud seed is a whole vfat or ISO 9660 volume labelled cidata")
    };
    let superblock = Superblock::probe(window).ok_or_else(no_volume)?;
    let system = FileSystem::open(window)?.ok_or_else(no_volume)?;
    let mut found = Found {
        fstype: Some(superblock.fstype),
        label: Some(superblock.label),
        files: Vec::new(),
        others: Vec::new(),
    };
    for entry in system.list(&TreePath::root())?.into_iter().take(ENTRIES_MAX) {
        let name = String::from_utf8_lossy(&entry.name).into_owned();
        let part = Part::ALL.into_iter().find(|part| part.name() == name && entry.is_file());
        match part {
            Some(part) => {
                let bytes = system.read(&TreePath::new(&entry.name)?, FILE_MAX)?;
                found.files.push(File { part, origin: name, bytes });
            }
            None => found.others.push(name),
        }
    }
    found.files.sort_by_key(|file| file.part);
    Ok(found)
}

fn read_folder(path: &Path) -> Result<Found> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)?.take(ENTRIES_MAX) {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let mut found = Found { fstype: None, label: None, files: Vec::new(), others: Vec::new() };
    for name in names {
        let file = path.join(&name);
        match Part::ALL.into_iter().find(|part| part.name() == name && file.is_file()) {
            Some(part) => {
                let content = Content::host(&file)?;
                if content.len() > FILE_MAX {
                    return Err(Error::new("it is larger than any seed").context(shown(&file)));
                }
                found.files.push(File { part, origin: shown(&file), bytes: content.read()? });
            }
            None => found.others.push(name),
        }
    }
    found.files.sort_by_key(|file| file.part);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<File> {
        let file = |part: Part, text: &str| File {
            part,
            origin: part.name().into(),
            bytes: text.as_bytes().to_vec(),
        };
        vec![
            file(Part::UserData, "#cloud-config\n{}\n"),
            file(Part::MetaData, "instance-id: a\n"),
            file(Part::VendorData, &"# much\n".repeat(10_000)),
        ]
    }

    fn written(volume: &Volume) -> Window {
        let file = tempfile::tempfile().expect("a temporary file");
        file.set_len(volume.size()).expect("extended");
        volume.write(&volume::Volume::new(&file, 0, volume.size())).expect("written");
        Window::new(file, volume.size())
    }

    #[test]
    fn both_kinds_of_volume_are_read_back() {
        let time = Time::from_seconds(315_532_800);
        let vfat = Volume::vfat(&files(), time).expect("it fits");
        let iso = Volume::iso(&files(), time).expect("it fits");
        for (volume, fstype, label) in [(&vfat, "vfat", "CIDATA"), (&iso, "iso9660", "cidata")] {
            let found = read_volume(&written(volume)).expect("readable");
            assert_eq!((found.fstype, found.label.as_deref()), (Some(fstype), Some(label)));
            assert_eq!((found.files, found.others), (files(), vec![]));
        }
        assert!(vfat.size() <= 1 << 20 && iso.size() < 1 << 18);
    }

    #[test]
    fn a_folder_is_read_as_what_it_would_be() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["user-data", "meta-data.yaml"] {
            fs::write(folder.path().join(name), "x").expect("written");
        }
        let found = read(folder.path()).expect("readable");
        assert_eq!((found.fstype, found.files.len()), (None, 1));
        assert_eq!(found.others, ["meta-data.yaml"]);
    }

    #[test]
    fn what_is_no_volume_is_said() {
        let error = read_volume(&Window::from(vec![0; 4096])).expect_err("nothing");
        assert!(error.to_string().contains("no volume that cloud-init looks into"), "{error}");
    }
}
