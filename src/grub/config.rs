//! `grub.cfg` as a value: what it says is decided elsewhere, how GRUB reads it is decided here.
//!
//! Syntax: GRUB manual, "Writing full configuration files". Two facts about the machine are read
//! from SMBIOS when GRUB runs: whether it is QEMU, whose firmware already repeats its console on the
//! serial port (writing there too would show every line twice), and the token of this boot, which the
//! host passes as the last OEM string (type 11: the byte at offset 4 counts the strings, so as a
//! string number it names the last one).

use std::fmt;

use crate::kernel::cmdline::{Argument, Cmdline};
use crate::kernel::console::Console;

/// A whole `grub.cfg`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The serial terminal that stands beside the screen.
    pub console: Console,
    /// Seconds to show the menu before the first entry starts; 0 does not show it.
    pub timeout: u32,
    /// The menu.
    pub entries: Vec<MenuEntry>,
}

/// One line of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuEntry {
    /// What the menu calls it.
    pub title: String,
    /// The kernel's path on the partition that GRUB was started from, absolute.
    pub kernel: String,
    /// The initramfs's path there.
    pub initramfs: Option<String>,
    /// The kernel's arguments; the boot's token is added after them.
    pub arguments: Cmdline,
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# Written by bootwright.")?;
        writeln!(f, "set timeout={}", self.timeout)?;
        writeln!(f, "set default=0")?;
        writeln!(f)?;
        writeln!(
            f,
            "# The screen, and the serial port where the firmware does not repeat it there."
        )?;
        writeln!(f, "{}", self.console.grub_serial())?;
        writeln!(f, "terminal_input serial console")?;
        writeln!(f, "smbios --type 1 --get-string 4 --set manufacturer")?;
        writeln!(f, "if [ \"$manufacturer\" = QEMU ]; then")?;
        writeln!(f, "  terminal_output console")?;
        writeln!(f, "else")?;
        writeln!(f, "  terminal_output serial console")?;
        writeln!(f, "fi")?;
        writeln!(f, "# The kernel keeps the framebuffer that the firmware set up.")?;
        writeln!(f, "set gfxpayload=keep")?;
        writeln!(f)?;
        writeln!(
            f,
            "# The host names each boot by a token; elsewhere there is none, and GRUB says so."
        )?;
        writeln!(f, "smbios --type 11 --get-string 4 --set token")?;
        self.entries.iter().try_for_each(|entry| write!(f, "\n{entry}"))
    }
}

impl fmt::Display for MenuEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "menuentry {} {{", quoted(&self.title))?;
        writeln!(f, "  echo {}", quoted(&format!("Loading kernel {} ...", self.kernel)))?;
        write!(f, "  linux {}", quoted(&self.kernel))?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {}", quoted(&word(argument))))?;
        writeln!(f, " \"{}=$token\"", bootwright_init::handoff::ARGUMENT)?;
        if let Some(initramfs) = &self.initramfs {
            writeln!(f, "  echo {}", quoted(&format!("Loading initramfs {initramfs} ...")))?;
            writeln!(f, "  initrd {}", quoted(initramfs))?;
        }
        writeln!(f, "}}")
    }
}

/// An argument as one word: where it has spaces, GRUB adds the kernel's own quotes.
fn word(argument: &Argument) -> String {
    match argument.value() {
        Some(value) => format!("{}={value}", argument.name()),
        None => argument.name().into(),
    }
}

/// A word as GRUB's script reader reads it back: nothing is special inside single quotes, so a single
/// quote itself leaves them.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_has_the_golden_config() {
        let arguments = "root=PARTUUID=01234567-89ab-8def-8123-456789abcdef rootfstype=ext4 rw \
                         console=tty0 console=ttyS0,115200";
        let entry = MenuEntry {
            title: "bootwright, Linux 6.1.0".into(),
            kernel: "/EFI/BOOT/vmlinuz".into(),
            initramfs: Some("/EFI/BOOT/initramfs.img".into()),
            arguments: arguments.parse().expect("good arguments"),
        };
        let config = Config { console: Console::TTY_S0, timeout: 0, entries: vec![entry] };
        assert_eq!(config.to_string(), include_str!("../../grub/grub.cfg"));
    }

    #[test]
    fn words_are_quoted_as_grub_reads_them() {
        assert_eq!(quoted("root=PARTUUID=4f68bce3"), "root=PARTUUID=4f68bce3");
        assert_eq!(quoted("it's $x"), r"'it'\''s $x'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn an_entry_without_initramfs_has_no_initrd_command() {
        let entry = MenuEntry {
            title: "direct".into(),
            kernel: "/vmlinuz".into(),
            initramfs: None,
            arguments: "ro".parse().expect("one argument"),
        };
        let text = entry.to_string();
        assert!(text.contains("  linux /vmlinuz ro \"handoff=$token\"\n"), "{text}");
        assert!(!text.contains("initrd"), "{text}");
    }
}
