//! What a comparison with the booted content needs of a log, after the log itself is gone.

use super::catalogue::{self, Stage};
use super::pattern::plain_quotes;
use super::scan::Quote;

/// The lines that decide, and what the kernel said of itself; bounded, whatever the size of the log.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    /// The kernel's command line.
    pub(super) command_line: Option<String>,
    /// The kernel's release.
    pub(super) kernel: Option<String>,
    /// An init of the root filesystem was run, not one of the initramfs.
    pub(super) on_real_root: bool,
    /// The kernel looked for the root filesystem itself, and said nothing of an initramfs.
    pub(super) kernel_looked_for_root: bool,
    /// The kernel panicked, and said so.
    pub(super) panicked: bool,
    /// How far the boot came by its milestones.
    pub(super) reached: Stage,
    /// The lines of a trace that have raw addresses.
    pub(super) addresses: Vec<Quote>,
    /// How many bytes the kernel was moved at its start.
    pub(super) kernel_offset: u64,
    /// The lines in which something known stood, in order.
    pub(super) lines: Vec<Quote>,
}

/// The kernel cuts what it prints of its command line at its longest message, so that one this long
/// may not be whole.
const WHOLE_MAX: usize = 900;

impl Heard {
    /// The kernel's command line, where all of it was printed.
    pub(super) fn whole_command_line(&self) -> Option<&str> {
        self.command_line.as_deref().filter(|line| line.len() < WHOLE_MAX)
    }

    /// Puts the names of this log into a step of a remedy, as far as they are still known.
    pub(super) fn fill(&self, step: &str) -> String {
        catalogue::fill(step, |name, otherwise| {
            let kernel = self.kernel.as_deref().filter(|_| name == "kernel");
            kernel.or(otherwise).unwrap_or_default().to_owned()
        })
    }

    /// The lines that show some words, where every one of them is shown.
    pub(super) fn all<'a>(&'a self, words: &[String]) -> Option<Vec<&'a Quote>> {
        let find = |words: &String| {
            let words = plain_quotes(words).into_owned();
            self.lines.iter().find(move |quote| plain_quotes(&quote.text).contains(&words))
        };
        (!words.is_empty()).then(|| words.iter().map(find).collect())?
    }
}
