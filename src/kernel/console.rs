//! A serial console: one value that prints itself as the kernel, GRUB and QEMU want it.
//!
//! Sources: the kernel's `Documentation/admin-guide/serial-console.rst`, and the GRUB manual's
//! `serial` and `terminal_output`. Parity and word length are always 8N1, the default of all three.
//! Only PC serial ports (`ttyS0` to `ttyS3`) are known: GRUB has a unit for each.

use std::fmt;
use std::str::FromStr;

/// Ports that GRUB's `--unit` and a PC have.
const PORTS: u8 = 4;

/// What a PC's serial ports can do, and the kernel takes.
const BAUDS: [u32; 8] = [1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200];

/// A serial port that is used as a console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Console {
    port: u8,
    baud: u32,
}

/// Why text is not a console.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsoleError {
    /// No such port.
    #[error("`{0}` is no serial port: use ttyS0 to ttyS3")]
    Port(String),
    /// A speed that no port has.
    #[error("`{0}` is no speed of a serial port: use 115200, or 9600")]
    Baud(String),
}

impl Console {
    /// `ttyS0` at 115200: what firmware, boot loaders and QEMU agree on.
    pub const TTY_S0: Console = Console { port: 0, baud: 115_200 };

    /// The kernel argument: `console=ttyS0,115200`.
    pub fn argument(self) -> String {
        format!("console={self}")
    }

    /// The GRUB command that opens the port: `serial --unit=0 --speed=115200`. It makes the
    /// terminal `serial`, which `terminal_input` and `terminal_output` name.
    pub fn grub_serial(self) -> String {
        format!("serial --unit={} --speed={}", self.port, self.baud)
    }
}

impl fmt::Display for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ttyS{},{}", self.port, self.baud)
    }
}

impl FromStr for Console {
    type Err = ConsoleError;

    /// Reads `ttyS0` and `ttyS0,115200`.
    fn from_str(text: &str) -> Result<Self, ConsoleError> {
        let (tty, baud) = text.split_once(',').unwrap_or((text, "115200"));
        let number = tty.strip_prefix("ttyS").and_then(|n| n.parse().ok());
        let port = number.filter(|&port| port < PORTS);
        let known = baud.parse().ok().filter(|baud| BAUDS.contains(baud));
        Ok(Console {
            port: port.ok_or_else(|| ConsoleError::Port(tty.into()))?,
            baud: known.ok_or_else(|| ConsoleError::Baud(baud.into()))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_console_in_every_syntax() {
        let console: Console = "ttyS1,9600".parse().expect("a console");
        assert_eq!(console.argument(), "console=ttyS1,9600");
        assert_eq!(console.grub_serial(), "serial --unit=1 --speed=9600");
        assert_eq!((console.port, console.baud), (1, 9600));
        assert_eq!("ttyS0".parse(), Ok(Console::TTY_S0));
        assert_eq!(Console::TTY_S0.to_string().parse(), Ok(Console::TTY_S0));
    }

    #[test]
    fn what_is_no_console_says_why() {
        assert_eq!("tty0".parse::<Console>(), Err(ConsoleError::Port("tty0".into())));
        assert_eq!("ttyS4".parse::<Console>(), Err(ConsoleError::Port("ttyS4".into())));
        assert_eq!("ttyS0,fast".parse::<Console>(), Err(ConsoleError::Baud("fast".into())));
    }
}
