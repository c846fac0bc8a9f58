//! A partition image: the root filesystem alone as qcow2, with the kernel and the initramfs that start it
//! beside it, as OpenStack Ironic takes them and diskimage-builder names them.
//!
//! The disk's own loader says what these are: the first entry of its menu of which all files are there. Where
//! none does, kernel and initramfs are taken from where distributions put them ([`super::installed`]). Left
//! out: unified kernel images, which are one file.

use crate::error::{Context, Error, Result, shown};
use crate::format::{Disk, Format};
use crate::image::root::{self, Target};
use crate::image::{BootEntry, Image, Located, Partition};
use crate::kernel::cmdline::Cmdline;
use crate::tree::TreePath;

use super::installed;

/// The largest kernel or initramfs that is taken.
const LEN_MAX: u64 = 1 << 30;

/// What a whole disk boots, in parts.
pub(super) struct Parts {
    /// The root filesystem as a disk of its own.
    pub(super) root: Disk,
    /// The kernel's image.
    pub(super) kernel: Vec<u8>,
    /// The initramfs: where the loader loads several, one behind the other.
    pub(super) initramfs: Vec<u8>,
}

/// A file on a disk: its partition's index, its path there, its length.
pub(super) type Place = (usize, TreePath, u64);

/// Kernel, initramfs and arguments, as a loader or a distribution has them.
pub(super) struct Start {
    pub(super) kernel: Place,
    pub(super) initramfs: Vec<Place>,
    pub(super) arguments: String,
}

/// Takes a disk apart.
///
/// # Errors
/// Where it cannot be read, or one of the parts is not found.
pub(super) fn parts(disk: &Disk) -> Result<Parts> {
    let doing = || format!("taking {} apart", shown(disk.path()));
    let find = || -> Result<Parts> {
        let image = match disk.format() {
            Format::Raw => Image::from_window(disk.path(), disk.file().clone())?,
            _ => Image::open(disk.path())?,
        };
        let start = match image.boot()?.entries.iter().find_map(from_menu) {
            Some(start) => start,
            None => installed::newest(&image)?.ok_or_else(no_start)?,
        };
        let partition = root_of(&image, &start.arguments)?;
        let window = partition.window.clone();
        let read = |place: &Place| read(&image, place);
        Ok(Parts {
            root: Disk::without_backing(disk.path(), window, Some(Format::Raw))?,
            kernel: read(&start.kernel)?,
            initramfs: joined(start.initramfs.iter().map(read).collect::<Result<_>>()?),
        })
    };
    find().context(doing)
}

/// An entry with a kernel and an initramfs that are there.
fn from_menu(entry: &BootEntry) -> Option<Start> {
    let found = |file: &Located| file.found.clone();
    let initramfs = entry.initramfs.iter().map(found).collect::<Option<Vec<_>>>()?;
    let is_whole = !initramfs.is_empty();
    let kernel = entry.kernel.as_ref().and_then(found)?;
    is_whole.then(|| Start { kernel, initramfs, arguments: entry.arguments.clone() })
}

fn no_start() -> Error {
    Error::new("no kernel with an initramfs is in its loader's menu or in /boot").hint(
        "a disk that boots by a unified kernel image, or is no system, is handed out whole: --format qcow2",
    )
}

/// The partition that `root=` names, else the one of that type, else the only one with a system.
fn root_of<'i>(image: &'i Image, arguments: &str) -> Result<&'i Partition> {
    let partitions = image.partitions();
    let named =
        arguments.parse::<Cmdline>().ok().and_then(|line| line.get("root").map(str::to_owned));
    if let Some(Target::Partition(index)) = named.map(|named| root::resolve(image, &named)) {
        return Ok(&partitions[index]);
    }
    if let Some(typed) = partitions.iter().find(|partition| partition.is_root()) {
        return Ok(typed);
    }
    let mut systems = Vec::new();
    for partition in partitions {
        if let Some(files) = partition.filesystem()?
            && files.entry(&files.resolve(&TreePath::new(b"etc/os-release")?)?)?.is_some()
        {
            systems.push(partition);
        }
    }
    match systems[..] {
        [only] => Ok(only),
        [] => Err(Error::new(
            "no partition is its root filesystem: root= names none that is here, no type says so, and none has /etc/os-release",
        )),
        _ => Err(Error::new(
            "several partitions have /etc/os-release, and neither root= nor a type says which is the root",
        )),
    }
}

fn read(image: &Image, (index, path, len): &Place) -> Result<Vec<u8>> {
    let reading = || format!("reading /{path}");
    if *len > LEN_MAX {
        return Err(Error::new("no kernel or initramfs is so large").context(reading()));
    }
    let files = image.partitions()[*index].filesystem()?;
    files
        .ok_or_else(|| Error::new("its filesystem is gone").context(reading()))?
        .read(path, LEN_MAX)
}

/// Archives behind each other, each at a multiple of four bytes, as the kernel looks for them.
fn joined(archives: Vec<Vec<u8>>) -> Vec<u8> {
    let mut all = Vec::new();
    for archive in archives {
        all.resize(all.len().next_multiple_of(4), 0);
        all.extend(archive);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Guid;
    use crate::fs::ext4;
    use crate::tree::{Node, Time, Tree};
    use crate::volume::{Volume, Window};
    use std::path::Path;

    const FIRST: usize = 2048;

    /// An MBR disk with one ext4, as people have who are not us.
    fn disk(files: &[(&str, &str)]) -> Disk {
        let mut tree = Tree::new(Time::EPOCH);
        for (path, text) in files {
            let node = Node::file(0o644, Time::EPOCH, text.as_bytes().to_vec().into());
            tree.insert(TreePath::new(path.as_bytes()).expect("good"), node).expect("free");
        }
        let options = ext4::Options::new(Guid::new(5), Guid::new(6), Time::EPOCH);
        let plan = ext4::plan(&tree, &options).expect("it fits");
        let file = tempfile::tempfile().expect("a file");
        let start = FIRST as u64 * 512;
        file.set_len(start + plan.size()).expect("room");
        plan.write(&Volume::new(&file, start, plan.size())).expect("written");
        let mut mbr = [0; 512];
        mbr[446 + 4] = 0x83;
        mbr[446 + 8..446 + 12].copy_from_slice(&(FIRST as u32).to_le_bytes());
        mbr[446 + 12..446 + 16].copy_from_slice(&((plan.size() / 512) as u32).to_le_bytes());
        mbr[510..].copy_from_slice(&[0x55, 0xaa]);
        std::os::unix::fs::FileExt::write_all_at(&file, &mbr, 0).expect("written");
        let window = Window::new(file, start + plan.size());
        Disk::without_backing(Path::new("other.img"), window, Some(Format::Raw)).expect("raw")
    }

    const OS: (&str, &str) = ("etc/os-release", "ID=other\n");

    #[test]
    fn the_newest_installed_kernel_is_taken_where_no_menu_says_which() {
        let parts = parts(&disk(&[
            OS,
            ("boot/vmlinuz-6.9.0-amd64", "old"),
            ("boot/initrd.img-6.9.0-amd64", "old"),
            ("boot/vmlinuz-6.10.0-amd64", "kernel"),
            ("boot/initrd.img-6.10.0-amd64", "initramfs"),
            ("boot/vmlinuz-6.11.0-amd64", "its initramfs is missing"),
        ]));
        let parts = parts.expect("found");
        assert_eq!((&parts.kernel[..], &parts.initramfs[..]), (&b"kernel"[..], &b"initramfs"[..]));
        let root = Image::from_window(Path::new("root"), parts.root.into_window()).expect("read");
        assert_eq!(root.partitions()[0].fstype(), Some("ext4"));
    }

    #[test]
    fn a_menu_says_which_and_several_archives_become_one() {
        let menu = "menuentry a {\n linux /boot/gone\n initrd /boot/one\n}\n\
                    menuentry b {\n linux /boot/kernel root=/dev/sda1\n initrd /boot/one /boot/two\n}\n";
        let parts = parts(&disk(&[
            ("boot/grub/grub.cfg", menu),
            ("boot/kernel", "kernel"),
            ("boot/one", "micro"),
            ("boot/two", "code"),
        ]));
        let parts = parts.expect("found");
        assert_eq!(parts.kernel, b"kernel");
        assert_eq!(parts.initramfs, b"micro\0\0\0code");
    }

    #[test]
    fn what_is_missing_is_said() {
        let error =
            |files: &[(&str, &str)]| parts(&disk(files)).err().expect("not whole").to_string();
        assert!(error(&[OS]).starts_with("taking other.img apart: no kernel with an initramfs"));
        let without_root =
            error(&[("boot/vmlinuz-6", "kernel"), ("boot/initramfs-6.img", "initramfs")]);
        assert!(without_root.contains("no partition is its root filesystem"), "{without_root}");
    }
}
