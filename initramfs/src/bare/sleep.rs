//! Sleeping, in milliseconds.

use rustix::thread::{NanosleepRelativeResult, Timespec, nanosleep};

/// Sleeps, whatever signal comes.
pub(super) fn sleep(milliseconds: u64) {
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    let mut request = Timespec { tv_sec: seconds as i64, tv_nsec: rest as i64 * 1_000_000 };
    while let NanosleepRelativeResult::Interrupted(left) = nanosleep(&request) {
        request = left;
    }
}
