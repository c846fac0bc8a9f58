//! From the modules that are wanted to the files that are loaded, dependencies first.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use bootwright_init::load_order;

use super::{Modinfo, ModuleError, ModuleFolder, Want, normalised};
use crate::arch::Arch;
use crate::compress;
use crate::error::{Context, Error, Result, shown, shown_bytes};
use crate::tree::{Content, Node, Time, Tree, TreePath};

/// The largest module, unpacked: ten times the largest of a distribution with debug symbols removed.
const MODULE_MAX: u64 = 256 << 20;

/// No kernel's modules depend on each other through so many steps.
const DEPTH_MAX: usize = 64;

/// A module to load.
#[derive(Debug, Clone)]
pub struct Module {
    /// Its normalised name.
    pub name: String,
    /// Where it is in the initramfs: `lib/modules/RELEASE/kernel/…/NAME.ko`.
    pub path: TreePath,
    /// The module, unpacked.
    pub content: Content,
    /// Normalised names of the modules whose symbols it uses.
    pub depends: Vec<String>,
    /// Files of `lib/firmware` that it may ask for.
    pub firmware: Vec<String>,
    /// What it is asked for by, patterns of devices, `fs-vfat`.
    pub aliases: Vec<String>,
}

/// What the wanted modules come to.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// What to load, in this order.
    pub load: Vec<Module>,
    /// Normalised names of what the kernel has built in, sorted.
    pub builtin: BTreeSet<String>,
}

impl Resolved {
    /// The text of `lib/modules/load-order`, which `/init` reads: one absolute path a line.
    pub fn load_order(&self) -> Vec<u8> {
        let line = |module: &Module| [b"/", module.path.as_bytes(), b"\n"].concat();
        self.load.iter().flat_map(line).collect()
    }

    /// Places the modules and their order in the tree of an initramfs; nothing where there is
    /// nothing to load.
    ///
    /// # Errors
    /// Where something else is at one of the paths, or `/init` could not read the list.
    pub fn place(&self, tree: &mut Tree, time: Time) -> Result<()> {
        for module in &self.load {
            tree.insert(module.path.clone(), Node::file(0o644, time, module.content.clone()))?;
        }
        let order = self.load_order();
        if order.len() > load_order::LEN_MAX {
            let count = self.load.len();
            return Err(Error::new(format!("{count} modules are more than /init can load")));
        }
        if !order.is_empty() {
            let path = TreePath::new(load_order::PATH.to_bytes())?;
            tree.insert(path, Node::file(0o644, time, Content::from(order)))?;
        }
        Ok(())
    }
}

impl ModuleFolder {
    /// Finds what the wanted modules need, and reads it.
    ///
    /// # Errors
    /// Where a module is neither built in nor a file, is damaged or for another kernel or machine,
    /// or where modules depend on each other in a circle.
    pub fn resolve(&self, wanted: &[Want<'_>], arch: &Arch) -> Result<Resolved> {
        let mut walk =
            Walk { folder: self, arch, done: BTreeSet::new(), resolved: Resolved::default() };
        for want in wanted {
            walk.visit(&normalised(want.name), want.required, &mut Vec::new())?;
        }
        Ok(walk.resolved)
    }

    /// The module in a file, unpacked, and what it says of itself.
    fn read(&self, name: &str, file: &Path, arch: &Arch) -> Result<(Vec<u8>, Modinfo)> {
        let path = self.folder.join(file);
        let read = || -> Result<_> {
            let bytes = compress::read_all(File::open(&path)?, MODULE_MAX)?;
            let info = Modinfo::parse(&bytes, arch)?;
            if let Some(other) = info.name.as_ref().filter(|other| *other != name) {
                return Err(ModuleError::Name(other.clone()).into());
            }
            if info.release != self.release {
                let wanted = self.release.clone();
                return Err(ModuleError::Release { found: info.release, wanted }.into());
            }
            Ok((bytes, info))
        };
        read().context(|| format!("reading {}", shown(&path)))
    }

    /// Where a module file is in the initramfs.
    fn archive_path(&self, name: &str, file: &Path) -> Result<TreePath> {
        let placing = || format!("placing module {name}");
        let file = file.as_os_str().as_encoded_bytes();
        let stem = file.windows(3).rposition(|w| w == b".ko").map_or(file, |dot| &file[..dot]);
        // A space would end the path in the list that /init reads.
        if let Some(part) = [file, self.release.as_bytes()].into_iter().find(|p| !is_word(p)) {
            let text = shown_bytes(part);
            return Err(Error::new(format!("`{text}` has white space")).context(placing()));
        }
        let path = [b"lib/modules/", self.release.as_bytes(), b"/", stem, b".ko"].concat();
        TreePath::new(&path).context(placing)
    }
}

/// A depth-first walk over dependencies.
struct Walk<'a> {
    folder: &'a ModuleFolder,
    arch: &'a Arch,
    done: BTreeSet<String>,
    resolved: Resolved,
}

impl Walk<'_> {
    /// Appends a module and, before it, what it needs. `by` are the modules that led here.
    fn visit(&mut self, name: &str, required: bool, by: &mut Vec<String>) -> Result<()> {
        if self.done.contains(name) {
            return Ok(());
        }
        if self.folder.builtin.contains(name) {
            self.resolved.builtin.insert(name.into());
            return Ok(());
        }
        let Some(file) = self.folder.files.get(name) else {
            return match required {
                true => Err(self.missing(name, by)),
                false => Ok(()),
            };
        };
        if by.iter().any(|other| other == name) {
            return match required {
                true => Err(Error::new(format!(
                    "modules depend on each other in a circle: {} -> {name}",
                    by.join(" -> ")
                ))),
                // The order is only a wish.
                false => Ok(()),
            };
        }
        if by.len() == DEPTH_MAX {
            return Err(Error::new(format!(
                "{} -> {name} is deeper than {DEPTH_MAX}",
                by.join(" -> ")
            )));
        }
        let (bytes, info) = self.folder.read(name, file, self.arch)?;
        by.push(name.into());
        info.softdep_pre.iter().try_for_each(|dep| self.visit(dep, false, by))?;
        info.depends.iter().try_for_each(|dep| self.visit(dep, true, by))?;
        by.pop();
        let path = self.folder.archive_path(name, file)?;
        self.done.insert(name.into());
        self.resolved.load.push(Module {
            name: name.into(),
            path,
            content: Content::from(bytes),
            depends: info.depends,
            firmware: info.firmware,
            aliases: info.aliases,
        });
        Ok(())
    }

    fn missing(&self, name: &str, by: &[String]) -> Error {
        let folder = self.folder;
        let user = by.last().map_or(String::new(), |by| format!(", which {by} needs,"));
        Error::new(format!(
            "the module {name}{user} is neither built into kernel {} nor a file in {}",
            folder.release,
            shown(&folder.folder)
        ))
    }
}

fn is_word(bytes: &[u8]) -> bool {
    !bytes.iter().any(u8::is_ascii_whitespace)
}
