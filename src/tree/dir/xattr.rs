//! Extended attributes of host files: which belong to the file, and which to the host.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{XattrFlags, lgetxattr, llistxattr, lsetxattr};
use rustix::io::Errno;

use crate::error::{Context, Result, shown, shown_bytes};

/// The most that Linux gives for a list or a value (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
const SIZE_MAX: usize = 64 << 10;

/// Whole names, or starts that end with a dot, that are part of a file. The rest speaks of the host:
/// labels of its security policy, signatures over its inode numbers, its filesystem's settings.
const PORTABLE: &[&[u8]] = &[
    b"user.",
    b"trusted.",
    b"security.capability",
    b"security.ima",
    b"system.posix_acl_access",
    b"system.posix_acl_default",
];

fn is_portable(name: &[u8]) -> bool {
    PORTABLE.iter().any(|p| *p == name || (p.ends_with(b".") && name.starts_with(p)))
}

/// The portable attributes of a file, a link itself.
pub(super) fn read(path: &Path) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let names = match grown(|buffer| llistxattr(path, buffer)) {
        Ok(names) => names,
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(BTreeMap::new()),
        Err(e) => {
            return Err(e).context(|| format!("reading the attributes of {}", shown(path)));
        }
    };
    let mut attributes = BTreeMap::new();
    for name in names.split(|&b| b == 0).filter(|n| is_portable(n)) {
        let value = grown(|buffer| lgetxattr(path, name, buffer)).context(|| {
            format!("reading the attribute {} of {}", shown_bytes(name), shown(path))
        })?;
        attributes.insert(name.to_vec(), value);
    }
    Ok(attributes)
}

/// What a call puts into a small buffer, or into the largest where that does not do.
fn grown(call: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut small = [0; 512];
    match call(&mut small) {
        Ok(n) => Ok(small[..n].to_vec()),
        Err(Errno::RANGE) => {
            let mut large = vec![0; SIZE_MAX];
            let n = call(&mut large)?;
            large.truncate(n);
            Ok(large)
        }
        Err(e) => Err(e),
    }
}

/// Sets an attribute of a file, a link itself; false where the filesystem or the user may not.
pub(super) fn write(path: &Path, name: &[u8], value: &[u8]) -> Result<bool> {
    let setting = || format!("setting the attribute {} of {}", shown_bytes(name), shown(path));
    let Ok(c_name) = CString::new(name) else { return Ok(false) };
    match lsetxattr(path.as_os_str().as_bytes(), &c_name, value, XattrFlags::empty()) {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::PERM | Errno::ACCESS | Errno::INVAL) => Ok(false),
        Err(e) => Err(e).context(setting),
    }
}
