//! A bar that shows how far long work is: on a terminal only, and gone when the work is done.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that counts bytes.
#[derive(Debug)]
pub struct ByteBar(ProgressBar);

impl ByteBar {
    /// A bar of so many bytes; none where nobody knows how many there are.
    pub fn new(total: u64) -> Self {
        if total == 0 || !std::io::stderr().is_terminal() {
            return ByteBar(ProgressBar::hidden());
        }
        let template = "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
        let style = ProgressStyle::with_template(template);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        ByteBar(ProgressBar::new(total).with_style(style))
    }

    /// So many bytes are done in all.
    pub fn set(&self, bytes: u64) {
        self.0.set_position(bytes);
    }

    /// So many bytes more are done.
    pub fn add(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}

impl Drop for ByteBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
