//! `/lib/modules/load-order`: the modules that the initramfs brings, in the order of loading.
//!
//! One absolute path a line; parameters may follow a space, as `modprobe` and the kernel write
//! them. The builder has resolved the dependencies, so that the guest needs no `modules.dep`.

use core::ffi::CStr;

/// Where the list is.
pub const PATH: &CStr = c"/lib/modules/load-order";

/// The longest list, in bytes: some hundred modules.
pub const LEN_MAX: usize = 16 << 10;

/// A module to load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module<'a> {
    /// The path of its file in the initramfs.
    pub path: &'a [u8],
    /// Its parameters, often none.
    pub parameters: &'a [u8],
}

/// The modules of a list, in order; empty lines are skipped.
pub fn modules(list: &[u8]) -> impl Iterator<Item = Module<'_>> {
    list.split(|&b| b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()).map(
        |line| match line.iter().position(|&b| b == b' ') {
            Some(space) => {
                Module { path: &line[..space], parameters: line[space..].trim_ascii_start() }
            }
            None => Module { path: line, parameters: b"" },
        },
    )
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    #[test]
    fn a_line_is_a_path_and_perhaps_parameters() {
        let list = b"/lib/a.ko\n\n/lib/b.ko x=1 y=2\n/lib/c.ko";
        let modules: Vec<_> = modules(list).map(|m| (m.path, m.parameters)).collect();
        let expected: [(&[u8], &[u8]); 3] =
            [(b"/lib/a.ko", b""), (b"/lib/b.ko", b"x=1 y=2"), (b"/lib/c.ko", b"")];
        assert_eq!(modules, expected);
    }
}
