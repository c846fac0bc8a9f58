//! The members of an archive: each a head, which says what follows, and perhaps a content, both padded.

use std::borrow::Cow;
use std::io::{self, Write};

use super::Content;
use super::copy::{self, Part};
use crate::error::{Context, Result};
use crate::volume::Volume;

/// Padding at most: tar's blocks.
const ZEROS: [u8; 512] = [0; 512];

/// A member of an archive.
#[derive(Debug)]
pub(crate) struct Member<'t> {
    /// Its header, its name and whatever else is in front of its content.
    pub(crate) head: Vec<u8>,
    /// Its content.
    pub(crate) content: Option<&'t Content>,
}

impl<'t> Member<'t> {
    /// Its parts from an offset on, which becomes where it ends; each starts at a multiple of `align`.
    fn parts(self, align: u64, at: &mut u64) -> impl Iterator<Item = Part<'t>> + use<'t> {
        let head = Cow::Owned(Content::from(self.head));
        let mut part = |content: Cow<'t, Content>| {
            let (start, len) = (*at, content.len());
            *at = (start + len).next_multiple_of(align);
            Part { content, from: 0, len, at: start }
        };
        let head = part(head);
        std::iter::once(head).chain(self.content.map(Cow::Borrowed).map(part))
    }

    fn write(self, align: u64, sink: &mut impl Write) -> Result<()> {
        let mut at = 0;
        for part in self.parts(align, &mut at) {
            match &*part.content {
                Content::Bytes(bytes) => sink.write_all(bytes)?,
                content => drop(io::copy(&mut content.open()?, sink)?),
            }
            sink.write_all(&ZEROS[..(part.len.next_multiple_of(align) - part.len) as usize])?;
        }
        Ok(())
    }
}

/// Writes members one after the other.
///
/// # Errors
/// Those of the members; where a content cannot be read or the sink cannot be written.
pub(crate) fn write<'t>(
    members: impl Iterator<Item = Result<Member<'t>>>,
    align: u64,
    sink: &mut impl Write,
) -> Result<()> {
    members.into_iter().try_for_each(|member| member?.write(align, sink))?;
    sink.flush().context(|| "writing the archive")
}

/// As [`write`], to the start of a volume, all bytes of which are zero, by all processors; `progress` hears
/// of the bytes.
///
/// # Errors
/// As [`write`].
pub(crate) fn copy<'t>(
    members: impl Iterator<Item = Result<Member<'t>>> + Send,
    align: u64,
    volume: &Volume<'_>,
    progress: &dyn Fn(u64),
) -> Result<()> {
    let mut at = 0;
    let parts = members.flat_map(move |member| {
        let (parts, error) = match member {
            Ok(member) => (Some(member.parts(align, &mut at)), None),
            Err(error) => (None, Some(Err(error))),
        };
        parts.into_iter().flatten().map(Ok).chain(error)
    });
    copy::copy(volume, align, parts, progress)
}
