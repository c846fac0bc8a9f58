//! Which terminal the demo's shell gets, from `/sys/class/tty/console/active`.

/// The first serial console of the list (`tty0 ttyS0`), else the last console, which is the one
/// that `/dev/console` stands for.
///
/// A serial one is preferred, because a VM's user usually sits at that end.
pub fn shell_console(active: &[u8]) -> Option<&[u8]> {
    let names = || active.split(u8::is_ascii_whitespace).filter(|name| !name.is_empty());
    names().find(|name| !is_screen(name)).or_else(|| names().next_back())
}

/// Whether it is a virtual terminal on the screen: `tty` and a number.
fn is_screen(name: &[u8]) -> bool {
    name.strip_prefix(b"tty").is_some_and(|rest| rest.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_console_is_preferred_wherever_it_stands() {
        assert_eq!(shell_console(b"ttyS0 tty0\n"), Some(b"ttyS0".as_slice()));
        assert_eq!(shell_console(b"tty0 ttyAMA0\n"), Some(b"ttyAMA0".as_slice()));
        assert_eq!(shell_console(b"tty1 tty0\n"), Some(b"tty0".as_slice()));
        assert_eq!(shell_console(b"\n"), None);
    }
}
