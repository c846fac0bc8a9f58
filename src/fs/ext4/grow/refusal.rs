//! Why a filesystem is not grown: each reason is found before a byte is written.

use std::io;

use crate::error::Error;
use crate::size::Size;

/// What is in the way, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum GrowRefusal {
    /// No superblock of ext2, ext3 or ext4.
    #[error("there is no ext4 filesystem")]
    NoExt4,
    /// The journal has to be replayed first.
    #[error("the filesystem was not unmounted: its journal has to be replayed first")]
    Journal,
    /// Mounted, or stopped while it was.
    #[error("the filesystem was not unmounted cleanly")]
    NotUnmounted,
    /// The kernel or e2fsck found errors.
    #[error("the filesystem is marked as having errors")]
    Errors,
    /// Deleted files still wait to be cleared.
    #[error("the filesystem has files that wait to be deleted")]
    Orphans,
    /// Its structures do not fit together.
    #[error("the filesystem is damaged: {0}")]
    Damaged(String),
    /// Features that change what growing has to do.
    #[error("the filesystem has features that are not grown here: {0}")]
    Features(String),
    /// Larger than what it is to fill.
    #[error("the filesystem has {has} bytes, more than the {volume} that it is in or is to become")]
    Shrink {
        /// Its bytes.
        has: u64,
        /// Those of the volume.
        volume: u64,
    },
    /// No room for group descriptors.
    #[error(
        "the filesystem can become {most} at most: that is the room kept for its group descriptors"
    )]
    NoRoom {
        /// How large it can become.
        most: Size,
    },
    /// A number does not fit its field.
    #[error("the filesystem would have more {0} than it can count")]
    TooLarge(&'static str),
    /// It cannot be read.
    #[error("reading the filesystem")]
    Io(#[from] io::Error),
}

impl GrowRefusal {
    /// What to do about it; `None` where nothing helps but another disk.
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            GrowRefusal::Journal | GrowRefusal::NotUnmounted | GrowRefusal::Orphans => {
                "boot the image once and shut it down, or run `e2fsck -f` on the partition"
            }
            GrowRefusal::Errors | GrowRefusal::Damaged(_) => {
                "run `e2fsck -f` on the partition, then grow again"
            }
            GrowRefusal::Features(_) => {
                "grow the partition alone (--partition-only), and run resize2fs in the guest"
            }
            GrowRefusal::Shrink { .. } => {
                "a filesystem is never made smaller in place; where its partition is too short, make \
                 that longer first"
            }
            GrowRefusal::NoRoom { .. } => {
                "grow to that size, or grow the partition alone (--partition-only) and run resize2fs \
                 in the guest, which can move what is in the way"
            }
            GrowRefusal::NoExt4 | GrowRefusal::TooLarge(_) | GrowRefusal::Io(_) => return None,
        })
    }

    /// The refusal as an error with its remedy as the hint.
    pub fn into_error(self) -> Error {
        let remedy = self.remedy();
        let error = Error::from(self);
        match remedy {
            Some(remedy) => error.hint(remedy),
            None => error,
        }
    }
}
