//! An overlay over a root filesystem that is only read, whose writes stay in memory. The root is what the
//! root device holds, or an image on it behind a loop device, as on a CD.
//!
//! What lies under the root is below `/run`, which moves along: `medium` is the root device where it holds
//! an image, `lower` the filesystem, `ram` what is written (`Documentation/filesystems/overlayfs.rst`).

use bootwright_init::step::Step;
use bootwright_init::text::Text;

use core::ffi::CStr;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::MountFlags;

use super::failed::Failed;
use super::root::SYSROOT;
use super::runtime::loop_device;
use super::{devices, file};

const BASE: &CStr = c"/run/rootimage";
const MEDIUM: &CStr = c"/run/rootimage/medium";
const LOWER: &CStr = c"/run/rootimage/lower";
const RAM: &CStr = c"/run/rootimage/ram";
const UPPER: &CStr = c"/run/rootimage/ram/upper";
const WORK: &CStr = c"/run/rootimage/ram/work";
const LAYERS: &CStr =
    c"lowerdir=/run/rootimage/lower,upperdir=/run/rootimage/ram/upper,workdir=/run/rootimage/ram/work";

/// Puts the image of this path on what is mounted at [`SYSROOT`] in its place, under an overlay.
pub(super) fn over_image(image: &[u8]) -> Result<(), Failed> {
    let failed = |what| failed(Step::RootImage, what);
    [BASE, MEDIUM, LOWER].into_iter().try_for_each(folder).map_err(failed(b"mkdir"))?;
    rustix::mount::mount_move(SYSROOT, MEDIUM).map_err(failed(b"move"))?;
    let file = Text::<512>::of(format_args!("/run/rootimage/medium/{}", Text::<256>::from(image)));
    let missing =
        |errno| Failed { step: Step::RootImage, errno, about: ("image", Text::from(image)) };
    let file = file::open(file.as_c_str(), OFlags::RDONLY).map_err(missing)?;
    let device = loop_of(&file).map_err(failed(b"loop"))?;

    let probed = devices::probe(device.as_c_str()).map_or("squashfs", |found| found.fstype);
    let fstype = Text::<32>::from(probed.as_bytes());
    rustix::mount::mount(device.as_c_str(), LOWER, fstype.as_c_str(), MountFlags::RDONLY, c"")
        .map_err(failed(b"mount image"))?;
    cover()
}

/// Puts what is mounted at [`SYSROOT`] under an overlay.
pub(super) fn over_root() -> Result<(), Failed> {
    let failed = |what| failed(Step::RootOverlay, what);
    [BASE, LOWER].into_iter().try_for_each(folder).map_err(failed(b"mkdir"))?;
    rustix::mount::mount_move(SYSROOT, LOWER).map_err(failed(b"move"))?;
    cover()
}

/// Mounts the overlay over [`LOWER`].
fn cover() -> Result<(), Failed> {
    let (failed, none) = (|what| failed(Step::RootOverlay, what), MountFlags::empty());
    folder(RAM).map_err(failed(b"mkdir"))?;
    rustix::mount::mount(c"tmpfs", RAM, c"tmpfs", none, c"mode=0755")
        .map_err(failed(b"mount ram"))?;
    [UPPER, WORK].into_iter().try_for_each(folder).map_err(failed(b"mkdir"))?;
    rustix::mount::mount(c"overlay", SYSROOT, c"overlay", none, LAYERS)
        .map_err(failed(b"mount overlay"))
}

/// What makes a failure of this step out of an error, and of the call that had it.
fn failed(step: Step, call: &'static [u8]) -> impl Fn(Errno) -> Failed {
    move |errno| Failed { step, errno, about: ("call", Text::from(call)) }
}

fn folder(path: &CStr) -> Result<(), Errno> {
    match rustix::fs::mkdirat(CWD, path, Mode::from_raw_mode(0o755)) {
        Err(Errno::EXIST) => Ok(()),
        made => made,
    }
}

/// The path of a loop device with this content.
fn loop_of(file: &rustix::fd::OwnedFd) -> Result<Text<32>, Errno> {
    let control = file::open(c"/dev/loop-control", OFlags::RDWR)?;
    let path = Text::of(format_args!("/dev/loop{}", loop_device::free(&control)?));
    let device = file::open(path.as_c_str(), OFlags::RDWR)?;
    loop_device::attach(&device, file)?;
    Ok(path)
}
