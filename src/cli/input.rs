//! A file that is looked into at any offset: one with a name, or standard input, which is put aside first.

use std::io;
use std::path::Path;

use crate::error::{Context, Result, shown};
use crate::tree::Spool;
use crate::volume::Window;

/// Whether standard input is meant.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// What messages call it.
pub(super) fn name(path: &Path) -> String {
    if is_stdin(path) { "standard input".into() } else { shown(path) }
}

/// Opens it; `-` is standard input, read to its end into a temporary file.
///
/// # Errors
/// Where it cannot be read.
pub(super) fn opened(path: &Path) -> Result<Window> {
    if !is_stdin(path) {
        return Window::open(path);
    }
    let mut spool = Spool::new()?;
    spool.add(io::stdin().lock()).context(|| "reading standard input")?;
    Ok(spool.into_window())
}
