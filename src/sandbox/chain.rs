//! Who stands on whom, as a picture: images with the sandboxes on them, and those with theirs.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Sandbox, Store};
use crate::error::{Result, shown};
use crate::format::Disk;
use crate::size::Size;

/// An image, or a sandbox, with those that stand on it.
#[derive(Debug, Clone, Serialize)]
pub struct Node {
    /// The sandbox's name; the path of an image that is none.
    pub name: String,
    /// The image.
    pub path: PathBuf,
    /// Bytes of the disk; `None` where it cannot be read.
    pub size: Option<u64>,
    /// Bytes that the file takes on the host.
    pub on_disk: u64,
    /// The guest's second disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<PathBuf>,
    /// Whether a guest runs on it.
    pub running: bool,
    /// What keeps it from running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Those that stand on it.
    pub overlays: Vec<Node>,
}

/// All images that sandboxes stand on.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Chain {
    /// Images by path, then sandboxes whose record was damaged by name.
    pub bases: Vec<Node>,
}

impl Chain {
    /// Looks at all sandboxes of a store.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn of(store: &Store) -> Result<Chain> {
        let all = store.list()?;
        let mut on: BTreeMap<&Path, Vec<&Sandbox>> = BTreeMap::new();
        for sandbox in all.values().flatten() {
            on.entry(&sandbox.record.base).or_default().push(sandbox);
        }
        let is_sandbox = |path: &Path| all.keys().any(|name| store.disk(name) == path);
        let images = on.keys().filter(|path| !is_sandbox(path));
        let images = images.map(|path| (shown(path), path.to_path_buf(), None));
        // What a damaged one stands on is not known.
        let damaged = all.iter().filter_map(|(name, sandbox)| {
            let trouble = sandbox.as_ref().err()?.to_string();
            Some((name.to_string(), store.disk(name), Some(trouble)))
        });
        let root = |(name, path, trouble): (String, PathBuf, Option<String>)| Node {
            name,
            trouble,
            overlays: overlays(&on, &path, 0),
            ..Node::of(&path)
        };
        Ok(Chain { bases: images.chain(damaged).map(root).collect() })
    }
}

fn overlays(on: &BTreeMap<&Path, Vec<&Sandbox>>, path: &Path, depth: u32) -> Vec<Node> {
    // Records can be edited: no loop goes on for ever.
    if depth > 200 {
        return Vec::new();
    }
    let children = on.get(path).into_iter().flatten();
    let node = |sandbox: &&Sandbox| {
        let disk = sandbox.disk();
        let record = &sandbox.record;
        let changed = match record.stamp.difference(&record.base) {
            Ok(difference) => difference.map(|how| format!("its base has changed: {how}")),
            Err(error) => Some(error.to_string()),
        };
        let interrupted = record.committing.then(|| "its commit was interrupted".into());
        Node {
            name: sandbox.name.to_string(),
            seed: record.seed.clone(),
            running: sandbox.is_running(),
            trouble: interrupted.or(changed),
            overlays: overlays(on, &disk, depth + 1),
            ..Node::of(&disk)
        }
    };
    children.map(node).collect()
}

impl Node {
    fn of(path: &Path) -> Node {
        Node {
            name: String::new(),
            path: path.into(),
            size: Disk::open(path).ok().map(|disk| disk.size()),
            on_disk: path.metadata().map_or(0, |metadata| metadata.blocks() * 512),
            seed: None,
            running: false,
            trouble: None,
            overlays: Vec::new(),
        }
    }

    fn note(&self) -> String {
        let mut notes = Vec::new();
        notes.extend(self.running.then(|| "running".to_owned()));
        notes.extend(self.seed.as_ref().map(|seed| format!("seed {}", shown(seed))));
        notes.extend(self.trouble.clone());
        notes.join("; ")
    }

    /// Lines of the picture: what stands in front, and who.
    fn lines<'a>(&'a self, indent: &str, lines: &mut Vec<(String, &'a Node)>) {
        for (index, node) in self.overlays.iter().enumerate() {
            let is_last = index + 1 == self.overlays.len();
            let (branch, rest) =
                if is_last { ("└── ", "    ") } else { ("├── ", "│   ") };
            lines.push((format!("{indent}{branch}{}", node.name), node));
            node.lines(&format!("{indent}{rest}"), lines);
        }
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for base in &self.bases {
            let mut lines = vec![(base.name.clone(), base)];
            base.lines("", &mut lines);
            let width = lines.iter().map(|(text, _)| text.chars().count()).max().unwrap_or(0);
            for (text, node) in lines {
                let size = node.size.map_or("missing".into(), |size| Size(size).to_string());
                let on_disk = Size(node.on_disk);
                let line =
                    format!("{text:width$}  {size:>9}  {on_disk:>9} on disk  {}", node.note());
                writeln!(f, "{}", line.trim_end())?;
            }
        }
        Ok(())
    }
}
