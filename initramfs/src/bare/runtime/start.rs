//! `_start`: from the kernel's stack to Rust.
//!
//! System V ABI, AMD64 supplement, 3.4.1: at entry the stack pointer is at `argc`, then come the
//! argument pointers, NULL, the environment pointers, NULL.
#![allow(unsafe_code, reason = "the entry point has no caller, and its arguments are raw memory")]

use super::exec::Given;

#[cfg(not(target_arch = "x86_64"))]
compile_error!("the bare /init has start, memory and system call code for x86_64 only");

/// The entry point of the ELF file. Keeps the stack pointer and aligns the stack as a call expects.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    core::arch::naked_asm!(
        "xor ebp, ebp",
        "mov rdi, rsp",
        "and rsp, -16",
        "call {begin}",
        "ud2",
        begin = sym begin,
    )
}

/// Makes a value of what the kernel put on the stack.
unsafe extern "C" fn begin(stack: *mut usize) -> ! {
    // SAFETY: the kernel has put argc and both vectors there, and nothing has touched them.
    let given = unsafe { Given::from_stack(stack) };
    crate::bare::run(&given)
}
