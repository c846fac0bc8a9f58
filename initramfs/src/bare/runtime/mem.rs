//! The memory functions that the compiler calls and that libc would have.
//!
//! String instructions and not loops: the compiler may turn a loop that copies into a call of
//! `memcpy`, which inside of `memcpy` never ends.
#![allow(unsafe_code, reason = "these are the C functions that the compiler calls")]

use core::arch::asm;

/// Copies `len` bytes; the areas do not overlap.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    // SAFETY: the caller owns both areas; the direction flag is clear by the ABI.
    unsafe {
        asm!("rep movsb", inout("rcx") len => _, inout("rdi") to => _, inout("rsi") from => _,
            options(nostack, preserves_flags));
    }
    to
}

/// Copies `len` bytes; the areas may overlap.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    if (to as usize).wrapping_sub(from as usize) >= len {
        // SAFETY: a forward copy never overwrites what it has yet to read.
        return unsafe { memcpy(to, from, len) };
    }
    let last = len.wrapping_sub(1);
    // SAFETY: `len` is not 0 here, so both ends are inside; the direction flag is cleared again.
    unsafe {
        asm!("std", "rep movsb", "cld", inout("rcx") len => _,
            inout("rdi") to.wrapping_add(last) => _, inout("rsi") from.wrapping_add(last) => _,
            options(nostack));
    }
    to
}

/// Fills `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8 {
    // SAFETY: the caller owns the area.
    unsafe {
        asm!("rep stosb", inout("rcx") len => _, inout("rdi") to => _, in("al") byte as u8,
            options(nostack, preserves_flags));
    }
    to
}

/// Compares `len` bytes as unsigned numbers.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, len: usize) -> i32 {
    if len == 0 {
        return 0;
    }
    let (a, b): (u32, u32);
    // SAFETY: both areas are `len` bytes; after it the pointers are one past the last byte compared.
    unsafe {
        asm!("repe cmpsb", "movzx eax, byte ptr [rsi - 1]", "movzx edx, byte ptr [rdi - 1]",
            inout("rcx") len => _, inout("rsi") left => _, inout("rdi") right => _,
            out("eax") a, out("edx") b, options(nostack, readonly));
    }
    a as i32 - b as i32
}

/// Compares `len` bytes; 0 where they are equal.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, len: usize) -> i32 {
    // SAFETY: the same contract.
    unsafe { memcmp(left, right, len) }
}

/// Counts the bytes before the NUL.
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let left: usize;
    // SAFETY: the caller's text ends in NUL.
    unsafe {
        asm!("repne scasb", inout("rcx") usize::MAX => left, inout("rdi") text => _, in("al") 0u8,
            options(nostack, readonly));
    }
    // The counter started at -1 and has counted the NUL too.
    !left - 1
}
