//! What Ctrl-C, a hang-up and a termination do: one sentence and exit code 2, or, while a guest
//! boots, an end with a verdict.
//!
//! Little has to be cleaned up: a file that is not whole has no name, and QEMU ends with us; what needs a
//! name is removed ([`output::abandon`]). What changes a disk in place says so with [`leaves`].

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};

use super::terminal;
use crate::disk::output::{self, OutputFile};
use crate::error::{Context, Error, Result};

/// Whether somebody looks at [`is_wished`] and will end by itself.
static IS_WATCHED: AtomicBool = AtomicBool::new(false);
/// Whether the user wants an end.
static IS_WISHED: AtomicBool = AtomicBool::new(false);

/// What is left by an interrupt, where that is not [`NOTHING`].
static LEFT: OnceLock<&str> = OnceLock::new();

/// What is left where everything gets its name when it is whole.
const NOTHING: &str = "nothing unfinished is left behind";

/// What is left where something is changed in place, from whatever point.
pub const RESUMABLE: &str = "the same command again completes it";

/// When the user first asked.
static FIRST: OnceLock<Instant> = OnceLock::new();

/// What arrives within this time is the same wish: a shell signals the process, then its group.
const SAME: Duration = Duration::from_millis(500);

/// Takes the signals over; once in a process.
///
/// # Errors
/// Where the process cannot have a handler.
pub fn install() -> Result<()> {
    // A file that grows beyond `ulimit -f` is then a write that fails, with a sentence, in place of our end.
    // Blocked before there is another thread, so in every thread.
    let blocked = SigSet::from(Signal::SIGXFSZ).thread_block();
    blocked.context(|| "blocking SIGXFSZ")?;
    ctrlc::set_handler(|| {
        IS_WISHED.store(true, Ordering::SeqCst);
        let first = *FIRST.get_or_init(Instant::now);
        // Another time means at once.
        if !IS_WATCHED.load(Ordering::SeqCst) || first.elapsed() > SAME {
            output::abandon();
            terminal::note(format!("\nerror: interrupted; {}", left()));
            std::process::exit(2);
        }
    })
    .context(|| "waiting for signals")
}

/// From now on, this is what an interrupt leaves; once in a process.
pub fn leaves(what: &'static str) {
    // A verb does one thing: the first is as good as the last.
    let _ = LEFT.set(what);
}

fn left() -> &'static str {
    LEFT.get().unwrap_or(&NOTHING)
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

/// Gives files their names, as [`undisturbed`].
///
/// # Errors
/// Where a name cannot be given, or an end was asked for meanwhile.
pub fn commit(files: Vec<OutputFile>) -> Result<()> {
    undisturbed(|| files.into_iter().try_for_each(OutputFile::commit))
}

/// Gives several things their names. An interrupt waits that long, so that either all have one or none.
///
/// # Errors
/// Where a name cannot be given, or an end was asked for meanwhile.
pub fn undisturbed(name: impl FnOnce() -> Result<()>) -> Result<()> {
    let _watched = watch();
    name()?;
    match is_wished() {
        true => Err(Error::new("interrupted when everything was just written")),
        false => Ok(()),
    }
}

/// Somebody looks at [`is_wished`].
#[derive(Debug)]
pub struct Watched;

impl Drop for Watched {
    fn drop(&mut self) {
        IS_WATCHED.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_in_place_says_what_is_left() {
        assert_eq!(left(), "nothing unfinished is left behind");
        leaves(RESUMABLE);
        assert_eq!(left(), "the same command again completes it");
    }
}
