//! A growth that is interrupted after each of its writes: killed, or by a power cut that loses what was
//! not yet synced.

use std::fs::File;
use std::io;
use std::sync::Mutex;

use super::judge::{Image, tool};
use super::*;
use crate::volume::Storage;

/// What was done to a storage.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Write(u64, Vec<u8>),
    Sync,
}

/// Bytes in memory, zero after the end, that remember what was done to them.
pub(super) struct Memory {
    bytes: Mutex<Vec<u8>>,
    steps: Mutex<Vec<Step>>,
}

impl Memory {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Memory { bytes: Mutex::new(bytes), steps: Mutex::default() }
    }
}

impl Storage for Memory {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let bytes = self.bytes.lock().expect("not poisoned");
        buffer.fill(0);
        let there = bytes.get(offset as usize..).unwrap_or_default();
        let len = there.len().min(buffer.len());
        buffer[..len].copy_from_slice(&there[..len]);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        put(&mut self.bytes.lock().expect("not poisoned"), offset, bytes);
        self.steps.lock().expect("not poisoned").push(Step::Write(offset, bytes.to_vec()));
        Ok(())
    }

    fn copy_from(&self, _: &File, _: u64, _: u64, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        self.steps.lock().expect("not poisoned").push(Step::Sync);
        Ok(())
    }
}

fn put(bytes: &mut Vec<u8>, offset: u64, new: &[u8]) {
    let end = offset as usize + new.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset as usize..end].copy_from_slice(new);
}

/// What is on the disk after so many steps. Of the writes since the last barrier, a power cut keeps
/// those whose bit is set in `kept`.
fn after(before: &[u8], steps: &[Step], kept: u64) -> Vec<u8> {
    let mut bytes = before.to_vec();
    let synced = steps.iter().rposition(|s| matches!(s, Step::Sync)).map_or(0, |last| last + 1);
    for (index, step) in steps.iter().enumerate() {
        let Step::Write(offset, new) = step else { continue };
        let survives = index < synced || kept >> ((index - synced) % 64) & 1 == 1;
        if survives {
            put(&mut bytes, *offset, new);
        }
    }
    bytes
}

/// Which of the last writes are kept: all (a kill), none, every second, and two mixtures.
const KEPT: [u64; 5] = [!0, 0, 0x5555_5555_5555_5555, 0xc3a5_96f0_1e87_d24b, 0x3c5a_690f_e178_2db4];

/// Interrupts the growth of an image everywhere, and lets `judge` see each state.
fn interrupt(image: &Image, len: u64, judge: impl Fn(Image, &str)) {
    let mut before = image.bytes();
    before.resize(len as usize, 0);
    let memory = Memory::new(before.clone());
    let volume = Volume::new(&memory, 0, len);
    plan(&volume).expect("it can").expect("it does").apply(&volume).expect("written");
    let steps = memory.steps.into_inner().expect("not poisoned");
    assert!(steps.len() > 10, "{}", steps.len());
    let mut last = Vec::new();
    for count in 0..=steps.len() {
        for kept in KEPT {
            let bytes = after(&before, &steps[..count], kept);
            if bytes != last {
                let state = Image::of(&bytes);
                judge(state, &format!("{count} of {} writes, {kept:x}", steps.len()));
                last = bytes;
            }
        }
    }
}

#[test]
fn an_interrupted_growth_is_the_old_or_the_new_filesystem_and_can_be_repeated() {
    let Some(_) = tool("e2fsck") else { return };
    let options = Options { size: ext4::Size::Fixed(9 * MIB), block_size: 1024, ..options() };
    let image = Image::ours(&tree(), &options);
    let files = image.files();
    let sizes = [9 * MIB, 40 * MIB];
    interrupt(&image, sizes[1], |state, what| {
        // What a mount or a check would do: replay the journal, and nothing else.
        let checked = Image::of(&state.bytes());
        checked.recovers(what);
        checked.is_clean(what);
        assert!(checked.files() == files, "{what}");
        assert!(sizes.contains(&checked.size()), "{what}: {}", checked.size());
        // And what the same command again does.
        let file = state.file();
        let volume = Volume::new(&file, 0, sizes[1]);
        finish(&volume).unwrap_or_else(|error| panic!("{what}: {error}"));
        drop(file);
        state.is_clean(what);
        state.grow(sizes[1]);
        state.is_clean(what);
        assert_eq!(state.size(), sizes[1], "{what}");
        assert!(state.files() == files, "{what}");
    });
}

#[test]
fn without_a_journal_an_interruption_costs_a_check_at_most() {
    let Some(_) = tool("e2fsck") else { return };
    let (size, journal) = (ext4::Size::Fixed(9 * MIB), Journal::Off);
    let image = Image::ours(&tree(), &Options { size, journal, block_size: 1024, ..options() });
    let files = image.files();
    interrupt(&image, 40 * MIB, |state, what| {
        state.is_repaired(what);
        state.is_clean(what);
        assert!(state.files() == files, "{what}");
    });
}
