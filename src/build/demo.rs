//! The root filesystem of the demo image: our own init as userspace, and Debian's static busybox so
//! that a person who boots it finds a shell.

use crate::error::Result;
use crate::tree::{Content, Node, Time, Tree, TreePath};

/// Mount points and the directories that programs expect (Filesystem Hierarchy Standard 3.0 §3.2).
const DIRECTORIES: &[(&str, u16)] = &[
    ("bin", 0o755),
    ("dev", 0o755),
    ("etc", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("sbin", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("var", 0o755),
];

/// Literal files.
const FILES: &[(&str, &str)] = &[
    ("etc/hostname", "bootwright\n"),
    ("etc/os-release", "ID=bootwright\nNAME=bootwright\nPRETTY_NAME=\"bootwright demo\"\n"),
    ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
    ("etc/group", "root:x:0:\n"),
];

/// Names under which busybox is called: what somebody types who looks around.
pub const APPLETS: &[&str] = &[
    "cat", "chmod", "clear", "cp", "cut", "date", "dd", "df", "dmesg", "du", "echo", "env", "find",
    "free", "grep", "head", "hexdump", "hostname", "id", "ip", "kill", "less", "ln", "ls", "lsmod",
    "mkdir", "mknod", "mount", "mv", "ps", "pwd", "rm", "rmdir", "sed", "sh", "sleep", "sort",
    "stat", "sync", "tail", "top", "touch", "umount", "uname", "vi", "wc", "which", "xargs",
];

/// The demo's root filesystem.
///
/// # Errors
/// Where the busybox file is unreadable.
pub fn root(init: Content, busybox: Content, time: Time) -> Result<Tree> {
    let mut tree = Tree::new(time);
    for &(path, mode) in DIRECTORIES {
        tree.insert(TreePath::new(path.as_bytes())?, Node::directory(mode, time))?;
    }
    for &(path, text) in FILES {
        let content = Content::from(text.as_bytes().to_vec());
        tree.insert(TreePath::new(path.as_bytes())?, Node::file(0o644, time, content))?;
    }
    tree.insert(TreePath::new(b"sbin/init")?, Node::file(0o755, time, init))?;
    tree.insert(TreePath::new(b"bin/busybox")?, Node::file(0o755, time, busybox))?;
    for applet in APPLETS {
        let path = TreePath::new(format!("bin/{applet}").as_bytes())?;
        tree.insert(path, Node::symlink("busybox", time))?;
    }
    Ok(tree)
}
