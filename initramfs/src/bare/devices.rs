//! The block devices and partitions that the kernel knows, from `/sys/block`.

use bootwright_init::partition::{self, Partition};
use bootwright_init::superblock::{self, Superblock};
use bootwright_init::text::Text;

use core::ffi::CStr;
use core::mem::MaybeUninit;
use rustix::fd::OwnedFd;
use rustix::fs::{OFlags, RawDir};

use super::console::Console;
use super::file;

/// How many are looked at; a VM has a handful.
const DEVICES_MAX: usize = 64;

/// Majors that never hold a root of ours: ram disks, and floppies, whose drive takes seconds to say
/// that it is empty.
const SKIPPED_MAJORS: [u32; 2] = [1, 2];

/// A whole disk or a partition.
#[derive(Clone, Copy, Default)]
pub(super) struct Device {
    /// Its name under `/dev`.
    pub(super) name: Text<32>,
    /// Major and minor number.
    pub(super) number: (u32, u32),
    /// The name of its disk, its own for a whole disk.
    disk: Text<32>,
    /// Which partition it is; 0 for a whole disk.
    partition: u32,
    /// The size in units of 512 bytes, as sysfs has it whatever the device's sectors are.
    size: u64,
}

/// All of them that hold anything, by number.
pub(super) struct Devices {
    devices: [Device; DEVICES_MAX],
    len: usize,
}

impl Devices {
    /// Asks the kernel.
    pub(super) fn list() -> Self {
        let mut devices = Devices { devices: [Device::default(); DEVICES_MAX], len: 0 };
        each_entry(c"/sys/block", &mut |disk| {
            let folder = Text::<96>::of(format_args!("/sys/block/{disk}"));
            devices.add(Device::read(&folder, disk, disk));
            each_entry(folder.as_c_str(), &mut |name| {
                // Other folders of a disk do not begin with its name.
                if name.as_bytes().starts_with(disk.as_bytes()) {
                    let folder = Text::of(format_args!("{folder}/{name}"));
                    devices.add(Device::read(&folder, name, disk));
                }
            });
        });
        devices
    }

    /// Sorts one in, so that the order of a directory has no say in which of two equals is taken.
    fn add(&mut self, device: Option<Device>) {
        let Some(device) = device.filter(|device| device.size > 0) else { return };
        if self.len == DEVICES_MAX || SKIPPED_MAJORS.contains(&device.number.0) {
            return;
        }
        let after = self.all().iter().filter(|other| other.number < device.number).count();
        self.devices.copy_within(after..self.len, after + 1);
        self.devices[after] = device;
        self.len += 1;
    }

    /// The devices.
    pub(super) fn all(&self) -> &[Device] {
        &self.devices[..self.len]
    }

    /// Says what there is, for somebody whose `root=` was wrong.
    pub(super) fn tell(&self, console: &Console<'_>) {
        match self.len {
            0 => console.say(format_args!("The kernel knows no block device at all.")),
            _ => console
                .say(format_args!("These block devices are there, any of which root= can name:")),
        }
        for device in self.all() {
            let content = Text::<320>::of(format_args!("{}", Content(device)));
            let (name, mib) = (device.name, device.size.div_ceil(2048));
            console.say(format_args!("  /dev/{name}  {mib} MiB{content}"));
        }
    }
}

/// What is on a device, as arguments of `root=` that would find it.
struct Content<'a>(&'a Device);

impl core::fmt::Display for Content<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let superblock = self.0.superblock();
        if let Some(superblock) = &superblock {
            write!(f, "  {}", superblock.fstype)?;
        }
        let partition = self.0.partition();
        let of_partition = |text: fn(&Partition) -> &[u8]| partition.as_ref().map_or(&[][..], text);
        let of_superblock =
            |text: fn(&Superblock) -> &[u8]| superblock.as_ref().map_or(&[][..], text);
        for (key, value) in [
            ("PARTUUID", of_partition(|p| p.uuid.as_bytes())),
            ("PARTLABEL", of_partition(|p| p.name.as_bytes())),
            ("UUID", of_superblock(|s| s.uuid.as_bytes())),
            ("LABEL", of_superblock(|s| s.label.as_bytes())),
        ] {
            if !value.is_empty() {
                write!(f, "  {key}={}", Text::<256>::from(value))?;
            }
        }
        Ok(())
    }
}

impl Device {
    /// Reads what sysfs says in a folder; `None` where the folder is no block device's.
    fn read(folder: &Text<96>, name: &Text<32>, disk: &Text<32>) -> Option<Self> {
        let path = |file: &str| Text::<128>::of(format_args!("{folder}/{file}"));
        let mut numbers = [0; 24];
        let numbers = file::read(path("dev").as_c_str(), &mut numbers).ok()?;
        let (major, minor) = str::from_utf8(numbers.trim_ascii()).ok()?.split_once(':')?;
        let partition = file::read_number(path("partition").as_c_str()).unwrap_or(0);
        Some(Device {
            name: in_dev(name),
            number: (major.parse().ok()?, minor.parse().ok()?),
            disk: in_dev(disk),
            partition: partition.try_into().ok()?,
            size: file::read_number(path("size").as_c_str())?,
        })
    }

    /// The path of its node.
    pub(super) fn path(&self) -> Text<256> {
        Text::of(format_args!("/dev/{}", self.name))
    }

    /// What is on it.
    pub(super) fn superblock(&self) -> Option<Superblock> {
        probe(self.path().as_c_str())
    }

    /// What its disk's partition table says about it.
    pub(super) fn partition(&self) -> Option<Partition> {
        if self.partition == 0 {
            return None;
        }
        let disk = file::open(
            Text::<40>::of(format_args!("/dev/{}", self.disk)).as_c_str(),
            OFlags::RDONLY,
        )
        .ok()?;
        let sector = Text::<96>::of(format_args!(
            "/sys/block/{}/queue/logical_block_size",
            in_sys(&self.disk)
        ));
        let sector = file::read_number(sector.as_c_str()).and_then(|size| size.try_into().ok());
        let mut read = |offset, buffer: &mut [u8]| read_at(&disk, offset, buffer);
        partition::read(&mut read, sector.unwrap_or(512), self.partition)
    }
}

/// What a device holds, where it can be read.
pub(super) fn probe(path: &CStr) -> Option<Superblock> {
    let device = file::open(path, OFlags::RDONLY).ok()?;
    superblock::probe(&mut |offset, buffer| read_at(&device, offset, buffer))
}

/// sysfs writes the `/` of names such as `cciss/c0d0` as `!`.
fn in_dev(name: &Text<32>) -> Text<32> {
    replace(name, b'!', b'/')
}

fn in_sys(name: &Text<32>) -> Text<32> {
    replace(name, b'/', b'!')
}

fn replace(name: &Text<32>, from: u8, to: u8) -> Text<32> {
    let mut replaced = Text::new();
    name.as_bytes().iter().for_each(|&b| replaced.push(&[if b == from { to } else { b }]));
    replaced
}

fn read_at(device: &OwnedFd, offset: u64, buffer: &mut [u8]) -> bool {
    let mut done = 0;
    while done < buffer.len() {
        match rustix::io::pread(device, &mut buffer[done..], offset.saturating_add(done as u64)) {
            Ok(0) | Err(_) => return false,
            Ok(count) => done += count,
        }
    }
    true
}

/// Calls for each name in a folder that fits.
fn each_entry(folder: &CStr, entry_fn: &mut dyn FnMut(&Text<32>)) {
    let Ok(folder) = file::open(folder, OFlags::RDONLY | OFlags::DIRECTORY) else { return };
    let mut buffer = [MaybeUninit::uninit(); 1024];
    let mut entries = RawDir::new(&folder, &mut buffer);
    while let Some(Ok(entry)) = entries.next() {
        let name = entry.file_name().to_bytes();
        if !name.starts_with(b".") && name.len() < 32 {
            entry_fn(&Text::from(name));
        }
    }
}
