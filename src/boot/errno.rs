//! The kernel's error numbers (`include/uapi/asm-generic/errno*.h`) that consoles print: their names
//! and what they mean when a machine boots.

/// Number, name, and what it says.
const ERRNOS: [(i32, &str, &str); 50] = [
    (1, "EPERM", "operation not permitted"),
    (2, "ENOENT", "no such file or directory"),
    (3, "ESRCH", "no such process"),
    (4, "EINTR", "interrupted"),
    (5, "EIO", "input/output error"),
    (6, "ENXIO", "no such device or address"),
    (7, "E2BIG", "argument list too long"),
    (8, "ENOEXEC", "not an executable format that this kernel knows"),
    (9, "EBADF", "bad file descriptor"),
    (11, "EAGAIN", "try again"),
    (12, "ENOMEM", "out of memory"),
    (13, "EACCES", "permission denied"),
    (14, "EFAULT", "bad address"),
    (15, "ENOTBLK", "not a block device"),
    (16, "EBUSY", "device or resource busy"),
    (17, "EEXIST", "file exists"),
    (18, "EXDEV", "cross-device link"),
    (19, "ENODEV", "no such device, or a filesystem that this kernel has no driver for"),
    (20, "ENOTDIR", "not a directory"),
    (21, "EISDIR", "is a directory"),
    (22, "EINVAL", "invalid argument, or no filesystem of this kind there"),
    (24, "EMFILE", "too many open files"),
    (25, "ENOTTY", "not a terminal"),
    (26, "ETXTBSY", "text file busy"),
    (27, "EFBIG", "file too large"),
    (28, "ENOSPC", "no space left on device"),
    (29, "ESPIPE", "illegal seek"),
    (30, "EROFS", "read-only filesystem"),
    (31, "EMLINK", "too many links"),
    (32, "EPIPE", "broken pipe"),
    (36, "ENAMETOOLONG", "file name too long"),
    (38, "ENOSYS", "function not implemented"),
    (39, "ENOTEMPTY", "directory not empty"),
    (40, "ELOOP", "too many symbolic links"),
    (61, "ENODATA", "no data available"),
    (74, "EBADMSG", "bad message (a checksum is wrong)"),
    (75, "EOVERFLOW", "value too large"),
    (79, "ELIBACC", "cannot reach a needed shared library"),
    (80, "ELIBBAD", "reaching a corrupted shared library"),
    (95, "EOPNOTSUPP", "operation not supported"),
    (110, "ETIMEDOUT", "timed out"),
    (111, "ECONNREFUSED", "connection refused"),
    (113, "EHOSTUNREACH", "no route to host"),
    (117, "EUCLEAN", "structure needs cleaning (the filesystem is corrupt)"),
    (122, "EDQUOT", "quota exceeded"),
    (123, "ENOMEDIUM", "no medium found"),
    (124, "EMEDIUMTYPE", "wrong medium type"),
    (126, "ENOKEY", "required key not available"),
    (129, "EKEYREJECTED", "key was rejected"),
    (517, "EPROBE_DEFER", "a driver asks to be probed later"),
];

/// The name of an error number, positive or negative as the kernel prints it.
pub fn name(errno: i32) -> Option<&'static str> {
    find(errno).map(|(_, name, _)| name)
}

/// What an error number means, in words.
pub fn meaning(errno: i32) -> Option<&'static str> {
    find(errno).map(|(_, _, meaning)| meaning)
}

/// The number of `2`, `-2` or `ENOENT`.
pub fn parse(text: &str) -> Option<i32> {
    let named = ERRNOS.into_iter().find(|(_, name, _)| *name == text).map(|(number, ..)| number);
    named.or_else(|| text.parse::<i32>().ok()?.checked_abs())
}

/// `ENOENT (no such file or directory)`, or `error 999`.
pub fn describe(errno: i32) -> String {
    match find(errno) {
        Some((_, name, meaning)) => format!("{name} ({meaning})"),
        None => format!("error {}", errno.unsigned_abs()),
    }
}

fn find(errno: i32) -> Option<(i32, &'static str, &'static str)> {
    ERRNOS.into_iter().find(|(number, ..)| *number == errno.saturating_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_names_and_signs_are_understood() {
        assert_eq!(describe(-8), "ENOEXEC (not an executable format that this kernel knows)");
        assert_eq!(parse("ENODEV"), Some(19));
        assert_eq!(parse("-2"), Some(2));
        assert_eq!(parse("x"), None);
        assert_eq!(describe(4000), "error 4000");
    }
}
