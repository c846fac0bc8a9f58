//! Judges an image that is written and has no name yet: whoever builds it hands out what will boot.
//!
//! The bytes that were written are read back, as `bootwright lint` would read them: what is judged is
//! the image, not the plan that it came from.

use crate::disk::output::OutputFile;
use crate::error::{Context, Result, shown};
use crate::image::Image;
use crate::kernel::modules::Bus;
use crate::lint::{self, Levels, Report, Subject};
use crate::volume::Window;

/// What the lints say of an image, for a machine with so many bytes of memory where that is known.
///
/// # Errors
/// Where it cannot be read back.
pub fn image(output: &OutputFile, memory: Option<u64>, levels: &Levels) -> Result<Report> {
    let read_back = || -> Result<Subject> {
        let file = output.as_file().try_clone()?;
        let len = file.metadata()?.len();
        Subject::of_image(Image::from_window(output.path(), Window::new(file, len))?)
    };
    let subject = read_back().context(|| format!("linting {}", shown(output.path())))?;
    // What we build brings the drivers of virtio, as `boot` attaches it.
    Ok(lint::run(&Subject { memory, bus: Some(Bus::Virtio), ..subject }, levels))
}
