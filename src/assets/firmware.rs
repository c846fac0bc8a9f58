//! UEFI firmware of a root, for a machine of ours; which of those that are there fits is
//! [`crate::qemu::firmware`]'s to say.

use std::path::{Path, PathBuf};

use super::Refusal;
use super::root::Root;
use crate::arch::X86_64;
use crate::error::{Error, Result};
use crate::qemu::firmware::{self, Firmware};

/// Folders of descriptors, from general to specific (QEMU, docs/interop/firmware.json); the first two
/// are where QEMU is that Homebrew or one's own hands built.
const DESCRIPTOR_FOLDERS: [&str; 4] = [
    "opt/homebrew/share/qemu/firmware",
    "usr/local/share/qemu/firmware",
    "usr/share/qemu/firmware",
    "etc/qemu/firmware",
];

/// The firmware of a root.
pub(super) fn search(root: &Root, refused: &mut Vec<Refusal>) -> Option<Firmware> {
    let found = firmware::search(&X86_64, &|path| root.find(path), &folders(root));
    refused.extend(found.refused.iter().map(|r| Refusal::new(&r.path, &r.reason)));
    if found.firmware.is_none() && found.refused.is_empty() {
        let why = format!("no descriptor of firmware for {}, no OVMF_CODE.fd", X86_64.name);
        refused.push(Refusal::new(root.path(), why));
    }
    found.firmware
}

/// The pair that was given.
pub(super) fn given(code: Option<&Path>, vars: Option<&Path>) -> Result<Option<Firmware>> {
    match (code, vars) {
        (None, None) => Ok(None),
        (Some(code), Some(vars)) => Firmware::open(code, vars, "").map(Some),
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::qemu::firmware::tests::volume;

    fn tree(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for (path, content) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, content).expect("written");
        }
        dir
    }

    fn descriptor(what: &str) -> Vec<u8> {
        let json = serde_json::json!({
            "description": what, "interface-types": ["uefi"],
            "mapping": {"device": "flash",
                "executable": {"filename": "/fw/code.fd", "format": "raw"},
                "nvram-template": {"filename": "/fw/vars.fd", "format": "raw"}},
            "targets": [{"architecture": "x86_64", "machines": ["pc-q35-*"]}],
        });
        json.to_string().into_bytes()
    }

    #[test]
    fn folders_come_from_general_to_specific() {
        let volume = volume(4096, 4096);
        let dir = tree(&[
            ("etc/qemu/firmware/50.json", &descriptor("specific")),
            ("usr/share/qemu/firmware/50.json", &descriptor("general")),
            ("fw/code.fd", &volume),
            ("fw/vars.fd", &volume),
        ]);
        let mut refused = Vec::new();
        let found = search(&Root::tree(dir.path()), &mut refused).expect("found");
        assert_eq!((found.description.as_str(), refused), ("specific", Vec::new()));
        assert_eq!(found.code.path, dir.path().join("fw/code.fd"));
    }

    #[test]
    fn a_root_without_firmware_says_so_and_what_is_unfit_says_why() {
        let dir = tree(&[("usr/share/qemu/firmware/40.json", b"{")]);
        let refusals = |root: &Path| {
            let mut refused = Vec::new();
            assert_eq!(search(&Root::tree(root), &mut refused), None);
            refused.into_iter().map(|refusal| refusal.why).collect::<Vec<_>>()
        };
        assert!(refusals(dir.path())[0].starts_with("reading the descriptor: "));
        let empty = tempfile::tempdir().expect("a folder");
        assert!(refusals(empty.path())[0].starts_with("no descriptor of firmware for x86_64"));
    }

    #[test]
    fn a_pair_is_given_whole() {
        let error = given(Some(Path::new("/dev/null")), None).expect_err("half a pair");
        assert!(error.to_string().contains("go together"), "{error}");
    }
}
