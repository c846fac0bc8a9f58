//! Loop devices: a file as a block device (the kernel's `include/uapi/linux/loop.h`).
#![allow(unsafe_code, reason = "rustix leaves it to the caller what an ioctl takes")]

use core::ffi::c_void;
use core::ptr::null_mut;

use rustix::fd::{AsFd, AsRawFd};
use rustix::io::Result;
use rustix::ioctl::{IntegerSetter, Ioctl, IoctlOutput, Opcode, ioctl};

const LOOP_SET_FD: Opcode = 0x4c00;
const LOOP_CTL_GET_FREE: Opcode = 0x4c82;

/// `LOOP_CTL_GET_FREE`: takes nothing, returns a number.
struct GetFree;

// SAFETY: the call takes no argument and writes nothing.
unsafe impl Ioctl for GetFree {
    type Output = u32;

    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        LOOP_CTL_GET_FREE
    }

    fn as_ptr(&mut self) -> *mut c_void {
        null_mut()
    }

    unsafe fn output_from_ptr(out: IoctlOutput, _: *mut c_void) -> Result<u32> {
        Ok(out as u32)
    }
}

/// The number of a loop device that nobody uses, made where there is none; `control` is
/// `/dev/loop-control`.
pub(in crate::bare) fn free(control: impl AsFd) -> Result<u32> {
    // SAFETY: see `GetFree`.
    unsafe { ioctl(control, GetFree) }
}

/// Makes a file the content of a loop device; read-only where the file was opened so.
pub(in crate::bare) fn attach(device: impl AsFd, file: impl AsFd) -> Result<()> {
    let file = file.as_fd().as_raw_fd() as usize;
    // SAFETY: the call takes the number of a file, which is open.
    unsafe { ioctl(device, IntegerSetter::<LOOP_SET_FD>::new_usize(file)) }
}
