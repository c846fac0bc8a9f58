//! A tree as a compressed initramfs.
//!
//! One gzip member for one archive: the kernel refuses an archive that goes on in a second member.
//! The header has no time, no name and no operating system, so that the bytes are a function of the
//! tree and the level alone. `SOURCE_DATE_EPOCH` is the business of whoever made the tree.

use std::io::{BufWriter, IntoInnerError};

use flate2::{Compression, GzBuilder};

use super::newc;
use crate::error::{Context, Error, Result};
use crate::tree::Tree;

/// The highest gzip level.
pub const LEVEL_MAX: u32 = 9;

/// "Unknown" in RFC 1952 §2.3.1: where an image was made is nobody's business.
const OS_UNKNOWN: u8 = 255;

/// A tree as one newc archive in one gzip member, at level 0 to [`LEVEL_MAX`].
///
/// # Errors
/// Where the level is higher, or [`newc::write`] cannot write the tree.
pub fn pack(tree: &Tree, level: u32) -> Result<Vec<u8>> {
    if level > LEVEL_MAX {
        return Err(Error::new(format!("gzip has the levels 0 to {LEVEL_MAX}, not {level}")));
    }
    let gzip = GzBuilder::new().mtime(0).operating_system(OS_UNKNOWN);
    let gzip = gzip.write(Vec::new(), Compression::new(level));
    // Headers are small; contents are larger than the buffer and pass by it.
    let mut sink = BufWriter::new(gzip);
    newc::write(tree, &mut sink).context(|| "packing the initramfs")?;
    Ok(sink.into_inner().map_err(IntoInnerError::into_error)?.finish()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::tree::{Content, Node, Time, TreePath};

    fn tree() -> Tree {
        let mut tree = Tree::new(Time::EPOCH);
        let content = Content::from(vec![b'x'; 100_000]);
        let path = TreePath::new(b"init").expect("good");
        tree.insert(path, Node::file(0o755, Time::EPOCH, content)).expect("free");
        tree
    }

    #[test]
    fn it_is_one_gzip_member_that_says_nothing_about_the_host() {
        let bytes = pack(&tree(), 9).expect("packed");
        assert_eq!(bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, OS_UNKNOWN]);
        let mut member = flate2::bufread::GzDecoder::new(&bytes[..]);
        let mut archive = Vec::new();
        member.read_to_end(&mut archive).expect("sound");
        assert_eq!(member.into_inner(), [0u8; 0], "nothing follows the first member");
        let mut plain = Vec::new();
        newc::write(&tree(), &mut plain).expect("it fits");
        assert_eq!(archive, plain);
    }

    #[test]
    fn the_level_is_honoured_and_bounded() {
        let len = |level| pack(&tree(), level).map(|bytes| bytes.len());
        assert!(len(0).expect("stored") > len(6).expect("deflated"));
        let error = len(10).expect_err("there is no level 10").to_string();
        assert_eq!(error, "gzip has the levels 0 to 9, not 10");
    }
}
