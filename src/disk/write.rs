//! A layout with its filesystems into a file: sparse, the partitions side by side.

use std::thread::ScopedJoinHandle;

use super::gpt;
use super::layout::{Layout, Partition};
use super::output::OutputFile;
use crate::error::{Context, Result, shown};
use crate::volume::Volume;

/// What writes the filesystem of a partition, into a volume that is all zeros.
pub type Writer<'a> = dyn Fn(&Volume<'_>) -> Result<()> + Sync + 'a;

/// Writes the tables, and each filesystem into its partition, all at once. The file is new.
///
/// # Errors
/// Where the filesystem that holds the file has too little room, before anything is written; where
/// writing fails: of several partitions, the first of the list is reported.
pub fn image(
    layout: &Layout,
    output: &OutputFile,
    filesystems: &[(&Partition, &Writer<'_>)],
) -> Result<()> {
    output.reserve(layout.used())?;
    let file = output.as_file();
    let doing = || format!("writing {}", shown(output.path()));
    file.set_len(layout.size()).context(doing)?;
    let disk = Volume::new(file, 0, layout.size());
    for extent in gpt::encode(layout) {
        disk.write_all_at(&extent.bytes, extent.offset).context(doing)?;
    }
    std::thread::scope(|scope| {
        let mut threads = Vec::with_capacity(filesystems.len());
        for &(partition, writer) in filesystems {
            let volume = Volume::new(file, partition.offset, partition.size);
            threads.push(scope.spawn(move || {
                writer(&volume).context(|| format!("partition `{}`", partition.name))
            }));
        }
        // A panic of a writer is a defect: it goes on in the caller.
        let join = |thread: ScopedJoinHandle<'_, Result<()>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect::<Vec<_>>()
    })
    .into_iter()
    .collect::<Result<()>>()
    .context(doing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::{SD_GPT_ESP, X86_64};
    use crate::bytes::Guid;
    use crate::disk::layout::{Options, PartitionSize, PartitionSpec};
    use crate::disk::partition::Attributes;
    use crate::size::MIB;
    use std::os::unix::fs::MetadataExt;

    fn layout(used: u64) -> Layout {
        let spec = |n: u128, type_guid| PartitionSpec {
            name: format!("part {n}"),
            type_guid,
            unique_guid: Guid::new(n),
            attributes: Attributes::NONE,
            number: None,
            size: PartitionSize::Exact(8 * MIB.max(used)),
            used,
            filesystem: String::new(),
        };
        let specs = [spec(1, SD_GPT_ESP), spec(2, X86_64.root_type)];
        Layout::plan(&specs, &Options::new(Guid::new(3))).expect("it fits")
    }

    #[test]
    fn partitions_are_written_where_they_are_and_the_rest_stays_sparse() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (layout, target) = (layout(0), folder.path().join("disk.img"));
        let output = OutputFile::create(&target).expect("created");
        let write = |text: &'static [u8]| {
            move |volume: &Volume<'_>| Ok(volume.write_all_at(text, volume.len() - 3)?)
        };
        let [first, second] = layout.partitions() else { panic!("two partitions") };
        let (one, two) = (write(b"one"), write(b"two"));
        image(&layout, &output, &[(first, &one), (second, &two)]).expect("written");
        output.commit().expect("committed");
        let bytes = std::fs::read(&target).expect("there");
        assert_eq!(bytes.len() as u64, layout.size());
        assert_eq!(&bytes[(9 * MIB - 3) as usize..][..3], b"one");
        assert_eq!(&bytes[(17 * MIB - 3) as usize..][..3], b"two");
        assert!(target.metadata().expect("there").blocks() * 512 < MIB);
    }

    #[test]
    fn the_first_failure_of_the_list_is_reported() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (layout, target) = (layout(0), folder.path().join("disk.img"));
        let output = OutputFile::create(&target).expect("created");
        let good = |_: &Volume<'_>| Ok(());
        let bad = |volume: &Volume<'_>| Ok(volume.write_all_at(b"x", volume.len())?);
        let [first, second] = layout.partitions() else { panic!("two partitions") };
        let error = image(&layout, &output, &[(first, &good), (second, &bad)]);
        let text = error.expect_err("outside the volume").to_string();
        assert!(text.contains("disk.img: partition `part 2`: 1 bytes at"), "{text}");
        drop(output);
        assert!(!target.exists());
    }

    #[test]
    fn what_the_host_has_no_room_for_is_refused_before_a_byte_is_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let output = OutputFile::create(folder.path().join("disk.img")).expect("created");
        let text = image(&layout(1 << 58), &output, &[]).expect_err("too large").to_string();
        assert!(text.contains("the filesystem is too full: 576460752303"), "{text}");
        assert_eq!(output.as_file().metadata().expect("open").len(), 0);
    }
}
