//! Kernel modules as a source: `modules:/lib/modules/RELEASE` is the whole folder, and
//! `modules:/lib/modules/RELEASE:virtio_net,xfs` those modules with what they depend on and their
//! firmware, with the list of dependencies by which `modprobe` loads them.
//!
//! They go to `lib/modules/RELEASE`. `modules::virtio_net,xfs`, without a folder, are those of the kernel that the
//! image boots, so that a spec need not know its release.

use std::fs;
use std::path::{Path, PathBuf};

use crate::arch::X86_64;
use crate::error::{Context, Error, Result, shown};
use crate::kernel::modules::{ModuleFolder, Resolved, Want, dependencies};
use crate::tree::{Content, Kind, Node, Notice, Source, Time, Tree, TreePath, dir};

/// Links into the kernel's sources, which no system needs to run.
const LEFT_OUT: [&str; 2] = ["/build", "/source"];

/// What names the kernel's own modules; modprobe needs it to pass over them.
const COPIED: [&str; 3] = ["modules.builtin", "modules.builtin.modinfo", "modules.order"];

/// How firmware may be compressed (kernel `Documentation/driver-api/firmware/fw_search_path.rst`).
const FIRMWARE_ENDS: [&str; 3] = ["", ".xz", ".zst"];

/// Reads modules, as `DIR` or `DIR:NAME,NAME`; without a folder, they are those of the image's kernel.
///
/// # Errors
/// Where the folder cannot be read, or a module is not in it.
pub(super) fn read(text: &Path, of_the_image: Option<&Path>) -> Result<Source> {
    let (folder, names) = split(text);
    let folder = match (is_of_the_image(text), of_the_image) {
        (true, Some(modules)) => modules.into(),
        (true, None) => {
            let error = Error::new(format!("`{}` names modules of no folder", text.display()));
            return Err(
                error.hint("where no image with a kernel is built, `modules:FOLDER:NAME` names it")
            );
        }
        (false, _) => folder,
    };
    let reading = || format!("reading kernel modules of {}", shown(&folder));
    let release = release(&folder).context(reading)?;
    match names {
        None => whole(&folder, &release),
        Some(names) => {
            let wanted: Vec<_> = names.iter().map(|name| Want { name, required: true }).collect();
            let modules = ModuleFolder::open(&folder, &release)?.resolve(&wanted, &X86_64);
            named(&folder, &release, &modules.context(reading)?)
        }
    }
    .context(reading)
}

/// Whether they are modules of the kernel that the image boots.
pub(super) fn is_of_the_image(text: &Path) -> bool {
    text.as_os_str().as_encoded_bytes().starts_with(b":")
}

/// The folder, and the names behind the last colon; a folder may have one in its path.
fn split(text: &Path) -> (PathBuf, Option<Vec<String>>) {
    let split = text.to_str().and_then(|text| text.rsplit_once(':'));
    match split.filter(|(_, names)| !names.contains('/')) {
        Some((folder, names)) => {
            let names = names.split(',').filter(|name| !name.is_empty()).map(str::to_owned);
            (folder.into(), Some(names.collect()))
        }
        None => (text.into(), None),
    }
}

/// The kernel's release: what the folder is called.
fn release(folder: &Path) -> Result<String> {
    let real = folder.canonicalize()?;
    let name = real.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_release = name.starts_with(|c: char| c.is_ascii_digit());
    is_release.then(|| name.to_owned()).ok_or_else(|| {
        Error::new(format!("`{name}` is no release of a kernel")).hint(
            "a folder of modules is called as the kernel's release, such as 6.1.0-56-cloud-amd64",
        )
    })
}

fn whole(folder: &Path, release: &str) -> Result<Source> {
    let excludes = LEFT_OUT.map(str::to_owned).to_vec();
    let read = dir::read(folder, &dir::Options { owners: dir::Owners::Root, excludes })?;
    let mut tree = Tree::new(Time::EPOCH);
    let below = TreePath::new(format!("lib/modules/{release}").as_bytes())?;
    tree.graft(&below, &read.tree)?;
    Ok(Source { tree, notices: read.notices })
}

fn named(folder: &Path, release: &str, modules: &Resolved) -> Result<Source> {
    let mut source = Source { tree: Tree::new(Time::EPOCH), notices: Vec::new() };
    let file = |content: Content| Node::file(0o644, Time::EPOCH, content);
    let below = TreePath::new(format!("lib/modules/{release}").as_bytes())?;
    for module in &modules.load {
        source.tree.insert(module.path.clone(), file(module.content.clone()))?;
        for name in &module.firmware {
            firmware(folder, name, &module.name, &mut source)?;
        }
    }
    for (name, bytes) in dependencies::files(modules) {
        source.tree.insert(below.join(name.as_bytes())?, file(Content::from(bytes)))?;
    }
    for name in COPIED {
        let path = folder.join(name);
        if path.is_file() {
            source.tree.insert(below.join(name.as_bytes())?, file(Content::host(path)?))?;
        }
    }
    Ok(source)
}

/// Takes a module's firmware from `lib/firmware` beside `lib/modules`; not every device needs it.
fn firmware(folder: &Path, name: &str, module: &str, source: &mut Source) -> Result<()> {
    let place = TreePath::new(format!("lib/firmware/{name}").as_bytes())?;
    let host = folder.join("../../firmware");
    for end in FIRMWARE_ENDS {
        let path = host.join(format!("{name}{end}"));
        if fs::metadata(&path).is_ok_and(|m| m.is_file()) {
            let at = TreePath::new(format!("lib/firmware/{name}{end}").as_bytes())?;
            let is_there = source.tree.get(&at).is_some_and(|n| matches!(n.kind, Kind::File(_)));
            if !is_there {
                let node = Node::file(0o644, Time::EPOCH, Content::host(path)?);
                source.tree.insert(at, node)?;
            }
            return Ok(());
        }
    }
    source.notices.push(Notice::Missing(place, format!("the module {module}")));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_behind_the_last_colon() {
        let names = |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect());
        let of = |text: &str| split(Path::new(text));
        assert_eq!(of("/lib/modules/6.1"), ("/lib/modules/6.1".into(), None));
        assert_eq!(of("/m/6.1:ext4,xfs"), ("/m/6.1".into(), names(&["ext4", "xfs"])));
        assert_eq!(of("/a:b/6.1"), ("/a:b/6.1".into(), None));
    }

    #[test]
    fn a_whole_folder_is_taken_but_for_the_kernels_sources() {
        let host = tempfile::tempdir().expect("a folder");
        let folder = host.path().join("6.1.0-test");
        fs::create_dir_all(folder.join("kernel")).expect("made");
        fs::write(folder.join("kernel/a.ko.xz"), "x").expect("written");
        fs::hard_link(folder.join("kernel/a.ko.xz"), folder.join("kernel/b.ko.xz"))
            .expect("linked");
        std::os::unix::fs::symlink("/usr/src", folder.join("build")).expect("linked");
        let tree = read(&folder, None).expect("readable").tree;
        let has = |path: &str| tree.get(&TreePath::new(path.as_bytes()).expect("good")).is_some();
        assert!(has("lib/modules/6.1.0-test/kernel/a.ko.xz"));
        assert!(!has("lib/modules/6.1.0-test/build"));
        let counts = tree.link_counts();
        assert!(tree.iter().any(|entry| counts[entry.id] == 2));
        let error = read(host.path(), None).expect_err("not called as a kernel");
        assert!(error.to_string().contains("is no release of a kernel"), "{error}");
        let of_no_image = read(Path::new(":a"), None).expect_err("no kernel");
        assert!(of_no_image.to_string().contains("modules of no folder"), "{of_no_image}");
        assert!(read(Path::new(":"), Some(&folder)).is_ok());
    }
}
