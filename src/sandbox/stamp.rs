//! What a base was like when an overlay was put on it: size and time, and a hash where one is wanted.
//!
//! Size and time cost nothing and catch every writer that does not hide; the hash also tells a file that
//! was copied, or touched without a change, from one that is another.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Context, Result, shown};
use crate::size::Size;

/// What a file was like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Bytes of the file.
    pub size: u64,
    /// When it was last written: seconds and nanoseconds since 1970.
    pub modified: (i64, i64),
    /// SHA-256 of its bytes, where it was wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl Stamp {
    /// What a file is like now.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of(path: &Path, with_hash: bool) -> Result<Stamp> {
        let reading = || format!("reading {}", shown(path));
        let metadata = path.metadata().context(reading)?;
        let sha256 = if with_hash { Some(hash(path).context(reading)?) } else { None };
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Ok(Stamp { size: metadata.len(), modified, sha256 })
    }

    /// How a file differs from what it was like; `None` where it does not.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn difference(&self, path: &Path) -> Result<Option<String>> {
        let now = Stamp::of(path, false)?;
        if now.size != self.size {
            return Ok(Some(format!("it had {} and has {}", Size(self.size), Size(now.size))));
        }
        if now.modified == self.modified {
            return Ok(None);
        }
        match &self.sha256 {
            None => Ok(Some("it was written to".into())),
            Some(before) => {
                let same = Stamp::of(path, true)?.sha256.as_ref() == Some(before);
                Ok((!same).then(|| "its content is another".into()))
            }
        }
    }
}

/// SHA-256 of a file, in hexadecimal.
fn hash(path: &Path) -> Result<String> {
    let (mut file, mut hash) = (File::open(path)?, Sha256::new());
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("base");
        std::fs::write(&path, "one").expect("written");
        let (plain, hashed) =
            (Stamp::of(&path, false).expect("there"), Stamp::of(&path, true).expect("there"));
        assert_eq!(plain.difference(&path).expect("there"), None);
        let later = std::time::UNIX_EPOCH + std::time::Duration::from_secs(9);
        let touch = || File::options().write(true).open(&path).and_then(|f| f.set_modified(later));
        touch().expect("touched");
        assert_eq!(plain.difference(&path).expect("there").as_deref(), Some("it was written to"));
        assert_eq!(hashed.difference(&path).expect("there"), None, "the same bytes");
        std::fs::write(&path, "two").and_then(|()| touch()).expect("written");
        let said = hashed.difference(&path).expect("there");
        assert_eq!(said.as_deref(), Some("its content is another"));
        std::fs::write(&path, "three").expect("written");
        let said = hashed.difference(&path).expect("there");
        assert_eq!(said.as_deref(), Some("it had 3 B and has 5 B"));
    }
}
