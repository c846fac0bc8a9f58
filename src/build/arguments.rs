//! The kernel command line of an image that we build.

use crate::error::{Context, Result};
use crate::kernel::cmdline::Cmdline;
use crate::kernel::console::Console;

/// What says where the root filesystem is, the consoles, the init, and the user's arguments.
///
/// # Errors
/// Where an argument cannot be written on a command line, or all together are too long for the kernel.
pub(super) fn line(root: &str, init: Option<&str>, append: &str) -> Result<Cmdline> {
    let console = Console::TTY_S0.argument();
    let text = format!("{root} console=tty0 {console}");
    let doing = || "reading the kernel arguments";
    let mut line: Cmdline = text.parse().context(doing)?;
    if let Some(path) = init {
        line.set("init", path).context(doing)?;
    }
    let theirs: Cmdline = append.parse().context(doing)?;
    theirs.iter().for_each(|argument| line.push(argument.clone()));
    line.text().context(|| "reading the kernel arguments")?;
    Ok(line)
}
