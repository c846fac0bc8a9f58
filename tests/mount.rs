//! Filesystems as the kernel sees them: mounted in a guest, where every file is hashed, and archived there by
//! GNU tar with every attribute and compared with the source; and ext4 grown while mounted, written into, and found clean
//! afterwards.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bootwright::arch::X86_64;
use bootwright::assets::{Assets, Need, Options};
use bootwright::bytes::Guid;
use bootwright::command::{Command, find_in_path};
use bootwright::fs::{erofs, ext4, squashfs};
use bootwright::initramfs;
use bootwright::kernel::modules::{Bus, ModuleFolder, for_bus, for_filesystem};
use bootwright::size::MIB;
use bootwright::tree::elf::{Sysroot, closure};
use bootwright::tree::{Content, Entry, Kind, Metadata, Node, Time, Tree, TreePath, diff, tar};
use bootwright::volume::Volume;

use sha2::{Digest, Sha256};

use crate::workbench::{is_ready, judge, scratch, text};

const TIME: Time = Time { seconds: 1_700_000_000, nanoseconds: 123_456_789 };

/// An access control list: user 1000 may read too (Linux `posix_acl_xattr.h`).
const ACL: (&[u8], &[u8]) = (
    b"system.posix_acl_access",
    b"\x02\0\0\0\
      \x01\0\x06\0\xff\xff\xff\xff\
      \x02\0\x04\0\xe8\x03\0\0\
      \x04\0\x04\0\xff\xff\xff\xff\
      \x10\0\x04\0\xff\xff\xff\xff\
      \x20\0\x04\0\xff\xff\xff\xff",
);

/// Room for a kernel on a busy machine, and for the hashes that it makes of 70 MB.
const TIMEOUT: &str = "600";

/// What the guest does, as process 1. busybox prefers its own tar unless given a path. Each step that fails ends it, and the kernel panics.
const SCRIPT: &str = "#!/guest/sh
set -e
export PATH=/guest
mkdir -p /dev /proc /mnt /packed
mount -t devtmpfs dev /dev
mount -t proc proc /proc
exec >/dev/console 2>&1
for module in /guest/modules/*; do insmod $module; done
see() {
  /guest/tar --create --format=posix --xattrs '--xattrs-include=*' --directory $1 --file $2 .
  cd $1
  echo \"hash of $1 $(find . -type f | sort | xargs sha256sum | sha256sum)\"
  cd /
}
see_packed() {
  mount -t $1 -o ro $2 /packed
  see /packed $3
  umount /packed
}
if [ -b /dev/vdc ]; then
  see_packed squashfs /dev/vdc /dev/vdd
  see_packed erofs /dev/vde /dev/vdf
fi
mount -t ext4 -o noatime /dev/vda /mnt
see /mnt /dev/vdb
resize2fs /dev/vda
cd /mnt
for i in $(seq 2000); do echo $i > many/new-$i; done
for i in $(seq 1500); do rm many/old-$i; done
cp -a large copy-of-large
cat large >> sparse
rm -r deep
ln many/new-7 hard
df -k .
cd /
umount /mnt
echo judged-by-the-kernel
poweroff -f
";

const APPLETS: &[&str] = &[
    "sh",
    "find",
    "sort",
    "xargs",
    "sha256sum",
    "mkdir",
    "mount",
    "umount",
    "insmod",
    "seq",
    "rm",
    "cp",
    "cat",
    "ln",
    "df",
    "poweroff",
];

fn path(text: &str) -> TreePath {
    TreePath::new(text.as_bytes()).expect("a good path")
}

fn file(bytes: impl Into<Vec<u8>>) -> Node {
    Node::file(0o644, TIME, Content::from(bytes.into()))
}

/// A program as it was linked, not the script that sets its library path.
fn program(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&folders).map(|folder| folder.join(name));
    places.find(|place| fs::read(place).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF")))
}

/// A file of 64 MiB with islands of data in it, one of them at its end.
fn sparse(folder: &Path) -> Content {
    let place = folder.join("sparse");
    let file = File::create(&place).expect("created");
    for at in [5, 3 * MIB + 1, 40 * MIB, 64 * MIB - 6] {
        file.write_all_at(b"island", at).expect("written");
    }
    Content::host(&place).expect("there")
}

/// Something of everything that tar keeps.
fn tree(folder: &Path) -> Tree {
    let mut tree = Tree::new(TIME);
    let mut add = |at: &str, node| tree.insert(path(at), node).expect("free");
    add("empty", file(""));
    add("large", file((0..2_000_000u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>()));
    add("sparse", Node::file(0o600, TIME, sparse(folder)));
    add("fast", Node::symlink(vec![b'f'; 59], TIME));
    add("slow", Node::symlink(vec![b's'; 1023], TIME));
    add("dev/null", Node::char_device(0o666, TIME, 1, 3));
    let large = Kind::BlockDevice { major: 259, minor: 70000 };
    add("dev/nvme", Node { metadata: Metadata::new(0o660, TIME), kind: large });
    add("dev/pipe", Node { metadata: Metadata::new(0o600, TIME), kind: Kind::Fifo });
    let mut owned = file("owned");
    (owned.metadata.uid, owned.metadata.gid, owned.metadata.mode) = (123_456, 654_321, 0o6751);
    owned.metadata.mtime = Time { seconds: -5, nanoseconds: 999_999_999 };
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let attributes: [(&str, &[u8]); 5] = [
        ("security.capability", &capability),
        ("trusted.note", b"for root"),
        ("user.empty", b""),
        ("user.large", &[7; 700]),
        ("user.small", b"value"),
    ];
    for (name, value) in attributes {
        owned.metadata.xattrs.insert(name.into(), value.into());
    }
    add("owned", owned);
    let mut shared = file("shared");
    shared.metadata.xattrs.insert(ACL.0.into(), ACL.1.into());
    add("shared", shared);
    let mut later = file("later");
    later.metadata.mtime = Time { seconds: 0x1_2345_6789, nanoseconds: 1 };
    add(&format!("{}r", "late".repeat(63)), later);
    add("tmp", Node::directory(0o1777, TIME));
    add(&format!("deep{}", "/d".repeat(100)), file("deep"));
    for i in 1..=3000 {
        add(&format!("many/old-{i}"), file(format!("{i}")));
    }
    tree.link(path("linked"), &path("owned")).expect("free");
    tree
}

/// An initramfs of busybox, tar, resize2fs with their libraries, and the script.
fn guest(assets: &Assets) -> Tree {
    let names = ["tar", "resize2fs"].map(|name| {
        let place = fs::canonicalize(program(name).expect("is_ready has looked")).expect("there");
        path(text(&place).trim_start_matches('/'))
    });
    let mut tree = closure(Sysroot::Host(Path::new("/")), &names).expect("complete").tree;
    let mut add = |at: &str, node| tree.replace(path(at), node).expect("a place");
    let busybox = Content::host(assets.busybox().expect("resolved")).expect("there");
    add("guest/busybox", Node::file(0o755, TIME, busybox));
    for applet in APPLETS {
        add(&format!("guest/{applet}"), Node::symlink("/guest/busybox", TIME));
    }
    for (name, place) in ["guest/tar", "guest/resize2fs"].into_iter().zip(&names) {
        add(name, Node::symlink(format!("/{place}"), TIME));
    }
    add("dev/console", Node::char_device(0o600, TIME, 5, 1));
    add("init", Node::file(0o755, TIME, Content::from(SCRIPT.as_bytes().to_vec())));
    let kernel = assets.kernel().expect("resolved");
    if let Some(folder) = &kernel.modules {
        let release = folder.file_name().and_then(|name| name.to_str()).expect("a release");
        let folder = ModuleFolder::open(folder, release).expect("readable");
        let filesystems = ["ext4", "squashfs", "erofs"];
        let of_filesystems = filesystems.map(|name| for_filesystem(name).expect("known")).concat();
        let wanted = [for_bus(Bus::Virtio), &of_filesystems].concat();
        let modules = folder.resolve(&wanted, &X86_64).expect("found").load;
        for (position, module) in modules.into_iter().enumerate() {
            let at = format!("guest/modules/{position:02}");
            add(&at, Node::file(0o644, TIME, module.content));
        }
    }
    tree
}

/// Writes the filesystem into a disk that is larger than it is.
fn disk(tree: &Tree, block_size: u32, place: &Path) {
    let size = ext4::Size::Fixed(160 * MIB);
    let options = ext4::Options::new(Guid::new(0x1234_5678_9abc), Guid::new(99), TIME);
    let plan = ext4::plan(tree, &ext4::Options { block_size, size, ..options }).expect("it fits");
    let file = File::options().create_new(true).read(true).write(true).open(place).expect("new");
    file.set_len(400 * MIB).expect("extended");
    plan.write(&Volume::new(&file, 0, plan.size())).expect("written");
}

/// The tree in both filesystems that are only read, with an empty disk for what is seen of each.
fn packed(tree: &Tree, folder: &Path) -> Vec<PathBuf> {
    let new = |name: &str| {
        let place = folder.join(name);
        let file = File::options().create_new(true).read(true).write(true).open(&place);
        (place, file.expect("new"))
    };
    let squash = new("squashfs");
    let options = squashfs::Options::new(squashfs::Compressor::Zstd, TIME);
    let plan = squashfs::plan(tree, &squashfs::Options { level: 3, ..options }).expect("possible");
    plan.write(&Volume::new(&squash.1, 0, u64::MAX), &|_| ()).expect("written");
    let erofs = new("erofs");
    let plan = erofs::plan(tree, &erofs::Options::new(TIME)).expect("possible");
    plan.write(&Volume::new(&erofs.1, 0, u64::MAX), &|_| ()).expect("written");
    let seen = ["squashfs.tar", "erofs.tar"].map(|name| empty(&folder.join(name)));
    let [of_squashfs, of_erofs] = seen;
    vec![squash.0, of_squashfs, erofs.0, of_erofs]
}

/// A disk with room for an archive.
fn empty(place: &Path) -> PathBuf {
    File::create(place).and_then(|file| file.set_len(256 * MIB)).expect("extended");
    place.into()
}

/// Compares what GNU tar saw with the source.
fn assert_seen(source: &Tree, archive: &Path) {
    let mut seen = tar::read(archive, &|_| ()).expect("GNU tar wrote it").tree;
    // mke2fs makes it; no source has it.
    seen.remove(&path("lost+found"));
    let differences = diff::diff(source, &seen, diff::Options::default()).expect("readable");
    assert!(differences.is_empty(), "{}: {differences:#?}", archive.display());
}

/// What the guest says of all files: a hash of the list of their hashes, sorted by name.
fn hash(source: &Tree) -> String {
    let line = |entry: Entry<'_>| match &entry.node.kind {
        Kind::File(content) => {
            let hash = sha256(&content.read().expect("readable"));
            Some((format!("./{}", entry.path), hash))
        }
        _ => None,
    };
    let lines: BTreeMap<_, _> = source.iter().filter_map(line).collect();
    let list: String = lines.iter().map(|(name, hash)| format!("{hash}  {name}\n")).collect();
    sha256(list.as_bytes())
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The tree as squashfs has it: seconds from 1970 to 2106, and no access control lists.
fn in_squashfs(source: &Tree) -> Tree {
    let mut tree = source.clone();
    for entry in source.iter() {
        let metadata = &mut tree.get_mut(entry.path).expect("there").metadata;
        let seconds = metadata.mtime.seconds.clamp(0, u32::MAX.into());
        metadata.mtime = Time::from_seconds(seconds);
        metadata.xattrs.remove(ACL.0);
    }
    tree
}

/// Boots the kernel with disks; what it said on its console.
fn boot(assets: &Assets, initramfs: &Path, disks: &[PathBuf]) -> String {
    let qemu = assets.command(Need::Qemu).expect("resolved");
    let timeout = find_in_path("timeout").expect("is_ready has looked");
    let command = Command::new(timeout).arg(TIMEOUT).arg(qemu.program());
    let command = qemu.environment().iter().fold(command, |c, (key, value)| c.env(key, value));
    let command = command.args(qemu.arguments().iter().cloned());
    let command = command
        .args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"])
        .args(["-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", "512", "-serial", "stdio"])
        .arg("-kernel")
        .arg(&assets.kernel().expect("resolved").vmlinuz)
        .arg("-initrd")
        .arg(initramfs)
        .args(["-append", "console=ttyS0 panic=-1 quiet"]);
    let command = disks.iter().fold(command, |command, disk| {
        let drive = format!("if=virtio,format=raw,file={}", text(disk));
        command.args(["-drive".into(), drive])
    });
    let output = command.output().expect("QEMU starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_kernel_sees_what_was_written_and_goes_on_with_it() {
    let needs = [Need::IMAGE, Need::BOOT].concat();
    if !is_ready(&needs, &["tar", "resize2fs", "e2fsck", "dumpe2fs", "timeout"]) {
        return;
    }
    let options = Options { offline: true, ..Options::default() };
    let assets = Assets::resolve(&needs, &options, &mut |_| {}).expect("is_ready has looked");
    let folder = scratch();
    let initramfs = folder.path().join("initramfs");
    fs::write(&initramfs, initramfs::pack(&guest(&assets), 1).expect("packed")).expect("written");
    let source = tree(folder.path());
    let wanted = hash(&source);
    for block_size in [4096, 1024] {
        let place = folder.path().join(format!("root-{block_size}"));
        disk(&source, block_size, &place);
        let archive = empty(&folder.path().join(format!("seen-{block_size}.tar")));
        let mut disks = vec![place.clone(), archive.clone()];
        if block_size == 4096 {
            disks.extend(packed(&source, folder.path()));
        }
        let said = boot(&assets, &initramfs, &disks);
        assert!(said.contains("judged-by-the-kernel"), "{said}");
        let hashed = format!("hash of /mnt {wanted}");
        assert!(said.contains(&hashed), "no `{hashed}` in {said}");
        assert_seen(&source, &archive);
        if let [_, _, _, of_squashfs, _, of_erofs] = &disks[..] {
            assert_seen(&in_squashfs(&source), of_squashfs);
            assert_seen(&source, of_erofs);
            let hashed = format!("hash of /packed {wanted}");
            assert_eq!(said.matches(&hashed).count(), 2, "{said}");
        }

        judge("e2fsck", &["-fn", text(&place)]);
        let blocks: u64 = 400 * MIB / u64::from(block_size);
        let header = judge("dumpe2fs", &["-h", text(&place)]);
        let count = header.lines().find_map(|line| line.strip_prefix("Block count:"));
        assert_eq!(count.map(str::trim), Some(blocks.to_string().as_str()), "{said}");
    }
}
