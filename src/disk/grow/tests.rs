//! Growing whole disks, judged by sgdisk and e2fsck.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::*;
use crate::arch::{SD_GPT_ESP, X86_64};
use crate::bytes::Guid;
use crate::command::{Command, find_in_path};
use crate::disk::layout::{Layout, Options as LayoutOptions, PartitionSize, PartitionSpec};
use crate::disk::map::Glyphs;
use crate::disk::output::OutputFile;
use crate::disk::partition::Attributes;
use crate::disk::write;
use crate::fs::ext4::{Options as Ext4Options, Size as Ext4Size, plan as plan_ext4};
use crate::size::GIB;
use crate::tree::{Time, Tree};

fn tool(name: &str) -> Option<PathBuf> {
    let found = find_in_path(name);
    assert!(found.is_some() || std::env::var_os("CI").is_none(), "no {name}");
    found
}

struct Disk {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

const ROOT: u64 = 15 * MIB;

impl Disk {
    /// An ESP of nothing, and a root of ours.
    fn new() -> Disk {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("disk.img");
        let spec = |n: u128, name: &str, type_guid, size| PartitionSpec {
            name: name.into(),
            type_guid,
            unique_guid: Guid::new(n),
            attributes: Attributes::NONE,
            number: Some(if n == 1 { 15 } else { 1 }),
            size: PartitionSize::Exact(size),
            used: 0,
            filesystem: String::new(),
        };
        let specs = [spec(1, "EFI", SD_GPT_ESP, 3 * MIB), spec(2, "root", X86_64.root_type, ROOT)];
        let layout = Layout::plan(&specs, &LayoutOptions::new(Guid::new(3))).expect("it fits");
        let tree = Tree::new(Time::EPOCH);
        let mut options = Ext4Options::new(Guid::new(7), Guid::new(9), Time::EPOCH);
        options.size = Ext4Size::Fixed(ROOT);
        let output = OutputFile::create(&path).expect("created");
        let root = |volume: &Volume<'_>| plan_ext4(&tree, &options)?.write(volume);
        write::image(&layout, &output, &[(&layout.partitions()[1], &root)]).expect("written");
        output.commit().expect("committed");
        Disk { _folder: folder, path }
    }

    fn file(&self) -> File {
        File::options().read(true).write(true).open(&self.path).expect("there")
    }

    fn len(&self) -> u64 {
        self.path.metadata().expect("there").len()
    }

    fn try_grow(&self, wish: &str, partition_only: bool) -> Result<(Plan, String)> {
        let file = self.file();
        let wish = wish.parse().unwrap_or(Wish::Fill);
        let disk = Volume::new(&file, 0, self.len());
        let plan = plan(&disk, Options { wish, partition_only })?;
        let picture = plan.picture(Glyphs::Ascii).to_string();
        let disk = Volume::new(&file, 0, plan.sizes().1);
        plan.run(&disk, |len| Ok(file.set_len(len)?))?;
        Ok((plan, picture))
    }

    fn grow(&self, wish: &str) -> Plan {
        self.try_grow(wish, false).unwrap_or_else(|error| panic!("{error}")).0
    }

    /// Neither sgdisk nor e2fsck finds anything to say.
    fn is_clean(&self, what: &str) {
        if let Some(sgdisk) = tool("sgdisk") {
            let said =
                Command::new(sgdisk).arg("-v").arg(&self.path).run().expect("it ends with 0");
            let said = String::from_utf8_lossy(&said).into_owned();
            assert!(said.contains("No problems found."), "{what}: {said}");
        }
        is_clean(&self.path, 4 * MIB, what);
    }
}

/// e2fsck finds nothing to say about the filesystem at an offset of an image.
fn is_clean(image: &Path, offset: u64, what: &str) {
    let Some(e2fsck) = tool("e2fsck") else { return };
    let place = format!("{}?offset={offset}", image.display());
    let out = Command::new(e2fsck).arg("-fn").arg(place).output().expect("runs");
    assert!(out.status.success(), "{what}: {}", String::from_utf8_lossy(&out.stdout));
}

#[test]
fn a_disk_grows_by_as_much_as_is_wished() {
    let disk = Disk::new();
    let old = disk.len();
    let (plan, picture) = disk.try_grow("+20G", false).expect("it grows");
    assert_eq!(disk.len(), old + 20 * GIB);
    let expected = "\
before  [=#]                                                20 MiB
after   [=###############################################]  20.0 GiB

disk         20 MiB -> 20.0 GiB (+20 GiB)
partition 1  15 MiB -> 20.0 GiB (+20 GiB)
ext4         15 MiB -> 20.0 GiB (+20 GiB), 1 -> 161 groups
";
    assert_eq!(picture, expected);
    assert!(!plan.is_done());
    disk.is_clean("grown");
    let again = disk.grow("fill");
    assert!(again.is_done());
    assert_eq!(disk.grow(&(old + 20 * GIB).to_string()).sizes().0, old + 20 * GIB);
    disk.grow("+1G");
    assert_eq!(disk.len(), old + 21 * GIB);
    disk.is_clean("once more");
}

#[test]
fn a_little_more_is_added_each_time() {
    let disk = Disk::new();
    let volume = Disk::new();
    let mut root = vec![0; ROOT as usize];
    volume.file().read_exact_at(&mut root, 4 * MIB).expect("there");
    let file = volume.file();
    file.set_len(0).and_then(|()| file.write_all_at(&root, 0)).expect("written");
    for wish in ["+1M", "+1M", "+2M", "+3M", "+512K"] {
        let Ok(Wish::By(more)) = wish.parse() else { panic!("{wish}") };
        for disk in [&disk, &volume] {
            let before = disk.len();
            disk.grow(wish);
            assert_eq!(disk.len(), before + more.0, "{wish}");
        }
        disk.is_clean(wish);
        is_clean(&volume.path, 0, wish);
    }
}

#[test]
fn an_image_that_was_only_lengthened_is_filled() {
    let disk = Disk::new();
    disk.file().set_len(2 * GIB).expect("room");
    assert!(!disk.grow("fill").is_done());
    assert_eq!(disk.len(), 2 * GIB);
    disk.is_clean("filled");
}

#[test]
fn the_same_command_completes_what_was_interrupted() {
    // The lengths that an interrupted `+1G` leaves, with the table and the filesystem of before.
    let whole = Disk::new();
    let target = whole.len() + GIB;
    whole.grow("+1G");
    for interrupted in ["lengthened", "backup", "table"] {
        let disk = Disk::new();
        disk.file().set_len(target).expect("room");
        if interrupted != "lengthened" {
            let mut backup = vec![0; 33 * 512];
            whole.file().read_exact_at(&mut backup, target - 33 * 512).expect("there");
            disk.file().write_all_at(&backup, target - 33 * 512).expect("written");
        }
        if interrupted == "table" {
            disk.try_grow("fill", true).expect("the partition alone");
        }
        disk.grow("+1G");
        assert_eq!(disk.len(), target, "{interrupted}");
        disk.is_clean(interrupted);
    }
}

/// An MBR of one partition.
fn record_of(offset: u64, len: u64) -> [u8; 512] {
    let mut first = [0; 512];
    first[446 + 4] = 0x83;
    first[454..458].copy_from_slice(&((offset / 512) as u32).to_le_bytes());
    first[458..462].copy_from_slice(&((len / 512) as u32).to_le_bytes());
    first[510..].copy_from_slice(&[0x55, 0xaa]);
    first
}

#[test]
fn a_volume_without_a_table_and_an_mbr_grow_too() {
    let disk = Disk::new();
    let mut root = vec![0; ROOT as usize];
    disk.file().read_exact_at(&mut root, 4 * MIB).expect("there");
    for offset in [0, MIB] {
        let file = disk.file();
        file.set_len(0).and_then(|()| file.write_all_at(&root, offset)).expect("written");
        if offset > 0 {
            file.write_all_at(&record_of(offset, ROOT), 0).expect("written");
        }
        disk.grow("+300M");
        assert_eq!(disk.len(), ROOT + offset + 300 * MIB);
        is_clean(&disk.path, offset, "without GPT");
    }
}

#[test]
fn a_gpt_that_the_mbr_does_not_protect_is_not_written() {
    let disk = Disk::new();
    let file = disk.file();
    file.write_all_at(&[0; 512], 0).expect("written");
    let text = disk.try_grow("+1G", false).expect_err("nobody reads it").to_string();
    assert!(text.ends_with("the GPT has no protective MBR, so nobody looks for it"), "{text}");
    // An MBR whose one partition is shorter, with GRUB behind it, before a GPT of an older use.
    file.write_all_at(&record_of(4 * MIB, ROOT), 0).expect("written");
    let core = [0x90; 2048];
    file.write_all_at(&core, 512).expect("written");
    disk.grow("+300M");
    let mut behind = [0; 2048];
    file.read_exact_at(&mut behind, 512).expect("there");
    assert_eq!(behind, core);
    is_clean(&disk.path, 4 * MIB, "the MBR's partition");
}

#[test]
fn what_cannot_be_grown_is_refused_and_left_as_it_is() {
    let disk = Disk::new();
    let before = std::fs::read(&disk.path).expect("there");
    let error = disk.try_grow("10M", false).expect_err("smaller");
    assert_eq!(error.to_string(), "the disk has 20 MiB, 10 MiB would be less");
    assert!(error.hint_text().is_some_and(|hint| hint.contains("never made smaller")));
    disk.file().write_all_at(&[2], 4 * MIB + 1024 + 0x3a).expect("written");
    let text = disk.try_grow("+1G", false).expect_err("dirty").to_string();
    assert!(text.starts_with("growing partition 1: the filesystem is damaged"), "{text}");
    disk.file().write_all_at(&[1], 4 * MIB + 1024 + 0x3a).expect("written");
    assert!(std::fs::read(&disk.path).expect("there") == before);
    let (_, picture) = disk.try_grow("+1G", true).expect("the partition alone");
    assert!(picture.contains("ext4         stays as it is"), "{picture}");
    disk.is_clean("the partition alone");
}

#[test]
fn logical_partitions_are_refused_with_what_to_do_instead() {
    let disk = Disk::new();
    let mut first = vec![0; 512];
    first[446 + 4] = 0x05;
    first[454..458].copy_from_slice(&2048u32.to_le_bytes());
    first[458..462].copy_from_slice(&2048u32.to_le_bytes());
    first[510..].copy_from_slice(&[0x55, 0xaa]);
    disk.file().set_len(0).expect("cut");
    disk.file().set_len(4 * MIB).expect("room");
    disk.file().write_all_at(&first, 0).expect("written");
    let error = disk.try_grow("+1G", false).expect_err("refused");
    let why = "partition 1 is an extended one, and logical partitions are not grown here";
    assert!(error.to_string().contains(why), "{error}");
    assert!(error.hint_text().is_some_and(|hint| hint.contains("resizepart 1")), "{error}");
    assert_eq!(disk.len(), 4 * MIB);
}

#[test]
fn other_filesystems_stay_and_it_is_said() {
    let disk = Disk::new();
    let zeros = vec![0; 4096];
    disk.file().write_all_at(&zeros, 4 * MIB).expect("written");
    let (_, picture) = disk.try_grow("+1G", false).expect("the partition grows");
    assert!(picture.contains("content      has no filesystem that is known"), "{picture}");
    disk.file().write_all_at(b"hsqs", 4 * MIB).expect("written");
    let (plan, picture) = disk.try_grow("+1G", false).expect("the partition grows");
    assert!(picture.contains("squashfs     stays as it is: it is only ever"), "{picture}");
    assert!(!plan.is_done());
}
