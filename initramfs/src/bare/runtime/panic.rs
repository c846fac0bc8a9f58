//! What a bug of `/init` does: it says where, and the machine halts as after any failure.
#![allow(unsafe_code, reason = "the unwinder's symbol has to have its C name")]

use bootwright_init::step::Step;
use bootwright_init::text::Text;
use core::panic::PanicInfo;

use crate::bare::failed::Failed;
use crate::bare::halt;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    halt::explain(&Failed {
        step: Step::Bug,
        errno: rustix::io::Errno::FAULT,
        about: ("message", Text::of(format_args!("{info}"))),
    })
}

/// The precompiled `core` names it where it is not optimized away (no LTO); it never runs, because
/// a panic aborts.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
