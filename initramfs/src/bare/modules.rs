//! Loads the kernel modules that the initramfs brings, in the order that its builder worked out.

use bootwright_init::handoff::Milestone;
use bootwright_init::load_order::{self, Module};
use bootwright_init::{errno, text::Text};
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::console::Console;
use super::file;

/// Loads them all. One that cannot be loaded is told and passed over, because the root device may
/// not need it.
pub(super) fn load_all(console: &Console<'_>) {
    let mut list = [0; load_order::LEN_MAX];
    // No list, no modules: the kernel has everything built in.
    let list = file::read(load_order::PATH, &mut list).unwrap_or_default();
    let (mut loaded, mut warning) = (0, Text::<256>::new());
    for module in load_order::modules(list) {
        match load(module) {
            Ok(()) => loaded += 1,
            Err(errno) => {
                let name = errno::name(errno.raw_os_error());
                let path = Text::<192>::from(module.path);
                console.say(format_args!("loading {path}: {name} ({})", errno.raw_os_error()));
                if warning.is_empty() {
                    warning = Text::from(module.path);
                    warning.push(b":");
                    warning.push(name.as_bytes());
                }
            }
        }
    }
    let count = Text::<8>::of(format_args!("{loaded}"));
    let fields: [(&str, &[u8]); 2] = [("count", count.as_bytes()), ("warning", warning.as_bytes())];
    let told = if warning.is_empty() { 1 } else { 2 };
    console.milestone(Milestone::ModulesLoaded, &fields[..told]);
}

fn load(module: Module<'_>) -> Result<(), Errno> {
    let file = file::open(Text::<256>::from(module.path).as_c_str(), OFlags::RDONLY)?;
    let parameters = Text::<512>::from(module.parameters);
    match rustix::system::finit_module(&file, parameters.as_c_str(), 0) {
        // Already loaded, or built in.
        Err(Errno::EXIST) => Ok(()),
        result => result,
    }
}
