//! A volume as a tree: files of mode 0644 and directories of mode 0755, owned by root, as Linux mounts it.

use std::collections::HashSet;

use super::super::time::Stamp;
use super::{Fat, FatReadError, Found};
use crate::bytes::le16;
use crate::error::Result;
use crate::fs::budget::Budget;
use crate::tree::{Content, Node, Section, Source, Time, Tree, TreePath};

impl Fat {
    /// All of it; files stay where they are until they are read.
    ///
    /// # Errors
    /// Where the volume is damaged or unreadable, or holds more than its length can account for.
    pub fn tree(&self) -> Result<Source> {
        let section = Section::window(self.window.clone(), "the FAT volume");
        let budget = Budget::new(self.window.len());
        let mut tree = Tree::new(Time::EPOCH);
        let root = self.root_entry().cluster;
        let mut reached = HashSet::from([root]);
        let mut open = vec![(TreePath::root(), root)];
        while let Some((path, cluster)) = open.pop() {
            for found in self.directory_at(cluster)? {
                let path = path.join(&found.entry.name)?.within_limits()?;
                budget.take_name(path.as_bytes().len())?;
                if found.entry.is_directory() {
                    if !reached.insert(found.cluster) {
                        return Err(FatReadError::Chain(found.cluster).into());
                    }
                    tree.insert(path.clone(), Node::directory(0o755, found.modified))?;
                    open.push((path, found.cluster));
                } else {
                    let content = self.content(&section, &found)?;
                    tree.insert(path, Node::file(0o644, found.modified, content))?;
                }
            }
        }
        Ok(Source { tree, notices: Vec::new() })
    }

    fn content(&self, section: &Section, found: &Found) -> Result<Content> {
        let len = found.entry.size;
        let runs = if len == 0 { Vec::new() } else { self.extents(found.cluster, len)? };
        let content = section.sparse(len, &runs);
        content.ok_or_else(|| FatReadError::Chain(found.cluster).into())
    }
}

/// When an entry says that it was modified.
pub(super) fn modified(raw: &[u8]) -> Time {
    let field = |at| le16(raw, at).unwrap_or(0);
    Stamp { date: field(24), time: field(22) }.into()
}
