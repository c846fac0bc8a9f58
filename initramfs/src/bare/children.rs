//! The processes that end while PID 1 waits.

use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus};

/// Waits for children until this one has ended; how it did.
pub(super) fn reap_until(child: Pid) -> Option<WaitStatus> {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == child => return Some(status),
            Err(Errno::CHILD) => return None,
            _ => {}
        }
    }
}
