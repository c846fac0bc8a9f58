//! Applying a layer (image-spec 1.1, "Layer Filesystem Changeset"): files replace files, and names that
//! start with `.wh.` take away what layers below have.

use crate::error::Result;
use crate::tree::tar::{self, Item};
use crate::tree::{Kind, Notice, PathError, Section, Source, Tree, TreeError, TreePath};

/// How the names of whiteouts start.
pub const WHITEOUT: &[u8] = b".wh.";

/// A whiteout of all that is in its directory.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What else starts so is aufs's own bookkeeping.
const BOOKKEEPING: &[u8] = b".wh..wh.";

/// What is wrong with a layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayerError {
    /// `.wh.` alone.
    #[error("`{0}` is a whiteout of nothing")]
    Whiteout(TreePath),
    /// A whiteout of `.` or `..`.
    #[error("a whiteout that is no name")]
    Path(#[from] PathError),
    /// An entry that has no place.
    #[error(transparent)]
    Place(#[from] TreeError),
}

/// Applies an uncompressed layer. Parents are followed through the image's own links, never outside.
///
/// # Errors
/// Where the tar is damaged or an entry has no place ([`LayerError`]).
pub(super) fn apply(source: &mut Source, layer: &Section) -> Result<()> {
    // Whiteouts hide the layers below, whatever their place in the archive: so they come first.
    for entry in tar::entries(layer) {
        white_out(&mut source.tree, &entry?.path)?;
    }
    for entry in tar::entries(layer) {
        let entry = entry?;
        if entry.path.name().starts_with(WHITEOUT) {
            continue;
        }
        if entry.has_text_acl {
            let what = "its ACL, which the archive has as text only".into();
            source.notices.push(Notice::Lost(entry.path.clone(), what));
        }
        place(&mut source.tree, &entry.path, entry.item)?;
    }
    layer.check()
}

fn white_out(tree: &mut Tree, path: &TreePath) -> Result<(), LayerError> {
    let Some(hidden) = path.name().strip_prefix(WHITEOUT) else { return Ok(()) };
    if hidden.is_empty() {
        return Err(LayerError::Whiteout(path.clone()));
    }
    let resolved = tree.resolve(path)?;
    let folder = resolved.parent().unwrap_or_default();
    if path.name() == OPAQUE {
        let inside: Vec<_> = tree.below(&folder).skip(1).map(|e| e.path.clone()).collect();
        for path in &inside {
            tree.remove(path);
        }
    } else if !path.name().starts_with(BOOKKEEPING) {
        let hidden = folder.join(hidden)?;
        // `.wh..` would be the directory itself.
        match hidden == folder {
            true => return Err(LayerError::Whiteout(path.clone())),
            false => tree.remove(&hidden),
        };
    }
    Ok(())
}

/// Places an entry over whatever layers below, or this one, have there.
fn place(tree: &mut Tree, path: &TreePath, item: Item) -> Result<(), LayerError> {
    let path = tree.resolve(path)?;
    match item {
        Item::HardLink(target) => {
            let target = tree.resolve(&target)?;
            if target == path {
                return Ok(tree.link(path, &target)?);
            }
            // Looked for first, so that a bad link does not take anything away.
            if tree.get(&target).is_none() {
                return Err(TreeError::Missing(target).into());
            }
            tree.remove(&path);
            Ok(tree.link(path, &target)?)
        }
        Item::Node(node) => {
            let root_as_file = path.is_root() && !matches!(node.kind, Kind::Directory);
            match root_as_file {
                true => Ok(tree.insert(path, node)?),
                false => Ok(tree.replace(path, node)?),
            }
        }
    }
}
