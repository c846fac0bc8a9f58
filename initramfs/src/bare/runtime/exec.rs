//! Starting another program: `execve`, `fork` and `exit` as safe functions.
//!
//! rustix keeps these three out of its stable interface, because a libc must know of them; here is
//! no libc.
#![allow(unsafe_code, reason = "system calls that take pointer vectors or copy the process")]

use core::arch::asm;
use core::ffi::CStr;
use core::ptr;

use rustix::io::Errno;
use rustix::process::Pid;

const SYS_FORK: usize = 57;
const SYS_EXECVE: usize = 59;
const SYS_EXIT_GROUP: usize = 231;

/// The longest vector that is passed on; the kernel gives its init 32 words and 32 variables.
const VECTOR_MAX: usize = 128;

/// Where programs are looked for; the kernel gives no PATH.
const PATH: &CStr = c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The arguments and the environment that the kernel gave to `/init`: HOME, TERM, and what it did
/// not understand on its command line.
pub(in crate::bare) struct Given {
    argv: *const *const u8,
    envp: *const *const u8,
}

/// Which arguments a program gets.
pub(in crate::bare) enum Words<'a> {
    /// Its path, and those that the kernel gave to `/init`.
    Inherited(&'a Given),
    /// These.
    These(&'a [&'a CStr]),
}

/// Which environment a program gets.
pub(in crate::bare) enum Environment<'a> {
    /// That which the kernel gave to `/init`, with a PATH.
    Given(&'a Given),
    /// Just this.
    These(&'a [&'a CStr]),
}

/// A NULL-terminated vector of C strings.
struct Vector {
    pointers: [*const u8; VECTOR_MAX],
    len: usize,
}

impl Given {
    /// # Safety
    /// `stack` points to `argc` as the kernel left it, and the vectors stay unchanged.
    pub(super) unsafe fn from_stack(stack: *mut usize) -> Self {
        // SAFETY: the layout of the initial stack; argv ends with a NULL before envp.
        unsafe {
            let argv = stack.add(1).cast::<*const u8>();
            Given { argv, envp: argv.add(*stack + 1) }
        }
    }
}

impl Vector {
    fn of(words: &[&CStr]) -> Self {
        let mut vector = Vector { pointers: [ptr::null(); VECTOR_MAX], len: 0 };
        words.iter().for_each(|word| vector.push(word.as_ptr().cast()));
        vector
    }

    /// Whether one of the strings starts so.
    fn has(&self, start: &[u8]) -> bool {
        // SAFETY: every pointer that was pushed is that of a C string.
        let string = |pointer: &*const u8| unsafe { CStr::from_ptr(pointer.cast()) };
        self.pointers[..self.len].iter().any(|p| string(p).to_bytes().starts_with(start))
    }

    /// Appends, keeping room for the NULL at the end.
    fn push(&mut self, pointer: *const u8) {
        if self.len + 1 < VECTOR_MAX {
            self.pointers[self.len] = pointer;
            self.len += 1;
        }
    }

    /// # Safety
    /// `from` is a NULL-terminated vector of C strings that live as long as the process.
    unsafe fn extend(&mut self, mut from: *const *const u8) {
        // SAFETY: it stops at the NULL.
        unsafe {
            while !(*from).is_null() {
                self.push(*from);
                from = from.add(1);
            }
        }
    }
}

/// Becomes another program; returns only where that fails.
pub(in crate::bare) fn execute(
    program: &CStr,
    words: Words<'_>,
    environment: Environment<'_>,
) -> Errno {
    let argv = match words {
        Words::These(words) => Vector::of(words),
        Words::Inherited(given) => {
            let mut argv = Vector::of(&[program]);
            // SAFETY: the kernel's vector, which has a first word (Linux refuses to execute without).
            unsafe { argv.extend(given.argv.add(1)) };
            argv
        }
    };
    let envp = match environment {
        Environment::These(variables) => Vector::of(variables),
        Environment::Given(given) => {
            let mut envp = Vector::of(&[]);
            // SAFETY: the kernel's vector.
            unsafe { envp.extend(given.envp) };
            if !envp.has(b"PATH=") {
                envp.push(PATH.as_ptr().cast());
            }
            envp
        }
    };
    let (argv, envp) = (argv.pointers.as_ptr(), envp.pointers.as_ptr());
    // SAFETY: a C string and two NULL-terminated vectors of such, alive until the call returns.
    let result =
        unsafe { syscall(SYS_EXECVE, program.as_ptr() as usize, argv as usize, envp as usize) };
    Errno::from_raw_os_error(-(result as i32))
}

/// Splits the process in two: `None` in the child.
pub(in crate::bare) fn fork() -> Result<Option<Pid>, Errno> {
    // SAFETY: one thread, no locks, and the child only makes system calls until it executes.
    match unsafe { syscall(SYS_FORK, 0, 0, 0) } as i32 {
        error @ ..0 => Err(Errno::from_raw_os_error(-error)),
        pid => Ok(Pid::from_raw(pid)),
    }
}

/// Ends the process.
pub(in crate::bare) fn exit(status: u8) -> ! {
    loop {
        // SAFETY: it takes no pointers, and does not return.
        unsafe { syscall(SYS_EXIT_GROUP, status.into(), 0, 0) };
    }
}

/// A system call with up to three arguments; a negative result is an error number.
///
/// # Safety
/// What the call does with its arguments must be sound.
unsafe fn syscall(number: usize, a: usize, b: usize, c: usize) -> isize {
    let result;
    // SAFETY: the kernel changes rax, rcx and r11; memory as the caller has promised.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result, in("rdi") a, in("rsi") b,
            in("rdx") c, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}
