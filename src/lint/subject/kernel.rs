//! The kernel of a boot: what its header, its configuration and its unpacked payload say.

use crate::kernel::bzimage::{BzImage, BzImageError, HEAD_MAX};
use crate::kernel::config::Config;
use crate::kernel::driver_names::DriverNames;
use crate::kernel::payload;
use crate::volume::Window;

/// A kernel.
#[derive(Debug)]
pub struct Kernel {
    /// How it is called.
    pub name: String,
    /// Bytes of the file.
    pub len: u64,
    /// What its header says.
    pub image: Result<BzImage, BzImageError>,
    /// Its configuration, where it is at hand.
    pub config: Option<Config>,
    /// Why its payload cannot be unpacked, where that was tried and failed.
    pub payload: Option<String>,
    /// Modules that it has built in, where the list is at hand.
    pub builtin: Option<Vec<String>>,
    /// The names of drivers in it, where it was unpacked.
    pub drivers: Option<DriverNames>,
}

impl Kernel {
    /// Looks at a kernel file.
    pub fn new(name: impl Into<String>, bytes: Vec<u8>, config: Option<Config>) -> Self {
        let head = &bytes[..bytes.len().min(HEAD_MAX)];
        let (image, len) = (BzImage::parse(head, bytes.len() as u64), bytes.len() as u64);
        let file = Window::from(bytes);
        let unpacked = image.as_ref().ok().map(|image| payload::unpacked(&file, image));
        let (found, drivers, payload) = match unpacked {
            Some(Ok(Some(vmlinux))) if !vmlinux.is_elf => {
                (None, None, Some("it is no ELF file".into()))
            }
            Some(Ok(Some(vmlinux))) => (vmlinux.config, Some(vmlinux.drivers), None),
            // Not compressed.
            None | Some(Ok(None)) => (None, None, None),
            Some(Err(why)) => (None, None, Some(why.to_string())),
        };
        let own = || found.and_then(|text| Config::parse(&text).ok());
        Kernel {
            name: name.into(),
            len,
            image,
            config: config.or_else(own),
            payload,
            builtin: None,
            drivers,
        }
    }

    /// The release, as `lib/modules` has a folder for it; `None` where the header has none.
    pub fn release(&self) -> Option<&str> {
        self.image.as_ref().ok().map(BzImage::release).filter(|release| !release.is_empty())
    }

    /// Major and minor number of the release.
    pub fn version(&self) -> Option<(u32, u32)> {
        let mut numbers = self.release()?.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    }
}
