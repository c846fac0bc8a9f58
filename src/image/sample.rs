//! A disk for tests: GPT, an ESP and an ext4 root from two trees.

use crate::arch::X86_64;
use crate::bytes::Guid;
use crate::disk::layout::{Layout, Options, PartitionSize, PartitionSpec};
use crate::disk::output::OutputFile;
use crate::disk::partition::Attributes;
use crate::disk::write;
use crate::fs::{ext4, fat};
use crate::tree::{Time, Tree};
use crate::volume::Volume;

/// The disk's bytes; the first partition, of type `esp_type`, has the unique GUID 1, the root 2.
pub(crate) fn disk(esp: &Tree, root: &Tree, esp_type: Guid) -> Vec<u8> {
    let options = fat::Options {
        size: fat::VolumeSize::Auto { reserve: 0 },
        kind: None,
        label: "ESP".into(),
        volume_id: 0x1234_abcd,
        hidden_sectors: 2048,
    };
    let esp = fat::plan(esp, &options).expect("it fits");
    let options = ext4::Options::new(Guid::new(5), Guid::new(6), Time::EPOCH);
    let root = ext4::plan(root, &options).expect("it fits");
    let specs = [spec(1, esp_type, esp.size()), spec(2, X86_64.root_type, root.size())];
    let layout = Layout::plan(&specs, &Options::new(Guid::new(3))).expect("it fits");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let target = folder.path().join("disk.img");
    let output = OutputFile::create(&target).expect("created");
    let [first, second] = layout.partitions() else { panic!("two partitions") };
    let (esp, root) = (|v: &Volume<'_>| esp.write(v), |v: &Volume<'_>| root.write(v));
    write::image(&layout, &output, &[(first, &esp), (second, &root)]).expect("written");
    output.commit().expect("committed");
    std::fs::read(&target).expect("there")
}

fn spec(number: u128, type_guid: Guid, size: u64) -> PartitionSpec {
    PartitionSpec {
        name: format!("part {number}"),
        type_guid,
        unique_guid: Guid::new(number),
        attributes: Attributes::NONE,
        number: None,
        size: PartitionSize::Exact(size),
        used: 0,
        filesystem: String::new(),
    }
}
