//! One asset: given, on the host, in the store.

use std::fs;
use std::path::Path;

use super::catalogue::{Kind, Packages};
use super::root::Root;
use super::store::Store;
use super::{Asset, Need, Options, Origin, Progress, Refusal, What};
use super::{fetch as fetching, firmware, kernel, program};
use crate::error::{Context, Error, Result, shown};
use crate::qemu::Firmware;

/// Where GRUB keeps the modules of a target.
const GRUB_FOLDERS: [&str; 3] = ["usr/lib/grub", "usr/local/lib/grub", "usr/share/grub"];

/// A module that every target has: the folder of a package's leftovers has none.
const GRUB_PROOF: &str = "normal.mod";

/// The asset, or all that was refused.
///
/// # Errors
/// Where it was given, but cannot be used.
pub(super) fn find(
    need: Need,
    options: &Options,
    store: Option<&Store>,
) -> Result<Result<Asset, Vec<Refusal>>> {
    let asset =
        |origin, (what, version)| Asset { need, origin, version, what, refused: Vec::new() };
    if let Some(found) = given(need, options)? {
        return Ok(Ok(asset(Origin::Given, found)));
    }
    let mut refused = Vec::new();
    let tree = store.and_then(|store| store.tree(need.row().packages));
    let roots = [Some((Origin::Host, Root::host())), tree.map(|tree| (Origin::Store, tree))];
    for (origin, root) in roots.into_iter().flatten() {
        if let Some(found) = in_root(need, &root, &mut refused) {
            return Ok(Ok(Asset { refused, ..asset(origin, found) }));
        }
    }
    Ok(Err(refused))
}

/// Fetches into the store what, once nobody else fetches, still is missing.
pub(super) fn fetch(
    missing: impl Iterator<Item = Need>,
    options: &Options,
    store: &Store,
    progress_fn: &mut dyn FnMut(Progress),
) -> Result<()> {
    let locked = store.lock(|| progress_fn(Progress::Waiting))?;
    let mut wanted: Vec<&'static Packages> = Vec::new();
    for need in missing {
        let packages = need.row().packages;
        if find(need, options, Some(store))?.is_err() && !wanted.contains(&packages) {
            wanted.push(packages);
        }
    }
    match wanted.is_empty() {
        true => Ok(()),
        false => fetching::fetch(&locked, &wanted, progress_fn),
    }
}

fn in_root(need: Need, root: &Root, refused: &mut Vec<Refusal>) -> Option<(What, String)> {
    match need.row().kind {
        Kind::Kernel => kernel::search(root, refused).map(|kernel| {
            let version = kernel.release.clone();
            (What::Kernel(kernel), version)
        }),
        Kind::GrubModules(target) => grub_modules(root, target, refused),
        Kind::Firmware => firmware::search(root, refused).map(with_description),
        Kind::Packages => archives(root, refused)
            .map(|count| (What::Folder(root.path().to_owned()), format!("{count} packages"))),
        Kind::Busybox => {
            program::busybox(root, refused).map(|(path, version)| (What::File(path), version))
        }
        Kind::Program(names, version) => program::search(root, names, version, refused)
            .map(|(command, version)| (What::Program(command), version)),
    }
}

fn with_description(firmware: Firmware) -> (What, String) {
    let description = firmware.description.clone();
    (What::Firmware(firmware), description)
}

fn given(need: Need, options: &Options) -> Result<Option<(What, String)>> {
    let path = match need {
        Need::Kernel => return given_kernel(options),
        Need::Ovmf => {
            let pair = firmware::given(options.ovmf_code.as_deref(), options.ovmf_vars.as_deref())?;
            return Ok(pair.map(with_description));
        }
        Need::GrubModules => &options.grub_modules,
        Need::Qemu => &options.qemu,
        Need::Busybox => &options.busybox,
        _ => &None,
    };
    let Some(path) = path else { return Ok(None) };
    let using = || format!("using {}", shown(path));
    Ok(Some(match need.row().kind {
        Kind::GrubModules(_) => {
            let version = grub_version(path).map_err(|why| Error::new(why).context(using()))?;
            (What::Folder(path.clone()), version)
        }
        Kind::Busybox => {
            let version = program::busybox_version(path);
            (What::File(path.clone()), version.map_err(|why| Error::new(why).context(using()))?)
        }
        Kind::Program(_, version) => {
            let (command, version) = program::given(path, version)?;
            (What::Program(command), version)
        }
        Kind::Kernel | Kind::Firmware | Kind::Packages => return Ok(None),
    }))
}

fn given_kernel(options: &Options) -> Result<Option<(What, String)>> {
    match (&options.kernel, &options.modules) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Error::new("--modules needs the --kernel that they belong to")),
        (Some(path), modules) => {
            let kernel = kernel::given(path, modules.as_deref())?;
            let version = kernel.release.clone();
            Ok(Some((What::Kernel(kernel), version)))
        }
    }
}

/// How many packages were kept; installed, they are none any more.
fn archives(root: &Root, refused: &mut Vec<Refusal>) -> Option<usize> {
    if root.is_host() {
        return None;
    }
    let entries = fs::read_dir(root.path()).into_iter().flatten().flatten();
    let count = entries.filter(|e| e.file_name().as_encoded_bytes().ends_with(b".deb")).count();
    if count == 0 {
        refused.push(Refusal::new(root.path(), "there is no package in it"));
    }
    (count > 0).then_some(count)
}

fn grub_modules(root: &Root, target: &str, refused: &mut Vec<Refusal>) -> Option<(What, String)> {
    let folders = GRUB_FOLDERS.iter().filter_map(|f| root.find(Path::new(f).join(target)));
    let folders: Vec<_> = folders.collect();
    if folders.is_empty() {
        refused.push(Refusal::new(
            root.path(),
            format!("there is no {}/{target} in it", GRUB_FOLDERS[0]),
        ));
    }
    folders.into_iter().find_map(|folder| match grub_version(&folder) {
        Ok(version) => Some((What::Folder(folder), version)),
        Err(why) => {
            refused.push(Refusal::new(&folder, why));
            None
        }
    })
}

/// What the modules in a folder say of their version; older ones say nothing.
fn grub_version(folder: &Path) -> Result<String, String> {
    fs::File::open(folder.join(GRUB_PROOF))
        .context(|| format!("reading {GRUB_PROOF}"))
        .map_err(|error| error.to_string())?;
    let info = fs::read_to_string(folder.join("modinfo.sh")).unwrap_or_default();
    let version = info.lines().find_map(|line| line.strip_prefix("grub_package_string="));
    Ok(version.unwrap_or_default().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_path_that_cannot_be_used_is_an_error() {
        let with = |set_fn: fn(&mut Options)| {
            let mut options = Options::default();
            set_fn(&mut options);
            options
        };
        let cases = [
            (Need::Qemu, with(|o| o.qemu = Some("/nowhere/qemu".into())), "using /nowhere/qemu: "),
            (Need::Busybox, with(|o| o.busybox = Some("/bin/sh".into())), "using /bin/sh: it is "),
            (Need::Kernel, with(|o| o.modules = Some("/".into())), "--modules needs the --kernel"),
            (
                Need::GrubModules,
                with(|o| o.grub_modules = Some("/".into())),
                "using /: reading normal",
            ),
        ];
        for (need, options, start) in cases {
            let error = find(need, &options, None).expect_err("cannot be used").to_string();
            assert!(error.starts_with(start), "{error}");
        }
    }

    #[test]
    fn grub_modules_say_their_version() {
        let dir = tempfile::tempdir().expect("a folder");
        let target = "x86_64-efi";
        let folder = dir.path().join("usr/lib/grub").join(target);
        fs::create_dir_all(&folder).expect("made");
        let root = Root::tree(dir.path());
        let mut refused = Vec::new();
        assert!(grub_modules(&root, target, &mut refused).is_none());
        assert!(refused[0].why.starts_with("reading normal.mod: "), "{}", refused[0]);
        fs::write(folder.join(GRUB_PROOF), "").expect("written");
        let info = "grub_package=\"grub\"\ngrub_package_string=\"GRUB 2.06\"\n";
        fs::write(folder.join("modinfo.sh"), info).expect("written");
        let found = grub_modules(&root, target, &mut Vec::new());
        assert_eq!(found, Some((What::Folder(folder), "GRUB 2.06".into())));
    }
}
