//! The controlling terminal of a process on the console.

use bootwright_init::text::Text;
use bootwright_init::tty;

use rustix::fs::OFlags;

use super::file;

/// Gives the process a session of its own with the console as its terminal, so that the shell has
/// job control and Ctrl-C. `/dev/console` itself can be nobody's terminal, so the device behind it
/// is opened.
pub(super) fn take() {
    let _ = rustix::process::setsid();
    let mut active = [0; 128];
    let active = file::read(c"/sys/class/tty/console/active", &mut active).unwrap_or_default();
    let name = tty::shell_console(active).unwrap_or(b"console");
    let path = Text::<64>::of(format_args!("/dev/{}", Text::<32>::from(name)));
    if let Ok(terminal) = file::open(path.as_c_str(), OFlags::RDWR) {
        let _ = rustix::process::ioctl_tiocsctty(&terminal);
        let _ = rustix::stdio::dup2_stdin(&terminal);
        let _ = rustix::stdio::dup2_stdout(&terminal);
        let _ = rustix::stdio::dup2_stderr(&terminal);
    }
}
