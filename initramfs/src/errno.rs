//! Names of error numbers, because `ENODEV` can be looked up and 19 cannot.
//!
//! The generic numbers (`include/uapi/asm-generic/errno{-base,}.h`), which x86, ARM and RISC-V
//! share; the other architectures have numbers of their own above 34.

/// Names by number, from 0 on; a dash stands for a number that is not in use. One text and not a
/// table, because a table of texts is larger than the texts.
const NAMES: &str = "\
    - EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT \
    ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG \
    ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY \
    ELOOP - ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE EBADR \
    EXFULL ENOANO EBADRQC EBADSLT - EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE \
    ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG \
    ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ \
    EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT \
    EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET \
    ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH \
    EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM \
    EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE \
    ERFKILL EHWPOISON";

/// No permission.
pub const EACCES: i32 = 13;
/// In use, or mounted already.
pub const EBUSY: i32 = 16;
/// No such device, or no such filesystem driver.
pub const ENODEV: i32 = 19;
/// Not what was expected: for a mount, no filesystem of this type.
pub const EINVAL: i32 = 22;
/// No such file.
pub const ENOENT: i32 = 2;
/// Not a program that this kernel can run.
pub const ENOEXEC: i32 = 8;
/// Not a block device.
pub const ENOTBLK: i32 = 15;
/// The device or filesystem is read-only.
pub const EROFS: i32 = 30;
/// Reading or writing the device failed.
pub const EIO: i32 = 5;

/// The name of a number, `E?` for one that has none.
pub fn name(number: i32) -> &'static str {
    let name = usize::try_from(number).ok().and_then(|idx| NAMES.split(' ').nth(idx));
    name.filter(|name| *name != "-").unwrap_or("E?")
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn names_stand_at_their_numbers() {
        for (number, expected) in [
            (ENOENT, "ENOENT"),
            (EIO, "EIO"),
            (ENOEXEC, "ENOEXEC"),
            (EACCES, "EACCES"),
            (ENOTBLK, "ENOTBLK"),
            (EBUSY, "EBUSY"),
            (ENODEV, "ENODEV"),
            (EINVAL, "EINVAL"),
            (EROFS, "EROFS"),
            (61, "ENODATA"),
            (95, "EOPNOTSUPP"),
            (117, "EUCLEAN"),
            (133, "EHWPOISON"),
            (0, "E?"),
            (41, "E?"),
            (-1, "E?"),
            (134, "E?"),
        ] {
            assert_eq!(name(number), expected, "{number}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_numbers_are_the_systems() {
        use rustix::io::Errno;
        let system = [
            (Errno::NAMETOOLONG, "ENAMETOOLONG"),
            (Errno::BADFD, "EBADFD"),
            (Errno::TIMEDOUT, "ETIMEDOUT"),
            (Errno::NOMEDIUM, "ENOMEDIUM"),
        ];
        for (errno, expected) in system {
            assert_eq!(name(errno.raw_os_error()), expected);
        }
    }
}
