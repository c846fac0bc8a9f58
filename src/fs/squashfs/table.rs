//! Tables that are found by number: entries in metadata blocks, then where each of the blocks is.

use super::codec::Encoder;
use super::metadata::Metadata;
use crate::error::Result;

/// Appends a table to what starts at `base` of the image; where its list of blocks is.
///
/// # Errors
/// Where the compressor fails.
pub(super) fn append(
    image: &mut Vec<u8>,
    base: u64,
    encoder: &mut Encoder,
    entries: &[u8],
) -> Result<u64> {
    let start = base + image.len() as u64;
    let mut metadata = Metadata::new(encoder);
    metadata.put(entries)?;
    let (packed, starts) = metadata.finish()?;
    image.extend(packed);
    let list = base + image.len() as u64;
    image.extend(starts.iter().flat_map(|at| (start + at).to_le_bytes()));
    Ok(list)
}
