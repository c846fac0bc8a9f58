//! UEFI firmware of a root: QEMU's descriptors where there are any, else well-known pairs of files.
//!
//! Which descriptor fits a machine is decided elsewhere; here it is enough that one names firmware for
//! x86-64 that is there (QEMU, docs/interop/firmware.json).

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Refusal;
use super::root::Root;
use crate::arch::X86_64;
use crate::error::{Context, Error, Result, shown};
use crate::volume;

/// Folders of descriptors, from general to specific (QEMU, docs/interop/firmware.json); the first two
/// are where QEMU is that Homebrew or one's own hands built.
const DESCRIPTOR_FOLDERS: [&str; 4] = [
    "opt/homebrew/share/qemu/firmware",
    "usr/local/share/qemu/firmware",
    "usr/share/qemu/firmware",
    "etc/qemu/firmware",
];

/// CODE and VARS where distributions put them that have no descriptors.
const PAIRS: [(&str, &str); 6] = [
    ("usr/share/OVMF/OVMF_CODE_4M.fd", "usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("usr/share/OVMF/OVMF_CODE.fd", "usr/share/OVMF/OVMF_VARS.fd"),
    ("usr/share/edk2/x64/OVMF_CODE.4m.fd", "usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    ("usr/share/edk2/ovmf/OVMF_CODE.fd", "usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("usr/share/edk2-ovmf/x64/OVMF_CODE.fd", "usr/share/edk2-ovmf/x64/OVMF_VARS.fd"),
    ("usr/share/qemu/edk2-x86_64-code.fd", "usr/share/qemu/edk2-i386-vars.fd"),
];

/// Where firmware is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Firmware {
    /// Descriptors, to choose from.
    Described {
        /// The root that the paths in the descriptors are relative to: `/`, or a tree of the store.
        root: PathBuf,
        /// The folders that hold them, from general to specific, as paths on the host.
        descriptors: Vec<PathBuf>,
    },
    /// One firmware image with the template of its variable store.
    Pair {
        /// OVMF's CODE.
        code: PathBuf,
        /// OVMF's VARS, which a machine gets a copy of.
        vars: PathBuf,
    },
}

/// The firmware of a root.
pub(super) fn search(root: &Root, refused: &mut Vec<Refusal>) -> Option<Firmware> {
    let mut descriptors = Vec::new();
    let mut is_usable = false;
    for folder in folders(root) {
        let files = entries(&folder);
        if files.is_empty() {
            continue;
        }
        for file in files {
            match check(root, &file) {
                Ok(usable) => is_usable |= usable,
                Err(why) => refused.push(Refusal::new(&file, why)),
            }
        }
        descriptors.push(folder);
    }
    if is_usable {
        return Some(Firmware::Described { root: root.path().into(), descriptors });
    }
    let readable = |path: &str| root.find(path).filter(|p| File::open(p).is_ok());
    let pairs = PAIRS.iter().map(|(code, vars)| (readable(code), readable(vars)));
    let pair = pairs.into_iter().find_map(|pair| Some((pair.0?, pair.1?)));
    if pair.is_none() {
        let why = format!("no descriptor of firmware for {}, no OVMF_CODE.fd", X86_64.name);
        refused.push(Refusal::new(root.path(), why));
    }
    pair.map(|(code, vars)| Firmware::Pair { code, vars })
}

/// The pair that was given.
pub(super) fn given(code: Option<&Path>, vars: Option<&Path>) -> Result<Option<Firmware>> {
    let readable = |path: &Path| volume::open(path).context(|| format!("reading {}", shown(path)));
    match (code, vars) {
        (None, None) => Ok(None),
        (Some(code), Some(vars)) => {
            readable(code)?;
            readable(vars)?;
            Ok(Some(Firmware::Pair { code: code.into(), vars: vars.into() }))
        }
        _ => Err(Error::new("--ovmf-code and --ovmf-vars go together: one alone was given")),
    }
}

fn folders(root: &Root) -> Vec<PathBuf> {
    let config = root.is_host().then(|| {
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
        absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")))
    });
    let own = config.flatten().map(|config| config.join("qemu/firmware"));
    DESCRIPTOR_FOLDERS.iter().filter_map(|f| root.find(f)).chain(own).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).into_iter().flatten().filter_map(|e| e.ok().map(|e| e.path()));
    let mut files: Vec<_> = read.filter(|p| p.extension().is_some_and(|e| e == "json")).collect();
    files.sort();
    files
}

/// Whether a descriptor is for our architecture; an error where it is, but cannot be used.
fn check(root: &Root, descriptor: &Path) -> Result<bool, String> {
    let text = fs::read(descriptor).map_err(|e| Error::from(e).to_string())?;
    let json: Value = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
    let targets = json["targets"].as_array().into_iter().flatten();
    if !targets.into_iter().any(|target| target["architecture"] == X86_64.name) {
        return Ok(false);
    }
    let mapping = &json["mapping"];
    let file = mapping["executable"]["filename"].as_str().or(mapping["filename"].as_str());
    let file = file.ok_or("it names no firmware file")?;
    let path = root.find(file).ok_or_else(|| format!("{file} is not there"))?;
    File::open(path).map_err(|e| format!("{file}: {}", Error::from(e)))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for (path, content) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, content).expect("written");
        }
        dir
    }

    fn descriptor(file: &str) -> String {
        format!(
            r#"{{"mapping":{{"executable":{{"filename":"{file}"}}}},
                 "targets":[{{"architecture":"x86_64"}}]}}"#
        )
    }

    #[test]
    fn descriptors_count_when_their_file_is_in_the_root() {
        let good = descriptor("/usr/share/OVMF/C.fd");
        let dir = tree(&[
            ("usr/share/qemu/firmware/60.json", &good),
            ("usr/share/qemu/firmware/50.json", &descriptor("/nowhere.fd")),
            ("usr/share/qemu/firmware/40.json", "{"),
            ("usr/share/qemu/firmware/30.json", r#"{"targets":[{"architecture":"aarch64"}]}"#),
            ("usr/share/OVMF/C.fd", ""),
        ]);
        let mut refused = Vec::new();
        let firmware = search(&Root::tree(dir.path()), &mut refused).expect("found");
        let descriptors = vec![dir.path().join("usr/share/qemu/firmware")];
        assert_eq!(firmware, Firmware::Described { root: dir.path().into(), descriptors });
        assert_eq!(refused.len(), 2, "{refused:?}");
        assert_eq!(refused[1].why, "/nowhere.fd is not there");
    }

    #[test]
    fn folders_come_from_general_to_specific() {
        let good = descriptor("/usr/share/OVMF/C.fd");
        let dir = tree(&[
            ("etc/qemu/firmware/50.json", &good),
            ("usr/share/qemu/firmware/50.json", &good),
            ("usr/share/OVMF/C.fd", ""),
        ]);
        let found = search(&Root::tree(dir.path()), &mut Vec::new()).expect("found");
        let Firmware::Described { descriptors, .. } = found else { panic!("{found:?}") };
        let folders = ["usr/share/qemu/firmware", "etc/qemu/firmware"];
        assert_eq!(descriptors, folders.map(|folder| dir.path().join(folder)));
    }

    #[test]
    fn without_descriptors_a_known_pair_is_taken() {
        let dir = tree(&[
            ("usr/share/OVMF/OVMF_CODE_4M.fd", ""),
            ("usr/share/edk2/ovmf/OVMF_CODE.fd", ""),
            ("usr/share/edk2/ovmf/OVMF_VARS.fd", ""),
        ]);
        let firmware = search(&Root::tree(dir.path()), &mut Vec::new());
        let code = dir.path().join("usr/share/edk2/ovmf/OVMF_CODE.fd");
        let vars = dir.path().join("usr/share/edk2/ovmf/OVMF_VARS.fd");
        assert_eq!(firmware, Some(Firmware::Pair { code, vars }));
    }

    #[test]
    fn a_pair_is_given_whole() {
        let error = given(Some(Path::new("/dev/null")), None).expect_err("half a pair");
        assert!(error.to_string().contains("go together"), "{error}");
    }
}
