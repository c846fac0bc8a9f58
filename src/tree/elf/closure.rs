//! The closure: from programs to their interpreters and libraries, and theirs.

use std::collections::BTreeSet;

use super::object::{Machine, Object};
use super::search::{self, Configuration};
use super::sysroot::{Found, Sysroot};
use crate::error::{Context, Error, Result, shown_bytes};
use crate::tree::{Content, Kind, Notice, Source, Time, Tree, TreePath};

/// How many `#!` lines the kernel follows.
const MAX_SCRIPTS: usize = 4;

/// Where `env` looks for a program.
const PATH: &[&str] = &["usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin"];

/// Where the loader's cache is.
const CACHE: &[u8] = b"etc/ld.so.cache";

/// Why a program would not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClosureError {
    /// A program that is not there.
    #[error("`/{0}` is not there")]
    Program(TreePath),
    /// Neither an ELF file nor a script.
    #[error("`/{0}` is no program: neither an ELF file nor a script")]
    NotProgram(TreePath),
    /// An interpreter that is not there.
    #[error("the interpreter `{}`, which `/{by}` needs, is not there", shown_bytes(.path))]
    Interpreter {
        /// Its path.
        path: Vec<u8>,
        /// Who asks for it.
        by: TreePath,
    },
    /// A library that is nowhere.
    #[error("the library `{}`, which `/{by}` needs, is in none of the loader's directories", shown_bytes(.name))]
    Library {
        /// Its name.
        name: Vec<u8>,
        /// Who needs it.
        by: TreePath,
    },
}

/// Takes programs out of a sysroot, with all that they need to start.
///
/// # Errors
/// Where a program, interpreter or library is missing ([`ClosureError`]) or damaged.
pub fn closure(sysroot: Sysroot<'_>, programs: &[TreePath]) -> Result<Source> {
    let configuration =
        Configuration::read(&sysroot).context(|| "reading the loader's settings")?;
    let mut closure = Closure {
        sysroot,
        configuration,
        taken: Source { tree: Tree::new(Time::EPOCH), notices: Vec::new() },
    };
    for program in programs {
        let doing = || format!("looking for what `/{program}` needs");
        closure.program(program, MAX_SCRIPTS).context(doing)?;
    }
    Ok(closure.taken)
}

struct Closure<'a> {
    sysroot: Sysroot<'a>,
    configuration: Configuration,
    taken: Source,
}

/// What one process would have loaded.
struct Process {
    machine: Machine,
    loaded: Vec<Loaded>,
    /// File names and sonames: what is there by such a name is not looked for again.
    names: BTreeSet<Vec<u8>>,
}

struct Loaded {
    path: TreePath,
    object: Object,
    /// Whoever needed it first.
    by: Option<usize>,
}

impl Closure<'_> {
    fn program(&mut self, path: &TreePath, scripts: usize) -> Result<()> {
        let found = self.sysroot.find(path)?.ok_or_else(|| ClosureError::Program(path.clone()))?;
        let Kind::File(content) = &found.node.kind else {
            return Err(ClosureError::NotProgram(path.clone()).into());
        };
        match Object::read(content).context(|| format!("reading `/{}`", found.real))? {
            Some(object) => {
                self.take(&found)?;
                self.process(found.real, object)
            }
            None => {
                let line = script(content)?.filter(|_| scripts > 0);
                let line = line.ok_or_else(|| ClosureError::NotProgram(path.clone()))?;
                self.take(&found)?;
                self.interpreter_of_script(&line, path, scripts)
            }
        }
    }

    /// The program of a `#!` line, and the one that it has `env` look for.
    fn interpreter_of_script(&mut self, line: &[u8], by: &TreePath, scripts: usize) -> Result<()> {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty());
        let program = words.next().unwrap_or_default();
        let missing = |path: &[u8]| ClosureError::Interpreter { path: path.into(), by: by.clone() };
        let at = search::absolute(program).ok_or_else(|| missing(program))?;
        if self.sysroot.find(&at)?.is_none() {
            return Err(missing(program).into());
        }
        self.program(&at, scripts - 1)?;
        let options = |w: &&[u8]| w.starts_with(b"-") || w.contains(&b'=');
        let Some(wanted) = words.find(|w| !options(w)).filter(|_| at.name() == b"env") else {
            return Ok(());
        };
        for folder in PATH {
            let place = TreePath::new(folder.as_bytes())?.join(wanted)?;
            if self.sysroot.find(&place)?.is_some() {
                return self.program(&place, scripts - 1);
            }
        }
        Err(missing(wanted).into())
    }

    /// Loads a program as the loader would, breadth first.
    fn process(&mut self, path: TreePath, object: Object) -> Result<()> {
        let mut process =
            Process { machine: object.machine, loaded: Vec::new(), names: BTreeSet::new() };
        if let Some(interpreter) = &object.interpreter {
            let missing =
                || ClosureError::Interpreter { path: interpreter.clone(), by: path.clone() };
            let at = search::absolute(interpreter).ok_or_else(missing)?;
            let (found, loader) = self.object(&at, process.machine)?.ok_or_else(missing)?;
            self.take(&found)?;
            process.names.insert(at.name().to_vec());
            process.names.extend(loader.soname);
        }
        process.loaded.push(Loaded { path, object, by: None });
        let mut next = 0;
        while next < process.loaded.len() {
            for name in process.loaded[next].object.needed.clone() {
                if process.names.insert(name.clone()) {
                    let loaded = self.library(&process, next, &name)?;
                    process.names.extend(loaded.object.soname.clone());
                    process.loaded.push(loaded);
                }
            }
            next += 1;
        }
        Ok(())
    }

    /// Finds a library that a loaded file needs, and takes it.
    fn library(&mut self, process: &Process, by: usize, name: &[u8]) -> Result<Loaded> {
        let needing = &process.loaded[by];
        let places = match name.contains(&b'/') {
            true => search::absolute(name).into_iter().collect(),
            false => self.places(process, by, name),
        };
        for place in &places {
            let Some((found, object)) = self.object(place, process.machine)? else { continue };
            self.take(&found)?;
            self.take_settings(process.machine, place)?;
            return Ok(Loaded { path: place.clone(), object, by: Some(by) });
        }
        let folders: BTreeSet<_> = places.iter().filter_map(TreePath::parent).collect();
        let folders: Vec<_> = folders.iter().map(|f| format!("/{f}")).collect();
        let missing = ClosureError::Library { name: name.into(), by: needing.path.clone() };
        Err(Error::from(missing).hint(format!("it was looked for in {}", folders.join(", "))))
    }

    /// Where a library may be, in the loader's order.
    fn places(&self, process: &Process, by: usize, name: &[u8]) -> Vec<TreePath> {
        let needing = &process.loaded[by];
        let origin = |of: &Loaded| of.path.parent().unwrap_or_default();
        let mut directories = Vec::new();
        if needing.object.runpath.is_none() {
            // RPATH counts for all that a file loads; RUNPATH, where there is one, ends that.
            let mut ancestor = Some(by);
            while let Some(of) = ancestor.map(|index| &process.loaded[index]) {
                if let (Some(rpath), None) = (&of.object.rpath, &of.object.runpath) {
                    directories.extend(search::expanded(rpath, &origin(of), process.machine));
                }
                ancestor = of.by;
            }
        }
        if let Some(runpath) = &needing.object.runpath {
            directories.extend(search::expanded(runpath, &origin(needing), process.machine));
        }
        let in_directory = |d: &Vec<u8>| search::absolute(d)?.join(name).ok();
        let mut places: Vec<_> = directories.iter().filter_map(in_directory).collect();
        places.extend_from_slice(self.configuration.cached(name));
        let defaults = search::default_directories(process.machine);
        places.extend(defaults.iter().filter_map(in_directory));
        let configured = self.configuration.directories.iter();
        places.extend(configured.filter_map(|d| d.join(name).ok()));
        places
    }

    /// The file at a place, where it is for this machine.
    fn object(&self, place: &TreePath, machine: Machine) -> Result<Option<(Found, Object)>> {
        let Some(found) = self.sysroot.find(place)? else { return Ok(None) };
        let Kind::File(content) = &found.node.kind else { return Ok(None) };
        let object = Object::read(content).context(|| format!("reading `/{}`", found.real))?;
        Ok(object.filter(|o| o.machine == machine).map(|o| (found, o)))
    }

    /// A library that the loader finds only by its settings needs those too: the cache, or a word to
    /// the user that `ldconfig` has to run.
    fn take_settings(&mut self, machine: Machine, place: &TreePath) -> Result<()> {
        let Some(folder) = place.parent() else { return Ok(()) };
        let defaults = search::default_directories(machine);
        if defaults.iter().any(|d| d == folder.as_bytes()) {
            return Ok(());
        }
        if self.configuration.cached(place.name()).contains(place) {
            if let Some(found) = self.sysroot.find(&TreePath::new(CACHE)?)? {
                return self.take(&found);
            }
        } else if self.configuration.directories.contains(&folder) {
            let what =
                format!("its place: the loader looks into /{folder} only after ldconfig has run");
            self.taken.notices.push(Notice::Lost(place.clone(), what));
        }
        Ok(())
    }

    /// Puts a file, the links that lead to it, and their directories into the tree.
    fn take(&mut self, found: &Found) -> Result<()> {
        for link in &found.links {
            if let Some(node) = self.sysroot.node(link)? {
                self.take_directories(link)?;
                self.put(link, node)?;
            }
        }
        self.take_directories(&found.real)?;
        self.put(&found.real, found.node.clone())
    }

    fn put(&mut self, path: &TreePath, node: crate::tree::Node) -> Result<()> {
        match self.taken.tree.get(path) {
            Some(_) => Ok(()),
            None => Ok(self.taken.tree.insert(path.clone(), node)?),
        }
    }

    /// The directories above a path, as the sysroot has them.
    fn take_directories(&mut self, path: &TreePath) -> Result<()> {
        let parents = std::iter::successors(path.parent(), TreePath::parent);
        let missing = |p: &TreePath| !p.is_root() && self.taken.tree.get(p).is_none();
        let parents: Vec<_> = parents.take_while(missing).collect();
        for parent in parents.iter().rev() {
            if let Some(node) = self.sysroot.node(parent)? {
                self.taken.tree.insert(parent.clone(), node)?;
            }
        }
        Ok(())
    }
}

/// What follows `#!` in the first line, as much of it as the kernel reads.
fn script(content: &Content) -> Result<Option<Vec<u8>>> {
    let mut start = [0; 256];
    let n = content.open()?.read_at(&mut start, 0)?;
    let line = start[..n].split(|&b| b == b'\n').next().unwrap_or_default();
    Ok(line.strip_prefix(b"#!").map(|l| l.trim_ascii().to_vec()))
}
