//! Segments that are written here and by outside tools.

use super::*;
use crate::compress::compress;
use crate::initramfs::{newc, pack};
use crate::tree::{Content, Node, Time, Tree, TreePath};
use proptest::prelude::*;

fn tree() -> Tree {
    let mut tree = Tree::new(Time::EPOCH);
    let content = Content::from((0..5000u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>());
    let path = TreePath::new(b"init").expect("good");
    tree.insert(path, Node::file(0o755, Time::EPOCH, content)).expect("free");
    tree
}

fn plain() -> Vec<u8> {
    let mut bytes = Vec::new();
    newc::write(&tree(), &mut bytes).expect("it fits");
    bytes
}

fn gzip() -> Vec<u8> {
    pack(&tree(), 6).expect("packed")
}

fn packed(format: Format) -> Vec<u8> {
    compress(format, 1, &plain()).expect("compressed")
}

fn text(bytes: Vec<u8>) -> String {
    let problem = split(&Window::from(bytes)).expect_err("it is damaged");
    Error::from(problem).to_string()
}

/// The segments, or what is wrong with them.
fn split(initramfs: &Window) -> Result<Vec<Segment>, SegmentError> {
    let walk = walk(initramfs, &mut |_, _, _| Ok(())).expect("nobody visits, so nobody fails");
    match walk.problem {
        None => Ok(walk.segments),
        Some(problem) => Err(problem),
    }
}

#[test]
fn segments_of_every_compression_and_the_zeros_between_them_are_told_apart() {
    let (mut bytes, mut expected) = ([plain(), vec![0; 276]].concat(), Vec::new());
    expected.push((0, plain().len(), Encoding::Newc));
    for (encoding, format) in FORMATS {
        let part = packed(format);
        expected.push((bytes.len(), part.len(), encoding));
        bytes.extend(part);
        bytes.resize(bytes.len().next_multiple_of(4) + 8, 0);
    }
    expected.push((bytes.len(), plain().len(), Encoding::Newc));
    bytes.extend(plain());
    let segments = split(&Window::from(bytes)).expect("sound");
    assert_eq!(segments.len(), expected.len());
    for (segment, (offset, len, encoding)) in segments.into_iter().zip(expected) {
        let (offset, len, unpacked) = (offset as u64, len as u64, plain().len() as u64);
        assert_eq!(segment, Segment { offset, len, encoding, unpacked, entries: 2 });
    }
    assert!(split(&Window::from(vec![0; 512])).expect("only padding").is_empty());
}

#[test]
fn a_compressed_segment_may_hold_several_archives() {
    let two = [plain(), vec![0; 512], plain(), vec![0; 7]].concat();
    for (_, format) in FORMATS {
        let bytes = compress(format, 1, &two).expect("compressed");
        let segments = split(&Window::from(bytes)).expect("sound");
        assert_eq!(segments.len(), 1);
        assert_eq!((segments[0].entries, segments[0].unpacked), (4, two.len() as u64), "{format}");
    }
}

#[test]
fn contents_are_read_and_may_be_left_out() {
    for bytes in [plain(), gzip()] {
        let mut seen = Vec::new();
        let walk = walk(&Window::from(bytes), &mut |place, entry, data| {
            if entry.name == b"init" {
                let head = data.head(6)?;
                seen.push((place.segment, head, data.data(entry)?.len()));
            }
            Ok(())
        });
        assert!(walk.expect("sound").problem.is_none());
        assert_eq!(seen, [(0, vec![0, 0, 0, 0, 1, 0], 20_000 - 6)]);
    }
}

#[test]
fn what_the_kernel_does_not_find_is_an_error() {
    assert_eq!(
        text([vec![0; 2], plain()].concat()),
        "the archive at offset 2 does not start at a multiple of 4"
    );
    assert_eq!(
        text([plain(), b"junk".to_vec()].concat()),
        format!("at offset {} is neither a newc archive nor a known compression", plain().len())
    );
    assert_eq!(
        text(plain()[..160].to_vec()),
        "the uncompressed archive at offset 0: the archive ends at offset 160, in the middle of a header"
    );
    let junk = compress(Format::Zstd, 1, b"no archive").expect("compressed");
    assert_eq!(
        text(junk),
        "the zstd archive at offset 0: the archive ends at offset 10, in the middle of a header"
    );
    for (encoding, format) in FORMATS {
        let bytes = packed(format);
        let cut = text(bytes[..bytes.len() / 2].to_vec());
        assert!(cut.starts_with(&format!("the {encoding} ")), "{cut}");
    }
}

#[test]
fn what_was_read_of_a_damaged_segment_is_kept() {
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() - 200].to_vec();
    for (bytes, reads) in
        [(cut(plain()), false), (cut(plain()), true), (cut(gzip()), false), (cut(gzip()), true)]
    {
        let mut names = Vec::new();
        let walk = walk(&Window::from(bytes), &mut |_, entry, data| {
            names.push(entry.name.clone());
            if reads {
                data.data(entry)?;
            }
            Ok(())
        })
        .expect("nobody fails: damage that a visitor meets is damage");
        assert_eq!(names, [b".".to_vec(), b"init".to_vec()]);
        assert_eq!(walk.segments[0].entries, 2);
        assert!(walk.problem.is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn damaged_bytes_never_panic(
        (_, format) in prop::sample::select(&FORMATS[..]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        tail in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut bytes = [plain()[..124].to_vec(), plain(), packed(format), tail].concat();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let bytes = bytes.split_off(124);
        let len = bytes.len() as u64;
        if let Ok(segments) = split(&Window::from(bytes)) {
            let end = |s: &Segment| s.offset + s.len;
            prop_assert!(segments.windows(2).all(|w| end(&w[0]) <= w[1].offset));
            prop_assert!(segments.last().is_none_or(|s| end(s) <= len));
        }
    }
}

#[test]
fn the_kernel_takes_for_an_archive_all_that_is_one() {
    let starts: [&[u8]; 10] = [
        b"070701",
        b"070702",
        &[0x1f, 0x8b, 8],
        &[0xfd, b'7', b'z', b'X', b'Z', 0],
        &[0x28, 0xb5, 0x2f, 0xfd],
        b"BZh9",
        &[2, 0x21, 0x4c, 0x18],
        b"\x89LZO\0\r\n\x1a\n",
        &[0x5d, 0, 0, 0x80, 0, 255, 255, 255, 255, 255, 255, 255, 255],
        &[4, 0x22, 0x4d, 0x18],
    ];
    for start in starts {
        assert_eq!(sniff(start), sniff_as_kernel(start), "{start:?}");
    }
    // These it finds out about later.
    assert_eq!(sniff_as_kernel(b"070707"), Some(Encoding::Newc));
    assert_eq!(sniff_as_kernel(&[0x1f, 0x9e, 8]), Some(Encoding::Gzip));
}
