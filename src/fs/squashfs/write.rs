//! Writes a plan: contents first, then the tables, the superblock last.

use super::codec::Encoder;
use super::contents::Contents;
use super::inodes::Tables;
use super::metadata::{METADATA_SIZE, Metadata};
use super::plan::{Plan, seconds};
use super::superblock::{NO_TABLE, SUPERBLOCK_SIZE, Superblock};
use super::table;
use crate::error::{Context, Result};
use crate::volume::Volume;

/// The header of the compressor's options, which stand as one plain block of metadata.
const PLAIN_METADATA: u16 = 0x8000;

/// Images are padded to this, as block devices have it.
const PADDING: u64 = 4096;

impl Plan<'_> {
    /// Writes the image to the start of a volume; its length, padded to 4 KiB. `progress` hears of the
    /// bytes of files that were read.
    ///
    /// # Errors
    /// Where a file cannot be read or changed, the volume is too small, or any I/O error.
    pub fn write(&self, volume: &Volume<'_>, progress: &dyn Fn(u64)) -> Result<u64> {
        let options = &self.options;
        let told = options
            .compressor
            .options(options.level)
            .map(|told| [&(told.len() as u16 | PLAIN_METADATA).to_le_bytes()[..], &told].concat());
        let told = told.unwrap_or_default();
        let start = SUPERBLOCK_SIZE + told.len() as u64;
        let contents = Contents::write(self.files(), volume, start, options, progress)?;
        let (mut superblock, tables) = self.tables(&contents)?;
        superblock.has_options = !told.is_empty();
        let end = contents.end + tables.len() as u64;
        let padded = end.next_multiple_of(PADDING);
        let padding = vec![0; (padded - end) as usize];
        let head = [superblock.encode(), told].concat();
        [(contents.end, tables), (end, padding), (0, head)]
            .iter()
            .try_for_each(|(at, bytes)| volume.write_all_at(bytes, *at))
            .context(|| "writing squashfs")?;
        Ok(padded)
    }

    /// All that follows the contents, and the superblock that says where.
    fn tables(&self, contents: &Contents) -> Result<(Superblock, Vec<u8>)> {
        let options = &self.options;
        let encoder = || Encoder::new(options.compressor, options.level, METADATA_SIZE as u32);
        let (mut first, mut second) = (encoder()?, encoder()?);
        let streams = (Metadata::new(&mut first), Metadata::new(&mut second));
        let tables = Tables::build(self, contents, streams.0, streams.1)?;
        let (base, encoder) = (contents.end, &mut first);
        let mut image = tables.inodes;
        let directory_table = base + image.len() as u64;
        image.extend(tables.directories);
        let fragments: Vec<_> = contents.fragments.iter().flat_map(|f| f.encode()).collect();
        let places = tables.places.iter().flat_map(|place| place.reference().to_le_bytes());
        let fragment_table = table::append(&mut image, base, encoder, &fragments)?;
        let export_table = table::append(&mut image, base, encoder, &places.collect::<Vec<_>>())?;
        let id_table = table::append(&mut image, base, encoder, &self.ids.encode())?;
        let xattr_table = tables.xattrs.append(&mut image, base, encoder)?.unwrap_or(NO_TABLE);
        let superblock = Superblock {
            inodes: self.inodes,
            time: seconds(options.time),
            block_size: options.block_size,
            fragments: contents.fragments.len() as u32,
            compressor: options.compressor.id(),
            has_options: false,
            ids: self.ids.len(),
            root: tables.root.reference(),
            len: base + image.len() as u64,
            id_table,
            xattr_table,
            inode_table: base,
            directory_table,
            fragment_table,
            export_table,
        };
        Ok((superblock, image))
    }
}
