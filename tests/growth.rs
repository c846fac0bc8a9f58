//! Growing an image as the verb does, with so many writes and no more; and what is to be true of an image
//! afterwards, however far that came.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use bootwright::command::{Command, find_in_path};
use bootwright::disk::gpt;
use bootwright::disk::grow::{Options, Wish, finish, plan};
use bootwright::error::Result;
use bootwright::format::Writable;
use bootwright::size::Size;
use bootwright::volume::{Storage, Volume};

use crate::workbench::{judge, run, scratch, text};

/// What [`is_whole`] and [`is_grown`] ask.
pub(crate) const JUDGES: [&str; 4] = ["sgdisk", "fsck.fat", "e2fsck", "debugfs"];

/// An image that takes so many more writes.
struct Stopping {
    image: Writable,
    left: AtomicUsize,
}

impl Stopping {
    fn count(&self) -> io::Result<()> {
        let one_less = |left: usize| left.checked_sub(1);
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
            Ok(_) => Ok(()),
            Err(_) => Err(io::ErrorKind::StorageFull.into()),
        }
    }
}

impl Storage for Stopping {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.image.storage().read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.count()?;
        self.image.storage().write_all_at(bytes, offset)
    }

    fn copy_from(&self, _: &File, _: u64, _: u64, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn zero(&self, offset: u64, len: u64) -> io::Result<()> {
        self.count()?;
        self.image.storage().zero(offset, len)
    }
}

/// Grows to so many bytes as the verb does, with so many writes; whether they were enough.
pub(crate) fn grow(path: &Path, to: u64, writes: usize) -> Result<bool> {
    let image = Stopping { image: Writable::open(path)?, left: AtomicUsize::new(writes) };
    let disk = Volume::new(&image, 0, image.image.size()?);
    finish(&disk)?;
    let options = Options { wish: Wish::To(Size(to)), partition_only: false };
    let plan = plan(&disk, options)?;
    let grown = Volume::new(&image, 0, plan.sizes().1);
    let lengthen =
        |size| image.count().map_err(Into::into).and_then(|()| image.image.lengthen(size));
    Ok(plan.run(&grown, lengthen).is_ok())
}

/// The content of a partition as a file of its own; holes stay holes.
fn partition(image: &Path, number: u32, to: &Path) {
    let file = File::open(image).expect("the image is there");
    let disk = Volume::new(&file, 0, file.metadata().expect("it has a size").len());
    let table = gpt::read(&disk).expect("it has a GPT");
    let entry = table.entries.iter().find(|e| e.number == number).expect("the partition is there");
    let (start, len) = entry.range(table.sector);
    let (part, to) = (disk.part(start, len), File::create(to).expect("a new file"));
    to.set_len(len).expect("room");
    let mut data = part.next_data(0).expect("readable");
    while !data.is_empty() {
        let mut bytes = vec![0; (data.end - data.start) as usize];
        part.read_exact_at(&mut bytes, data.start).expect("readable");
        Storage::write_all_at(&to, &bytes, data.start).expect("written");
        data = part.next_data(data.end).expect("readable");
    }
}

/// What a user would find: a table that is read, and a filesystem that a mount or a check makes whole.
pub(crate) fn is_whole(image: &Path, what: &str) {
    let scratch = scratch();
    let (esp, root) = (scratch.path().join("esp"), scratch.path().join("root"));
    partition(image, 1, &esp);
    partition(image, 2, &root);
    judge("fsck.fat", &["-n", text(&esp)]);
    // Whoever mounts it replays the journal first, too.
    let program = find_in_path("e2fsck").expect("is_ready has looked");
    let replayed = Command::new(&program).args(["-fy", text(&root)]);
    let said = String::from_utf8_lossy(&run(&replayed).stdout).into_owned();
    assert!(!said.contains("? yes"), "{what}: {said}");
    judge("e2fsck", &["-fn", text(&root)]);
    let hello = judge("debugfs", &["-R", "stat /bin/busybox", text(&root)]);
    assert!(hello.contains("Type: regular"), "{what}: {hello}");
}

pub(crate) fn is_grown(image: &Path) {
    let said = judge("sgdisk", &["-v", text(image)]);
    assert!(said.contains("No problems found"), "{said}");
    is_whole(image, "grown");
}
