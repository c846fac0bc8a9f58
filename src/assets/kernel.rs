//! Kernels of a root: every vmlinuz with its release and its modules, newest first.
//!
//! One that cannot be started from UEFI is passed over; whether its configuration suits an image is judged
//! where it is placed into one.

use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};

use super::Refusal;
use super::root::Root;
use crate::error::{Context, Error, Result, shown};
use crate::kernel::bzimage::BzImage;

/// Both places of modules: on a merged `/usr` the first is a link to the second.
const MODULE_FOLDERS: [&str; 2] = ["lib/modules", "usr/lib/modules"];

/// A kernel with the modules that were built with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// The bzImage.
    pub vmlinuz: PathBuf,
    /// What `uname -r` will say ("6.1.0-56-cloud-amd64").
    pub release: String,
    /// The folder `lib/modules/RELEASE`; `None` where a kernel was given without one.
    pub modules: Option<PathBuf>,
}

/// The newest kernel of a root that can be read and has its modules.
pub(super) fn search(root: &Root, refused: &mut Vec<Refusal>) -> Option<Kernel> {
    let candidates = candidates(root);
    if candidates.is_empty() {
        let places = "no boot/vmlinuz-* and no lib/modules/*/vmlinuz";
        refused.push(Refusal::new(root.path(), places));
    }
    candidates.into_iter().find_map(|vmlinuz| match read(root, &vmlinuz) {
        Ok(kernel) => Some(kernel),
        Err(why) => {
            refused.push(Refusal::new(&vmlinuz, why));
            None
        }
    })
}

/// The kernel that was given, and its modules: given too, or found on the host by its release, or in
/// the tree that it lies in.
pub(super) fn given(vmlinuz: &Path, modules: Option<&Path>) -> Result<Kernel> {
    let release = release(vmlinuz).context(|| format!("reading kernel {}", shown(vmlinuz)))?;
    let modules = match modules {
        Some(folder) => {
            fs::read_dir(folder).context(|| format!("reading {}", shown(folder)))?;
            Some(folder.to_owned())
        }
        None => {
            let beside = vmlinuz.parent().and_then(Path::parent).map(Root::tree);
            [beside, Some(Root::host())]
                .into_iter()
                .flatten()
                .find_map(|r| modules_of(&r, &release))
        }
    };
    Ok(Kernel { vmlinuz: vmlinuz.into(), release, modules })
}

fn candidates(root: &Root) -> Vec<PathBuf> {
    let in_boot = root.list("boot").into_iter().filter(|path| {
        let name = path.file_name().unwrap_or_default();
        name.as_encoded_bytes().starts_with(b"vmlinuz-") && path.is_file()
    });
    let with_modules = MODULE_FOLDERS.iter().flat_map(|folder| root.list(folder));
    let with_modules = with_modules.map(|folder| folder.join("vmlinuz")).filter(|p| p.is_file());
    let mut all: Vec<_> = in_boot.chain(with_modules).collect();
    all.sort_by_cached_key(|path| Reverse(version_key(&path.to_string_lossy())));
    let mut seen = Vec::new();
    all.retain(|path| {
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        let is_new = !seen.contains(&real);
        seen.push(real);
        is_new
    });
    all
}

fn read(root: &Root, vmlinuz: &Path) -> Result<Kernel, String> {
    let release = release(vmlinuz).map_err(|why| why.to_string())?;
    let modules = modules_of(root, &release);
    let modules = modules.ok_or_else(|| format!("there is no lib/modules/{release} for it"))?;
    Ok(Kernel { vmlinuz: vmlinuz.into(), release, modules: Some(modules) })
}

fn modules_of(root: &Root, release: &str) -> Option<PathBuf> {
    // The release is read from a file: it must not lead elsewhere.
    let is_name = !release.contains('/') && !release.starts_with('.');
    let found = || MODULE_FOLDERS.iter().find_map(|f| root.find(Path::new(f).join(release)));
    is_name.then(found).flatten()
}

/// The release that a kernel says of itself, or why it is none for a machine of ours.
fn release(vmlinuz: &Path) -> Result<String> {
    let image = BzImage::open(vmlinuz)?;
    match image.release() {
        "" => Err(Error::new("its header has no version")),
        release => Ok(release.into()),
    }
}

/// A key that sorts "6.1.0-9" before "6.1.0-56": numbers by value, the rest by text.
fn version_key(text: &str) -> Vec<(u64, String)> {
    let mut key = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number = rest[..digits].parse().unwrap_or(0);
        let words = &rest[digits..];
        let end = words.find(|c: char| c.is_ascii_digit()).unwrap_or(words.len());
        key.push((number, words[..end].to_owned()));
        rest = &words[end..];
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::bzimage::tests::kernel_of;

    fn host(kernels: &[&str], modules: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(dir.path().join("boot")).expect("made");
        for release in kernels {
            let path = dir.path().join(format!("boot/vmlinuz-{release}"));
            fs::write(path, kernel_of(release)).expect("written");
        }
        for release in modules {
            fs::create_dir_all(dir.path().join("lib/modules").join(release)).expect("made");
        }
        dir
    }

    #[test]
    fn the_newest_kernel_with_modules_is_taken_and_others_are_refused() {
        let dir = host(&["6.1.0-9", "6.1.0-56", "6.1.0-57"], &["6.1.0-9", "6.1.0-56"]);
        fs::write(dir.path().join("boot/vmlinuz-7.0"), "text").expect("written");
        let mut refused = Vec::new();
        let kernel = search(&Root::tree(dir.path()), &mut refused).expect("found");
        assert_eq!(kernel.release, "6.1.0-56");
        assert_eq!(kernel.modules, Some(dir.path().join("lib/modules/6.1.0-56")));
        let why: Vec<_> = refused.iter().map(|r| r.why.as_str()).collect();
        assert_eq!(
            why,
            [
                "this is not a bzImage: it has no boot sector with `HdrS` at offset 0x202",
                "there is no lib/modules/6.1.0-57 for it"
            ]
        );
    }

    #[test]
    fn a_given_kernel_finds_its_modules_in_its_own_tree() {
        let dir = host(&["6.1"], &["6.1"]);
        let path = dir.path().join("boot/vmlinuz-6.1");
        let kernel = given(&path, None).expect("good");
        assert_eq!(kernel.modules, Some(dir.path().join("lib/modules/6.1")));
        let error = given(&path, Some(Path::new("/nowhere"))).expect_err("missing");
        assert!(error.to_string().starts_with("reading /nowhere: "), "{error}");
        let error = given(Path::new("/dev/null"), None).expect_err("no kernel");
        let why = "reading kernel /dev/null: it is neither a regular file nor a block device";
        assert_eq!(error.to_string(), why);
    }

    #[test]
    fn a_release_leads_nowhere_else() {
        let dir = host(&[], &["x"]);
        assert_eq!(modules_of(&Root::tree(dir.path()), "../modules/x"), None);
    }
}
