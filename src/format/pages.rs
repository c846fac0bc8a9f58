//! The metadata of an image, read a page at a time when it is asked for.
//!
//! Tables are never read as a whole: a header can state any size, and memory does not grow with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::FormatError;
use crate::volume::Window;

/// Bytes of a page.
const PAGE: u64 = 64 << 10;

/// Pages that are kept: 16 MiB, the tables of a disk of 128 GiB in clusters of 64 KiB.
const PAGES_MAX: usize = 256;

/// The tables of an image's file.
pub(super) struct Pages {
    window: Window,
    kept: Mutex<HashMap<u64, Arc<Vec<u8>>>>,
}

impl Pages {
    pub(super) fn new(window: &Window) -> Self {
        Pages { window: window.clone(), kept: Mutex::default() }
    }

    /// The `N` bytes at an offset that is a multiple of `N`, which is a power of two.
    ///
    /// # Errors
    /// Where the file ends before, or cannot be read; `what` is what was looked for.
    pub(super) fn field<const N: usize>(
        &self,
        offset: u64,
        what: &'static str,
    ) -> Result<[u8; N], FormatError> {
        let page = self.page(offset / PAGE).map_err(|error| {
            FormatError::unsupported(format!("reading {what} at {offset}: {error}"))
        })?;
        let field = page.get((offset % PAGE) as usize..).and_then(|rest| rest.first_chunk());
        field.copied().ok_or(FormatError::CutOff { what, offset })
    }

    fn page(&self, number: u64) -> std::io::Result<Arc<Vec<u8>>> {
        if let Some(page) = self.lock().get(&number) {
            return Ok(Arc::clone(page));
        }
        let page = Arc::new(self.window.bytes(number.saturating_mul(PAGE), PAGE as usize)?);
        let mut kept = self.lock();
        // Access is mostly in order: what is thrown away is rarely wanted again.
        if kept.len() >= PAGES_MAX {
            kept.clear();
        }
        kept.insert(number, Arc::clone(&page));
        Ok(page)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Vec<u8>>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pages({:?})", self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_and_the_end_of_the_file_is_said() {
        let mut bytes = vec![0; 3 * PAGE as usize - 4];
        bytes[PAGE as usize + 8] = 9;
        let pages = Pages::new(&Window::from(bytes));
        assert_eq!(pages.field::<8>(PAGE + 8, "x"), Ok([9, 0, 0, 0, 0, 0, 0, 0]));
        let error = FormatError::CutOff { what: "x", offset: 3 * PAGE - 8 };
        assert_eq!(pages.field::<8>(3 * PAGE - 8, "x"), Err(error));
        assert!(pages.field::<8>(u64::MAX - 7, "x").is_err());
    }
}
