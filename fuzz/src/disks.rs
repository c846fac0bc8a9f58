//! Disks: partition tables, filesystems, image formats. Inputs are sparse (see [`super::sparse`]).

use std::io::Read;

use bootwright::arch::{SD_GPT_ESP, X86_64};
use bootwright::bytes::Guid;
use bootwright::disk::gpt;
use bootwright::disk::layout::{Layout, Options, PartitionSize, PartitionSpec};
use bootwright::disk::mbr;
use bootwright::disk::partition::Attributes;
use bootwright::format::convert::{Target, convert};
use bootwright::format::{Disk, FormatInfo};
use bootwright::fs::superblock::Superblock;
use bootwright::fs::{
    FileSystem, erofs as ero, ext4 as ext, fat as dos, iso9660 as iso, squashfs as squash,
};
use bootwright::size::MIB;
use bootwright::tree::{Content, Entry, Kind, Node, Time, Tree, TreePath};
use bootwright::volume::{Volume, Window};

use super::sparse;

/// The most entries that are looked at by their path, which looks every parent up anew, and how deep.
const PATHS_MAX: usize = 8;
const DEPTH_MAX: usize = 4;
/// The most files of a tree that are read, and the most bytes of one.
const FILES_MAX: usize = 64;
const FILE_MAX: u64 = 64 << 10;

/// Looks some paths up.
fn look_up(system: &FileSystem) {
    let mut left = vec![TreePath::root()];
    let mut seen = 0;
    while let Some(path) = left.pop() {
        for entry in system.list(&path).unwrap_or_default() {
            seen += 1;
            let Ok(below) = path.join(&entry.name) else { continue };
            if seen > PATHS_MAX {
                return;
            }
            let _ = (system.resolve(&below), system.read(&below, FILE_MAX));
            if entry.is_directory() && below.components().count() <= DEPTH_MAX {
                left.push(below);
            }
        }
    }
}

/// Reads files of all there is.
fn read_tree(tree: &Tree) {
    let content = |entry: Entry<'_>| match &entry.node.kind {
        Kind::File(content) => Some(content.clone()),
        _ => None,
    };
    for content in tree.iter().filter_map(content).take(FILES_MAX) {
        let _ = content.data_ranges();
        let _ = content
            .open()
            .map(|file| std::io::copy(&mut file.take(FILE_MAX), &mut std::io::sink()).is_ok());
    }
}

/// What a volume says about itself, and all that is on it.
fn volume(window: &Window) {
    let _ = Superblock::probe(window);
    if let Ok(Some(system)) = FileSystem::open(window) {
        look_up(&system);
        let _ = system.tree().map(|source| read_tree(&source.tree));
    }
}

/// A tree that FAT can hold too.
pub(super) fn tree() -> Tree {
    let mut tree = Tree::new(Time::EPOCH);
    let mut put = |name: &str, text: &str| {
        let node = Node::file(0o755, Time::EPOCH, Content::from(text.as_bytes().to_vec()));
        tree.insert(TreePath::new(name.as_bytes()).expect("a path"), node).expect("free");
    };
    put("EFI/BOOT/grub.cfg", "menuentry 'a' {\n linux /EFI/BOOT/vmlinuz root=/dev/vda2\n}\n");
    put("EFI/BOOT/vmlinuz", "MZ");
    put("loader/entries/a long name of an entry.conf", "title a\nlinux /vmlinuz\noptions quiet\n");
    put("user-data", "#cloud-config\n");
    tree
}

/// A volume of so many bytes, written.
fn written(size: u64, write_fn: impl FnOnce(&Volume<'_>)) -> Vec<u8> {
    let file = tempfile_of(size);
    write_fn(&Volume::new(&file, 0, size));
    let window = Window::new(file, size);
    window.bytes(0, size as usize).expect("it was just written")
}

fn tempfile_of(size: u64) -> std::fs::File {
    let file = tempfile::tempfile().expect("a temporary file");
    file.set_len(size).expect("there is room");
    file
}

/// A FAT volume of this size.
pub(super) fn fat_volume(size: u64) -> Vec<u8> {
    let options = dos::Options {
        size: dos::VolumeSize::Exact(size),
        kind: None,
        label: "CIDATA".into(),
        volume_id: 1,
        hidden_sectors: 0,
    };
    let plan = dos::plan(&tree(), &options).expect("it fits");
    written(size, |volume| plan.write(volume).expect("it is written"))
}

/// An ext4 volume of a MiB, without a journal.
pub(super) fn ext4_volume() -> Vec<u8> {
    let mut tree = tree();
    let path = |name: &str| TreePath::new(name.as_bytes()).expect("a path");
    let link = |target: &str| Node::symlink(target.as_bytes().to_vec(), Time::EPOCH);
    tree.insert(path("fast"), link("EFI/BOOT")).expect("free");
    tree.insert(path("slow"), link(&"EFI/../".repeat(20))).expect("free");
    for number in 0..40 {
        let node = Node::directory(0o755, Time::EPOCH);
        tree.insert(path(&format!("many/{number:040}")), node).expect("free");
    }
    let options = ext::Options {
        size: ext::Size::Fixed(MIB),
        block_size: 1024,
        journal: ext::Journal::Off,
        growable: false,
        ..ext::Options::new(Guid::new(1), Guid::new(2), Time::EPOCH)
    };
    let plan = ext::plan(&tree, &options).expect("it fits");
    written(MIB, |volume| plan.write(volume).expect("it is written"))
}

/// A disk with an ESP and a root filesystem.
pub(super) fn disk() -> Vec<u8> {
    let (esp, root) = (fat_volume(MIB), ext4_volume());
    let spec = |number: u128, type_guid: Guid, len: usize| PartitionSpec {
        name: format!("part {number}"),
        type_guid,
        unique_guid: Guid::new(number),
        attributes: Attributes::NONE,
        number: None,
        size: PartitionSize::Exact(len as u64),
        used: 0,
        filesystem: String::new(),
    };
    let specs = [spec(3, SD_GPT_ESP, esp.len()), spec(4, X86_64.root_type, root.len())];
    let layout = Layout::plan(&specs, &Options::new(Guid::new(5))).expect("it fits");
    written(layout.size(), |disk| {
        for extent in gpt::encode(&layout) {
            disk.write_all_at(&extent.bytes, extent.offset).expect("inside");
        }
        for (partition, bytes) in layout.partitions().iter().zip([esp, root]) {
            disk.write_all_at(&bytes, partition.offset).expect("inside");
        }
    })
}

pub(super) fn table(input: &[u8]) {
    let disk = sparse::disk(input);
    if let Ok(table) = gpt::read(&disk.volume()) {
        let _ = table.entries.iter().map(|entry| entry.range(table.sector).1).max();
    }
    let first = disk.bytes(0, mbr::MBR_SIZE).unwrap_or_default();
    let _ = (mbr::is_protective(&first), mbr::records(&first));
}

pub(super) fn table_seeds() -> Vec<Vec<u8>> {
    let disk = disk();
    // The tables alone: their partitions are other readers' business.
    let (front, back) = (34 * 512, disk.len() - 33 * 512);
    let mut tables = vec![0; disk.len()];
    tables[..front].copy_from_slice(&disk[..front]);
    tables[back..].copy_from_slice(&disk[back..]);
    let backup = [&vec![0; front][..], &tables[front..]].concat();
    vec![sparse::input(&tables), sparse::input(&backup)]
}

pub(super) fn fat(input: &[u8]) {
    volume(&sparse::disk(input));
}

pub(super) fn fat_seeds() -> Vec<Vec<u8>> {
    [MIB, 8 * MIB, 34 * MIB].map(|size| sparse::input(&fat_volume(size))).into()
}

pub(super) fn ext4(input: &[u8]) {
    volume(&sparse::disk(input));
}

pub(super) fn ext4_seeds() -> Vec<Vec<u8>> {
    vec![sparse::input(&ext4_volume())]
}

pub(super) fn iso9660(input: &[u8]) {
    volume(&sparse::disk(input));
}

pub(super) fn iso9660_seeds() -> Vec<Vec<u8>> {
    let mut tree = tree();
    let far = Node::symlink("deep/".repeat(180), Time::EPOCH);
    tree.insert(TreePath::new(&[b'n'; 250]).expect("a path"), far).expect("free");
    let boot = vec![iso::BootImage {
        platform: iso::Platform::Efi,
        path: TreePath::new(b"EFI/BOOT/vmlinuz").expect("a path"),
    }];
    let options =
        iso::Options { label: "cidata".into(), time: Time::EPOCH, boot, aligned: Vec::new() };
    let plan = iso::plan(&tree, &options).expect("it fits");
    let bytes = written(plan.size(), |volume| plan.write(volume).expect("it is written"));
    vec![sparse::input(&bytes)]
}

/// Bytes of a disk that are read.
const READ_MAX: u64 = 1 << 20;

pub(super) fn squashfs(input: &[u8]) {
    volume(&sparse::disk(input));
}

/// With holes, long links and a directory of many names.
fn packed_tree() -> Tree {
    let mut tree = tree();
    let far = Node::symlink("deep/".repeat(180), Time::EPOCH);
    tree.insert(TreePath::new(&[b'n'; 250]).expect("a path"), far).expect("free");
    let sparse_file = Node::file(0o644, Time::EPOCH, Content::from(vec![0; 300_000]));
    tree.insert(TreePath::new(b"holes").expect("a path"), sparse_file).expect("free");
    for number in 0..300 {
        let node = Node::directory(0o755, Time::EPOCH);
        let path = format!("many/{number:040}");
        tree.insert(TreePath::new(path.as_bytes()).expect("a path"), node).expect("free");
    }
    tree
}

pub(super) fn erofs(input: &[u8]) {
    volume(&sparse::disk(input));
}

/// With a file in chunks, most of which are holes, and attributes.
pub(super) fn erofs_seeds() -> Vec<Vec<u8>> {
    let mut tree = packed_tree();
    let mut bytes = vec![0; 2 << 20];
    bytes[100_000] = 1;
    let mut chunks = Node::file(0o644, Time::EPOCH, Content::from(bytes));
    chunks.metadata.xattrs.insert(b"user.some".to_vec(), b"value".to_vec());
    tree.insert(TreePath::new(b"chunks").expect("a path"), chunks).expect("free");
    let plan = ero::plan(&tree, &ero::Options::new(Time::EPOCH)).expect("it fits");
    vec![sparse::input(&written(MIB, |volume| {
        plan.write(volume, &|_| ()).expect("it is written");
    }))]
}

/// In every compression.
pub(super) fn squashfs_seeds() -> Vec<Vec<u8>> {
    let tree = packed_tree();
    let seed = |compressor| {
        let options =
            squash::Options { threads: 1, ..squash::Options::new(compressor, Time::EPOCH) };
        let plan = squash::plan(&tree, &options).expect("it fits");
        sparse::input(&written(MIB, |volume| {
            plan.write(volume, &|_| ()).expect("it is written");
        }))
    };
    squash::Compressor::ALL.into_iter().map(seed).collect()
}

pub(super) fn format(input: &[u8]) {
    let Ok(disk) = Disk::without_backing("input".as_ref(), sparse::disk(input), None) else {
        return;
    };
    let _ = FormatInfo::of(&disk);
    let mut buffer = vec![0; disk.size().min(READ_MAX) as usize];
    let _ = disk.read_exact_at(&mut buffer, 0);
    let end = disk.size() - buffer.len() as u64;
    let _ = disk.read_exact_at(&mut buffer, end);
    let _ = disk.extent(disk.size() / 2);
}

/// A small disk in each format that is written.
pub(super) fn format_seeds() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let raw = folder.path().join("disk.img");
    let mut bytes = vec![0; 300_000];
    bytes[70_000..90_000].fill(7);
    std::fs::write(&raw, bytes).expect("written");
    let source = Disk::open(&raw).expect("it was just written");
    let seed = |target| {
        let file = tempfile_of(0);
        let volume = Volume::new(&file, 0, 1 << 40);
        let len = convert(&source, target, &volume, &|_| {}).expect("every format has such a disk");
        file.set_len(len).expect("set");
        sparse::input(&Window::new(file, len).bytes(0, len as usize).expect("just written"))
    };
    Target::all().map(seed).collect()
}
