//! The standard error stream, as the kernel or whoever started the process left it.
#![allow(unsafe_code, reason = "without std nobody vouches that the descriptor is open")]

use rustix::fd::BorrowedFd;

/// Standard error. Where it is closed, writing to it is an ordinary error.
pub(in crate::bare) fn stderr() -> BorrowedFd<'static> {
    // SAFETY: nothing in /init closes descriptor 2 or gives it away.
    unsafe { rustix::stdio::stderr() }
}
