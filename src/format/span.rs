//! Where a range of a disk is: in the image's file, nowhere because it is zero, or in the backing file.

use super::FormatError;

/// A range of the disk that is all in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its bytes, at least one.
    pub len: u64,
    /// Where they are.
    pub place: Place,
}

/// Where a range of the disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At this offset of the file.
    Stored(u64),
    /// In a cluster that has to be unpacked.
    Packed(Packed),
    /// Nowhere: it is zero, whatever the backing file says.
    Zero,
    /// Nowhere: the backing file has it, and without one it is zero.
    Unallocated,
}

/// A compressed cluster, and where in it a span starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    /// Where its compressed bytes start in the file.
    pub offset: u64,
    /// How many there are at most; the stream itself says where it ends.
    pub len: u64,
    /// How it is compressed.
    pub codec: Codec,
    /// Bytes of the cluster.
    pub cluster: u64,
    /// Where in the cluster the span starts.
    pub skip: u64,
}

/// How clusters are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// DEFLATE without a header (RFC 1951), of qcow2.
    Deflate,
    /// DEFLATE in a zlib stream (RFC 1950), of VMDK.
    Zlib,
    /// Zstandard.
    Zstd,
}

impl Codec {
    /// Unpacks a cluster; `cluster` is filled, and what follows the stream in `packed` is ignored.
    ///
    /// # Errors
    /// Where the stream is damaged or too short; `offset` is where it is in the file.
    pub fn unpack(self, packed: &[u8], cluster: &mut [u8], offset: u64) -> Result<(), FormatError> {
        let is_whole = match self {
            Codec::Deflate | Codec::Zlib => inflate(packed, cluster, self == Codec::Zlib),
            Codec::Zstd => zstd_unpack(packed, cluster),
        };
        let what = "a compressed cluster does not unpack to its size";
        is_whole.then_some(()).ok_or(FormatError::Damaged { what, offset })
    }
}

fn inflate(packed: &[u8], cluster: &mut [u8], has_header: bool) -> bool {
    let mut stream = flate2::Decompress::new(has_header);
    let done = stream.decompress(packed, cluster, flate2::FlushDecompress::Finish);
    done.is_ok() && stream.total_out() == cluster.len() as u64
}

fn zstd_unpack(packed: &[u8], cluster: &mut [u8]) -> bool {
    use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};
    let Ok(mut decoder) = Decoder::new() else { return false };
    let (mut input, mut output) = (InBuffer::around(packed), OutBuffer::around(cluster));
    loop {
        let before = (input.pos(), output.pos());
        match decoder.run(&mut input, &mut output) {
            Err(_) => return false,
            Ok(_) if output.pos() == output.capacity() => return true,
            Ok(_) if before == (input.pos(), output.pos()) => return false,
            Ok(_) => {}
        }
    }
}

/// A range of the disk as the map of a chain shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Where it starts on the disk.
    pub offset: u64,
    /// Its bytes, at least one.
    pub len: u64,
    /// What it is.
    pub kind: ExtentKind,
}

/// What a range of the disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtentKind {
    /// It has bytes somewhere in the chain; they may be zero.
    Data,
    /// It is zero because an image of the chain says so.
    Zero,
    /// It is zero because no image of the chain has it.
    Hole,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_streams_are_told_with_their_offset() {
        for codec in [Codec::Deflate, Codec::Zlib, Codec::Zstd] {
            for packed in [&b""[..], b"\xff\xff\xff\xff\xff\xff", &[0; 40]] {
                let error = codec.unpack(packed, &mut [0; 512], 77).expect_err("no stream");
                assert!(matches!(error, FormatError::Damaged { offset: 77, .. }), "{error}");
            }
        }
    }

    #[test]
    fn what_follows_a_stream_is_ignored() {
        let mut packed = zstd::bulk::compress(&[7; 512], 3).expect("compressed");
        packed.extend([1; 99]);
        let mut cluster = [0; 512];
        Codec::Zstd.unpack(&packed, &mut cluster, 0).expect("whole");
        assert_eq!(cluster, [7; 512]);
    }
}
