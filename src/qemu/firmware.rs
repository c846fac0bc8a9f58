//! Finds UEFI firmware (OVMF) for a machine: descriptors first, then well-known file names.
//!
//! Descriptors are chosen as QEMU's `docs/interop/firmware.json` says: all folders' files sorted by
//! file name; of two with one name the more specific folder's counts; an empty file hides one.
//! Everything that was refused is kept with its reason.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::descriptor::Descriptor;
use super::device::{Flash, firmware_volume_end};
use crate::arch::Arch;
use crate::error::{Error, Result, shown};
use crate::format::Format;
use crate::volume::whole;

/// Firmware whose files were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firmware {
    /// The code, never written to.
    pub code: Flash,
    /// The template of the variable store; each machine gets a copy.
    pub vars: Flash,
    /// What it is, for a person.
    pub description: String,
}

/// A candidate that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The descriptor, or the firmware's code.
    pub path: PathBuf,
    /// Why, as the end of a sentence.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", shown(&self.path), self.reason)
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// The first candidate that suits.
    pub firmware: Option<Firmware>,
    /// Those before it, in the order in which they were looked at.
    pub refused: Vec<Refusal>,
}

/// Where distributions put code and variables that have no descriptors: architecture, code, variables,
/// whose.
const WELL_KNOWN: [(&str, &str, &str, &str); 11] = [
    ("x86_64", "usr/share/OVMF/OVMF_CODE_4M.fd", "usr/share/OVMF/OVMF_VARS_4M.fd", DEBIAN),
    ("x86_64", "usr/share/OVMF/OVMF_CODE.fd", "usr/share/OVMF/OVMF_VARS.fd", DEBIAN),
    (
        "x86_64",
        "usr/share/edk2/ovmf/OVMF_CODE_4M.qcow2",
        "usr/share/edk2/ovmf/OVMF_VARS_4M.qcow2",
        FEDORA,
    ),
    ("x86_64", "usr/share/edk2/ovmf/OVMF_CODE.fd", "usr/share/edk2/ovmf/OVMF_VARS.fd", FEDORA),
    ("x86_64", "usr/share/edk2/x64/OVMF_CODE.4m.fd", "usr/share/edk2/x64/OVMF_VARS.4m.fd", ARCH),
    (
        "x86_64",
        "usr/share/edk2-ovmf/x64/OVMF_CODE.fd",
        "usr/share/edk2-ovmf/x64/OVMF_VARS.fd",
        ARCH,
    ),
    ("x86_64", "usr/share/edk2-ovmf/OVMF_CODE.fd", "usr/share/edk2-ovmf/OVMF_VARS.fd", "Gentoo"),
    (
        "x86_64",
        "usr/share/qemu/ovmf-x86_64-code.bin",
        "usr/share/qemu/ovmf-x86_64-vars.bin",
        "openSUSE",
    ),
    ("x86_64", "usr/share/qemu/edk2-x86_64-code.fd", "usr/share/qemu/edk2-i386-vars.fd", QEMU),
    (
        "x86_64",
        "usr/local/share/qemu/edk2-x86_64-code.fd",
        "usr/local/share/qemu/edk2-i386-vars.fd",
        QEMU,
    ),
    (
        "x86_64",
        "opt/homebrew/share/qemu/edk2-x86_64-code.fd",
        "opt/homebrew/share/qemu/edk2-i386-vars.fd",
        "Homebrew",
    ),
];

const DEBIAN: &str = "Debian";
const FEDORA: &str = "Fedora";
const ARCH: &str = "Arch Linux";
const QEMU: &str = "QEMU";

impl Firmware {
    /// The firmware in this pair of files.
    ///
    /// # Errors
    /// Where a file cannot be read, or is not what firmware looks like.
    pub fn open(code: &Path, vars: &Path, description: impl Into<String>) -> Result<Self> {
        let (code, vars) = (flash(code)?, flash(vars)?);
        Ok(Firmware { code, vars, description: description.into() })
    }
}

/// Searches a root: the host's, or a folder into which packages were unpacked. `find` gives the path on
/// the host of what the root has under a path; `folders` hold descriptors, from general to specific.
pub fn search(arch: &Arch, find: &dyn Fn(&Path) -> Option<PathBuf>, folders: &[PathBuf]) -> Search {
    let mut search = Search::default();
    let there = |path: &str| {
        let found = find(Path::new(path));
        found.ok_or_else(|| Error::new(format!("{path} is not there")))
    };
    let open =
        |code: &str, vars: &str, what: &str| Firmware::open(&there(code)?, &there(vars)?, what);
    let described = descriptors(folders, &mut search.refused).into_values().flatten();
    let described = described.map(|path| {
        let firmware = Descriptor::read(&path).and_then(|descriptor| {
            let (code, vars) = descriptor.files(arch).map_err(Error::new)?;
            open(code, vars, &descriptor.description)
        });
        (path, firmware)
    });
    let known = WELL_KNOWN.iter().filter(|row| row.0 == arch.name).filter_map(|row| {
        // Other distributions' names are not refusals: nobody expects them here.
        let code = find(Path::new(row.1))?;
        Some((code, open(row.1, row.2, &format!("UEFI firmware, where {} has it", row.3))))
    });
    for (path, firmware) in described.chain(known) {
        match firmware {
            Ok(firmware) => {
                search.firmware = Some(firmware);
                break;
            }
            Err(error) => search.refused.push(Refusal { path, reason: error.to_string() }),
        }
    }
    search
}

/// The descriptors that count, by file name; `None` where an empty file hides one.
fn descriptors(
    folders: &[PathBuf],
    refused: &mut Vec<Refusal>,
) -> BTreeMap<OsString, Option<PathBuf>> {
    let mut files = BTreeMap::new();
    for folder in folders {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                if error.kind() != std::io::ErrorKind::NotFound {
                    refused.push(Refusal { path: folder.clone(), reason: error.to_string() });
                }
                continue;
            }
        };
        let paths = entries.flatten().map(|entry| entry.path());
        for path in paths.filter(|path| path.extension().is_some_and(|e| e == "json")) {
            let hides = path.metadata().is_ok_and(|m| !m.is_dir() && m.len() == 0);
            let name = path.file_name().map(OsString::from).unwrap_or_default();
            files.insert(name, (!hides).then_some(path));
        }
    }
    files
}

/// QEMU's flash is written in blocks of this size, and refuses a file that is no multiple.
const FLASH_BLOCK_SIZE: u64 = 4096;

/// More than any firmware of ours: the largest is ARM's, padded to 64 MiB.
const FLASH_SIZE_MAX: u64 = 64 << 20;

/// Checks that a file is what a flash chip is loaded from.
fn flash(path: &Path) -> Result<Flash> {
    let reading = || format!("reading {}", shown(path));
    // An explicit path may be any file.
    let bytes = whole(path, FLASH_SIZE_MAX)?;
    let format = Format::sniff(&bytes, &[]);
    let fault = match format {
        Format::Qcow2 => None,
        Format::Raw => fault(&bytes),
        _ => Some(format!("it is a {} image", format.name())),
    };
    match fault {
        None => Ok(Flash { path: path.into(), format }),
        Some(fault) => Err(Error::new(fault).context(reading())),
    }
}

/// What is wrong with the content of a flash chip.
fn fault(bytes: &[u8]) -> Option<String> {
    let len = bytes.len() as u64;
    if len == 0 {
        return Some("it is empty".into());
    }
    // On ARM a reset vector stands in front of the first volume.
    let starts = [0, 0x1000].into_iter().find(|&at| firmware_volume_end(bytes, at).is_some());
    let Some(mut at) = starts else {
        return Some("it is no UEFI firmware: no volume signature (_FVH) at offset 40".into());
    };
    while let Some(end) = firmware_volume_end(bytes, at) {
        match usize::try_from(end) {
            Ok(next) if next > at && end <= len => at = next,
            _ => {
                let fault = "it is truncated: the firmware volume at";
                return Some(format!("{fault} {at} ends at {end}, the file at {len}"));
            }
        }
    }
    (!len.is_multiple_of(FLASH_BLOCK_SIZE))
        .then(|| format!("its size of {len} bytes is no multiple of {FLASH_BLOCK_SIZE}"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::arch::X86_64;
    use std::fs;

    fn below(root: &Path, folders: &[PathBuf]) -> Search {
        let find = |path: &Path| {
            let path = root.join(path.strip_prefix("/").unwrap_or(path));
            path.exists().then_some(path)
        };
        search(&X86_64, &find, folders)
    }

    /// A volume of `len` bytes that says it has `says` bytes.
    pub(crate) fn volume(len: usize, says: u64) -> Vec<u8> {
        let mut bytes = vec![0xff; len];
        bytes[32..40].copy_from_slice(&says.to_le_bytes());
        bytes[40..44].copy_from_slice(b"_FVH");
        bytes
    }

    fn put(root: &Path, path: &str, bytes: &[u8]) -> PathBuf {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, bytes).expect("written");
        path
    }

    fn describe(root: &Path, path: &str, code: &str, features: &[&str]) {
        let json = serde_json::json!({
            "description": code, "interface-types": ["uefi"],
            "mapping": {"device": "flash",
                "executable": {"filename": code, "format": "raw"},
                "nvram-template": {"filename": "/fw/vars.fd", "format": "raw"}},
            "targets": [{"architecture": "x86_64", "machines": ["pc-q35-*"]}],
            "features": features,
        });
        put(root, path, json.to_string().as_bytes());
    }

    /// A root with general and specific descriptor folders.
    fn store() -> (tempfile::TempDir, [PathBuf; 2]) {
        let root = tempfile::tempdir().expect("a folder");
        for name in ["fw/a.fd", "fw/b.fd", "fw/vars.fd"] {
            put(root.path(), name, &volume(8192, 8192));
        }
        let folders = ["usr", "etc"].map(|name| root.path().join(name));
        (root, folders)
    }

    #[test]
    fn descriptors_are_sorted_by_name_and_resolved_below_the_root() {
        let (root, folders) = store();
        let root = root.path();
        describe(root, "usr/40-smm.json", "/fw/a.fd", &["requires-smm"]);
        describe(root, "usr/50-gone.json", "/fw/none.fd", &[]);
        describe(root, "usr/60-b.json", "/fw/b.fd", &[]);
        describe(root, "etc/70-a.json", "/fw/a.fd", &[]);
        put(root, "usr/55-broken.json", b"{");
        let found = below(root, &folders);
        let firmware = found.firmware.expect("60-b suits");
        assert_eq!(firmware.code.path, root.join("fw/b.fd"));
        let names: Vec<_> = found.refused.iter().filter_map(|r| r.path.file_name()).collect();
        assert_eq!(names, ["40-smm.json", "50-gone.json", "55-broken.json"]);
        assert_eq!(found.refused[1].reason, "/fw/none.fd is not there");
    }

    #[test]
    fn the_specific_folder_masks_and_hides() {
        let (root, folders) = store();
        describe(root.path(), "usr/10.json", "/fw/a.fd", &[]);
        describe(root.path(), "usr/20.json", "/fw/a.fd", &[]);
        put(root.path(), "etc/10.json", b"");
        describe(root.path(), "etc/20.json", "/fw/b.fd", &[]);
        let found = below(root.path(), &folders);
        assert_eq!(found.firmware.expect("20 suits").description, "/fw/b.fd");
        assert_eq!(found.refused, []);
    }

    #[test]
    fn well_known_names_are_the_last_resort() {
        let (root, folders) = store();
        put(root.path(), WELL_KNOWN[1].1, &volume(4096, 4096));
        put(root.path(), WELL_KNOWN[1].2, &volume(4096, 4096));
        let found = below(root.path(), &folders);
        assert_eq!(
            found.firmware.expect("it is there").code.path,
            root.path().join(WELL_KNOWN[1].1)
        );
    }

    #[test]
    fn what_is_no_firmware_says_why() {
        let (root, _) = store();
        let two = [volume(4096, 4096), volume(4096, 8192)].concat();
        let table: [(&[u8], &str); 6] = [
            (b"", "empty"),
            (&[0; 4096], "_FVH"),
            (&volume(4096, 8192), "truncated"),
            (&two, "volume at 4096 ends at 12288, the file at 8192"),
            (&volume(4096, 0), "truncated"),
            (&volume(5000, 5000), "multiple"),
        ];
        for (bytes, reason) in table {
            let path = put(root.path(), "x.fd", bytes);
            let error = Firmware::open(&path, &path, "").expect_err(reason).to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
