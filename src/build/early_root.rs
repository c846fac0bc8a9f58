//! What goes into the initramfs: `/init`, the kernel modules that it loads, and its mount points.

use crate::error::Result;
use crate::kernel::modules::Resolved;
use crate::tree::{Content, Node, Time, Tree, TreePath};

/// Where `/init` mounts what the kernel offers.
const MOUNT_POINTS: [&str; 4] = ["dev", "proc", "run", "sys"];

/// The tree of the initramfs.
///
/// # Errors
/// Where two entries want the same path.
pub fn tree(init: Content, modules: &Resolved, time: Time) -> Result<Tree> {
    let mut tree = Tree::new(time);
    for path in MOUNT_POINTS {
        tree.insert(TreePath::new(path.as_bytes())?, Node::directory(0o755, time))?;
    }
    // The kernel opens it for process 1 before anything is mounted (init/main.c, console_on_rootfs).
    tree.insert(TreePath::new(b"dev/console")?, Node::char_device(0o600, time, 5, 1))?;
    tree.insert(TreePath::new(b"init")?, Node::file(0o755, time, init))?;
    modules.place(&mut tree, time)?;
    Ok(tree)
}
