//! The kernel command line of an image that we build.

use crate::error::{Context, Error, Result};
use crate::kernel::cmdline::{COMMAND_LINE_SIZE, Cmdline, CmdlineError};
use crate::kernel::console::Console;

/// Bytes of what comes around our arguments: GRUB names the kernel before them, and `grub.cfg` puts the
/// boot's token behind them.
const AROUND: usize = "BOOT_IMAGE=/EFI/BOOT/vmlinuz ".len()
    + " handoff=".len()
    + "0123456789abcdef0123456789abcdef:poweroff".len();

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
    let text = line.text().context(doing)?;
    // GRUB's `linux` command writes both with a backslash before them.
    if text.contains(['\'', '\\']) {
        let why = "there is a single quote or a backslash, and GRUB puts a backslash before it";
        return Err(Error::new(why).context(doing()));
    }
    match text.len() + AROUND {
        len if len >= COMMAND_LINE_SIZE => Err(CmdlineError::TooLong(len))
            .context(|| format!("{} with GRUB's and the boot's own", doing())),
        _ => Ok(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grub_would_change_or_the_kernel_would_cut_is_refused() {
        let refused =
            |append: &str| line("root=/dev/vda2", None, append).err().map(|e| e.to_string());
        assert_eq!(refused("quiet x=\"a b\""), None);
        for append in ["x=it's", r"x=a\b"] {
            assert!(refused(append).is_some_and(|why| why.contains("backslash")), "{append}");
        }
        let ours = line("root=/dev/vda2", None, "").expect("short").text().expect("short").len();
        let room = COMMAND_LINE_SIZE - 1 - AROUND - ours - " x=".len();
        assert_eq!(refused(&format!("x={}", "y".repeat(room))), None);
        let why = refused(&format!("x={}", "y".repeat(room + 1))).expect("one byte more");
        assert!(why.contains("has 2048 bytes, and x86 keeps 2047"), "{why}");
    }
}
