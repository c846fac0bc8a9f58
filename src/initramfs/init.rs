//! Whether the kernel can run `/init`: it is the one file of an initramfs that must be right.

use crate::arch::Arch;
use crate::elf::{Elf, ElfError, Static};
use crate::error::{Context, Result};
use crate::tree::{Kind, Tree, TreePath};

/// Why the kernel would not run `/init`, or not for long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InitError {
    /// The kernel would look for a root filesystem instead.
    #[error("it is not there, and the kernel would not use the initramfs")]
    Missing,
    /// A directory, a device. A symlink is one too: where it leads is not looked up.
    #[error("it is a {0}, not a program")]
    NotAFile(&'static str),
    /// No execute permission for its owner.
    #[error("it is not executable: its mode is {0:04o}")]
    NotExecutable(u16),
    /// No static program for this machine.
    #[error(transparent)]
    Program(#[from] ElfError),
}

/// Checks the `/init` of an initramfs: there, executable, and a static program for this machine.
///
/// # Errors
/// Where it is not ([`InitError`]), or cannot be read.
pub fn check_init(tree: &Tree, arch: &Arch) -> Result<Static> {
    check(tree, arch).context(|| "checking /init")
}

fn check(tree: &Tree, arch: &Arch) -> Result<Static> {
    let node = tree.get(&TreePath::new(b"init")?).ok_or(InitError::Missing)?;
    let Kind::File(content) = &node.kind else {
        return Err(InitError::NotAFile(node.kind.name()).into());
    };
    let mode = node.metadata.mode;
    if mode & 0o100 == 0 {
        return Err(InitError::NotExecutable(mode).into());
    }
    let bytes = content.read()?;
    let program = || Elf::parse(&bytes, arch)?.static_program();
    Ok(program().map_err(InitError::Program)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::X86_64;
    use crate::elf::tests::image;
    use crate::tree::{Content, Node, Time};

    fn checked(node: Option<Node>) -> Result<Static> {
        let mut tree = Tree::new(Time::EPOCH);
        if let Some(node) = node {
            tree.insert(TreePath::new(b"init").expect("good"), node).expect("free");
        }
        check_init(&tree, &X86_64)
    }

    fn file(mode: u16, bytes: Vec<u8>) -> Option<Node> {
        Some(Node::file(mode, Time::EPOCH, Content::from(bytes)))
    }

    #[test]
    fn a_static_program_is_taken() {
        // PT_LOAD, executable.
        let program = image(2, 0, &[(1, 1, b"\x90", 0)], &[]);
        assert_eq!(checked(file(0o755, program)).expect("it runs"), Static::Fixed);
    }

    #[test]
    fn what_the_kernel_cannot_run_says_why() {
        let cases = [
            (None, InitError::Missing),
            (Some(Node::directory(0o755, Time::EPOCH)), InitError::NotAFile("directory")),
            (file(0o644, Vec::new()), InitError::NotExecutable(0o644)),
            (
                file(0o755, b"#!/bin/sh\n".to_vec()),
                InitError::Program(ElfError::Script("/bin/sh".into())),
            ),
        ];
        for (node, why) in cases {
            let error = checked(node).expect_err("it does not run");
            assert_eq!(error.downcast_ref(), Some(&why));
            assert_eq!(error.to_string(), format!("checking /init: {why}"));
        }
    }
}
