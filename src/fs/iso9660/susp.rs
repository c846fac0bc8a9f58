//! System use entries (SUSP 1.12, IEEE P1281): signature, length, version and payload each, in the rest
//! of a directory record and in continuation areas.

use super::BLOCK_SIZE;
use super::number::both32;
use super::read::field32;

/// Bytes of an entry in front of its payload.
pub(super) const HEAD: usize = 4;
/// Bytes of an entry that says where it goes on (`CE`, 5.1).
const CE_LEN: usize = 28;
/// The longest payload: the length has a byte, and counts the head.
pub(super) const PAYLOAD_MAX: usize = 250;

/// An entry of version 1.
pub(super) fn entry(signature: &[u8; 2], payload: &[u8]) -> Vec<u8> {
    let len = (HEAD + payload.len()) as u8;
    [&signature[..], &[len, 1], payload].concat()
}

/// Where entries go on that do not fit into their records. An area is in one block, as Linux wants it.
pub(super) struct Continuations {
    /// The block of the first area.
    first: u32,
    bytes: Vec<u8>,
}

impl Continuations {
    /// Areas from a block on.
    pub(super) fn new(first: u32) -> Self {
        Continuations { first, bytes: Vec::new() }
    }

    /// The blocks that they take.
    pub(super) fn blocks(&self) -> u32 {
        self.bytes.len().div_ceil(BLOCK_SIZE as usize) as u32
    }

    /// The areas.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What of the entries comes into a record with so many bytes of room; the others are put here.
    pub(super) fn fit(&mut self, entries: Vec<Vec<u8>>, room: usize) -> Vec<u8> {
        if len_of(&entries) <= room {
            return entries.concat();
        }
        let (inside, outside) = split(&entries, room - CE_LEN);
        let elsewhere = self.put(outside);
        [inside.concat(), elsewhere].concat()
    }

    /// Stores entries in as many areas as they need; the `CE` entry that leads to the first.
    fn put(&mut self, entries: &[Vec<u8>]) -> Vec<u8> {
        let block = BLOCK_SIZE as usize;
        let (total, left) = (len_of(entries), block - self.bytes.len() % block);
        if total > left {
            self.bytes.resize(self.bytes.len().next_multiple_of(block), 0);
        }
        let start = self.bytes.len();
        if total <= block {
            self.bytes.extend(entries.concat());
            return self.leading_to(start, total);
        }
        let (here, further) = split(entries, block - CE_LEN);
        let len = len_of(here) + CE_LEN;
        self.bytes.resize(start + len, 0);
        let next = self.put(further);
        let area = [here.concat(), next].concat();
        self.bytes[start..start + len].copy_from_slice(&area);
        self.leading_to(start, len)
    }

    fn leading_to(&self, start: usize, len: usize) -> Vec<u8> {
        let block = self.first + (start / BLOCK_SIZE as usize) as u32;
        let offset = (start % BLOCK_SIZE as usize) as u32;
        entry(b"CE", &[both32(block), both32(offset), both32(len as u32)].concat())
    }
}

fn len_of(entries: &[Vec<u8>]) -> usize {
    entries.iter().map(Vec::len).sum()
}

/// As many entries as fit, and the others.
fn split(entries: &[Vec<u8>], room: usize) -> (&[Vec<u8>], &[Vec<u8>]) {
    let mut taken = 0;
    let fits = |entry: &&Vec<u8>| {
        taken += entry.len();
        taken <= room
    };
    entries.split_at(entries.iter().take_while(fits).count())
}

/// An entry that was read: its signature and its payload.
pub(super) type Entry<'a> = ([u8; 2], &'a [u8]);

/// Where a list of entries goes on: block, offset and length.
pub(super) type Area = (u32, u32, u32);

/// The entries of an area, up to the first that is cut off, and where they go on.
pub(super) fn entries(mut area: &[u8]) -> (Vec<Entry<'_>>, Option<Area>) {
    let (mut entries, mut next) = (Vec::new(), None);
    while let Some((head, _)) = area.split_first_chunk::<HEAD>() {
        let len = usize::from(head[2]);
        let Some(payload) = area.get(HEAD..len) else { break };
        match &[head[0], head[1]] {
            b"ST" => break,
            b"CE" => {
                let field = |at| field32(payload, at);
                next = field(0).zip(field(8)).zip(field(16)).map(|((b, o), l)| (b, o, l));
            }
            signature => entries.push((*signature, payload)),
        }
        area = &area[len..];
    }
    (entries, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_and_the_rest_is_found_again_in_whole_blocks() {
        let all: Vec<_> = (0..30u8).map(|n| entry(b"XY", &[n; 200])).collect();
        let mut continuations = Continuations::new(100);
        assert_eq!(continuations.fit(all[..1].to_vec(), 204), all[0]);
        continuations.fit(all[..3].to_vec(), 150);
        let record = continuations.fit(all.clone(), 232);
        let bytes = continuations.into_bytes();
        let (mut found, mut next) = entries(&record);
        let mut hops = 0;
        while let Some((block, offset, len)) = next {
            assert!(offset + len <= 2048);
            let start = (block as usize - 100) * 2048 + offset as usize;
            let (more, further) = entries(&bytes[start..start + len as usize]);
            found.extend(more);
            next = further;
            hops += 1;
        }
        assert_eq!((found.len(), hops), (30, 4));
        assert!(found.iter().zip(0..).all(|((_, payload), n)| payload == &[n; 200]));
    }
}
