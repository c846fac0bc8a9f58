//! What Ctrl-C, a hang-up and a termination do: one sentence and exit code 2, or, while a guest
//! boots, an end with a verdict.
//!
//! Nothing has to be cleaned up: an image that is not whole has no name, and QEMU ends with us.

use std::sync::atomic::{AtomicBool, Ordering};

use super::terminal;
use crate::error::{Context, Result};

/// Whether somebody looks at [`is_wished`] and will end by itself.
static IS_WATCHED: AtomicBool = AtomicBool::new(false);
/// Whether the user wants an end.
static IS_WISHED: AtomicBool = AtomicBool::new(false);

/// Takes the signals over; once in a process.
///
/// # Errors
/// Where the process cannot have a handler.
pub fn install() -> Result<()> {
    ctrlc::set_handler(|| {
        // A second time means at once.
        let again = IS_WISHED.swap(true, Ordering::SeqCst);
        if again || !IS_WATCHED.load(Ordering::SeqCst) {
            terminal::note(format_args!(
                "\nerror: interrupted; what was there before is as it was"
            ));
            std::process::exit(2);
        }
    })
    .context(|| "waiting for signals")
}

/// Until the value is dropped, an interrupt only sets [`is_wished`].
#[must_use]
pub fn watch() -> Watched {
    IS_WATCHED.store(true, Ordering::SeqCst);
    Watched
}

/// Whether the user has asked for an end.
pub fn is_wished() -> bool {
    IS_WISHED.load(Ordering::SeqCst)
}

/// Somebody looks at [`is_wished`].
#[derive(Debug)]
pub struct Watched;

impl Drop for Watched {
    fn drop(&mut self) {
        IS_WATCHED.store(false, Ordering::SeqCst);
    }
}
