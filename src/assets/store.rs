//! The per-user store of unpacked packages.
//!
//! ```text
//! lock                 held while something is fetched
//! apt/                 apt's private state and cache
//! trees/<id>-<hash>/   unpacked packages of an asset; the hash is made of theirs
//! trees/tmp-*/         being unpacked; whatever is left is removed under the lock
//! index/<id>.json      which tree an asset's packages are in
//! ```
//!
//! Readers take no lock: a tree gets its name by a rename when it is whole, then the index names it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::catalogue::Packages;
use super::root::Root;
use crate::error::{Context, Error, Result, shown};

/// What to do where the store cannot be written.
pub(super) const STORE_HINT: &str = "--store DIR names another folder for fetched packages";

/// Part of every name: another number makes trees of an older way to unpack strangers.
const TREE_FORMAT: &str = "tree 1\n";

/// The folder of the store.
#[derive(Debug, Clone)]
pub(super) struct Store {
    folder: PathBuf,
}

/// The store while nobody else changes it.
pub(super) struct Locked<'a> {
    store: &'a Store,
    /// The lock lasts as long as the open file.
    _file: File,
}

/// An entry of the index.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// Name of the tree.
    tree: String,
    /// The package files in it, for whoever wonders.
    packages: Vec<String>,
}

impl Store {
    /// The store in `folder`, or else in the user's cache folder (XDG Base Directory Specification).
    pub(super) fn at(folder: Option<&Path>) -> Result<Store> {
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
        let cache = || {
            let home = || absolute("HOME").map(|home| home.join(".cache"));
            absolute("XDG_CACHE_HOME").or_else(home).map(|cache| cache.join("bootwright"))
        };
        let folder = match folder {
            Some(folder) => std::path::absolute(folder).context(|| "finding the store")?,
            None => cache().ok_or_else(|| {
                Error::new("neither XDG_CACHE_HOME nor HOME says where the store is")
                    .hint("--store DIR names a folder for fetched packages")
            })?,
        };
        // The loader of programs has no way to quote what separates folders (ld.so(8)).
        match folder.as_os_str().as_encoded_bytes().iter().find(|b| b":;".contains(b)) {
            None => Ok(Store { folder }),
            Some(&byte) => {
                let why = format!("it contains `{}`, which separates library paths", byte as char);
                Err(Error::new(why)
                    .context(format!("using the store {}", shown(&folder)))
                    .hint("--store DIR names another folder for fetched packages"))
            }
        }
    }

    /// Where it is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The tree with these packages, where it was fetched before.
    pub(super) fn tree(&self, packages: &Packages) -> Option<Root> {
        let text = fs::read(self.entry(packages.id)).ok()?;
        let entry: Entry = serde_json::from_slice(&text).ok()?;
        // The index is a file: it must not lead elsewhere.
        let is_name = !entry.tree.contains('/') && !entry.tree.starts_with('.');
        let path = self.folder.join("trees").join(&entry.tree);
        (is_name && path.is_dir()).then(|| Root::tree(path))
    }

    /// Makes the store and takes its lock; `waiting_fn` is called when another process has it.
    pub(super) fn lock(&self, waiting_fn: impl FnOnce()) -> Result<Locked<'_>> {
        let lock = || -> Result<File> {
            for sub in ["apt", "trees", "index"] {
                let path = self.folder.join(sub);
                fs::create_dir_all(&path).context(|| format!("making {}", shown(&path)))?;
            }
            let path = self.folder.join("lock");
            let open = File::options().create(true).write(true).truncate(false).open(&path);
            let file = open.context(|| format!("writing {}", shown(&path)))?;
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => waiting_fn(),
                Err(TryLockError::Error(e)) => {
                    return Err(Error::from(e).context(format!("locking {}", shown(&path))));
                }
            }
            file.lock().context(|| format!("locking {}", shown(&path)))?;
            Ok(file)
        };
        let locked = Locked { store: self, _file: lock().map_err(|e| e.hint(STORE_HINT))? };
        locked.remove_leftovers()?;
        Ok(locked)
    }

    fn entry(&self, id: &str) -> PathBuf {
        self.folder.join("index").join(format!("{id}.json"))
    }
}

impl Locked<'_> {
    /// apt's folder.
    pub(super) fn apt_folder(&self) -> PathBuf {
        self.store.folder.join("apt")
    }

    /// An empty folder to unpack the packages of one asset into.
    pub(super) fn temporary(&self, id: &str) -> Result<PathBuf> {
        let path = self.store.folder.join("trees").join(format!("tmp-{id}"));
        fs::create_dir(&path).context(|| format!("making {}", shown(&path)))?;
        Ok(path)
    }

    /// Gives an unpacked tree its name, and an asset its tree. The tree that it had was found unusable,
    /// since nobody fetches what is there and works, and goes away.
    pub(super) fn place(
        &self,
        packages: &Packages,
        temporary: &Path,
        files: &[(String, [u8; 32])],
    ) -> Result<()> {
        let tree = format!("{}-{}", packages.id, hash(files.iter().map(|(_, hash)| *hash)));
        let path = self.store.folder.join("trees").join(&tree);
        let old = self.store.tree(packages).map(|root| root.path().to_owned());
        for unusable in old.iter().chain([&path]).filter(|path| path.exists()) {
            let away = self.store.folder.join("trees").join(format!("tmp-old-{}", packages.id));
            fs::rename(unusable, &away).context(|| format!("renaming {}", shown(unusable)))?;
            fs::remove_dir_all(&away).context(|| format!("removing {}", shown(&away)))?;
        }
        // The index must not name what a loss of power leaves empty.
        File::open(temporary).and_then(|folder| Ok(rustix::fs::syncfs(&folder)?))?;
        fs::rename(temporary, &path).context(|| format!("writing {}", shown(&path)))?;
        let packages_of_tree = files.iter().map(|(file, _)| file.clone()).collect();
        self.write_entry(packages.id, &Entry { tree, packages: packages_of_tree })
    }

    fn write_entry(&self, id: &str, entry: &Entry) -> Result<()> {
        let path = self.store.entry(id);
        let temporary = path.with_extension("tmp");
        let text = serde_json::to_vec_pretty(entry)?;
        let write = || fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, &path));
        write().context(|| format!("writing {}", shown(&path)))
    }

    /// Removes what an interrupted run left.
    pub(super) fn remove_leftovers(&self) -> Result<()> {
        let trees = self.store.folder.join("trees");
        let entries = fs::read_dir(&trees).context(|| format!("reading {}", shown(&trees)))?;
        for entry in entries.flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(b"tmp-") {
                let path = entry.path();
                fs::remove_dir_all(&path).context(|| format!("removing {}", shown(&path)))?;
            }
        }
        Ok(())
    }
}

/// What a tree is named by: the hash of the sorted hashes of its packages, of which 64 bits are enough
/// to tell the trees of one user apart, and short enough for the commands that name them.
fn hash(hashes: impl Iterator<Item = [u8; 32]>) -> String {
    let mut hashes: Vec<_> = hashes.collect();
    hashes.sort();
    let mut hasher = Sha256::new();
    hasher.update(TREE_FORMAT);
    hashes.iter().for_each(|hash| hasher.update(hash));
    hexadecimal(&hasher.finalize()[..8])
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assets::Need;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::at(Some(dir.path())).expect("a store");
        (dir, store)
    }

    #[test]
    fn a_folder_that_no_library_path_can_hold_is_refused() {
        for name in ["/a:b", "/a;b"] {
            let error = Store::at(Some(Path::new(name))).expect_err("refused").to_string();
            assert!(error.starts_with(&format!("using the store {name}: ")), "{error}");
        }
    }

    #[test]
    fn a_placed_tree_is_found_and_can_be_replaced() {
        let (dir, store) = store();
        let packages = Need::Qemu.row().packages;
        assert_eq!(store.tree(packages), None);
        for (content, hash) in [("one", 7), ("two", 7), ("three", 8)] {
            // Another test's child has our descriptor, and so the lock, between its fork and its exec.
            let locked = store.lock(|| ()).expect("locked");
            let temporary = locked.temporary(packages.id).expect("made");
            fs::write(temporary.join("x"), content).expect("written");
            locked
                .place(packages, &temporary, &[("q_1_all.deb".into(), [hash; 32])])
                .expect("placed");
            let root = store.tree(packages).expect("found");
            assert_eq!(fs::read_to_string(root.path().join("x")).expect("read"), content);
        }
        assert_eq!(store.tree(Need::Ovmf.row().packages), None);
        let trees = fs::read_dir(dir.path().join("trees")).expect("read");
        assert_eq!(trees.count(), 1, "what was replaced is gone");
    }

    #[test]
    fn leftovers_are_removed_and_trees_stay() {
        let (dir, store) = store();
        let left = store.lock(|| ()).expect("locked").temporary("qemu").expect("made");
        let tree = dir.path().join("trees/0123");
        fs::create_dir(&tree).expect("made");
        drop(store.lock(|| ()).expect("locked"));
        assert!(!left.exists() && tree.exists());
    }

    #[test]
    fn an_index_that_is_damaged_or_points_elsewhere_is_no_tree() {
        let (_dir, store) = store();
        drop(store.lock(|| ()).expect("locked"));
        let packages = Need::Qemu.row().packages;
        for text in ["", "{}", r#"{"tree":"../apt","packages":[]}"#] {
            fs::write(store.entry(packages.id), text).expect("written");
            assert_eq!(store.tree(packages), None, "{text}");
        }
    }

    #[test]
    fn the_second_locker_is_told_and_waits() {
        let (_dir, store) = store();
        let first = store.lock(|| ()).expect("locked");
        let (told, is_told) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| store.lock(|| told.send(()).expect("heard")).is_ok());
            is_told.recv().expect("told");
            drop(first);
            assert!(waiter.join().expect("joined"));
        });
    }

    #[test]
    fn a_tree_is_named_by_hashes_not_by_their_order() {
        assert_eq!(hash([[1; 32], [2; 32]].into_iter()), hash([[2; 32], [1; 32]].into_iter()));
        assert_ne!(hash([[1; 32]].into_iter()), hash([[2; 32]].into_iter()));
    }

    #[test]
    fn a_store_that_cannot_be_made_is_one_sentence_with_a_hint() {
        let store = Store::at(Some(Path::new("/dev/null/x"))).expect("a store");
        let error = store.lock(|| ()).err().expect("no folder");
        assert!(error.to_string().starts_with("making /dev/null/x/apt: "), "{error}");
        assert!(error.hint_text().is_some_and(|hint| hint.contains("--store")));
    }
}
