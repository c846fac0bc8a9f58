//! Making the disk of a qcow2 image larger: a longer L1 table where it needs one, then one write to the
//! header that changes size and table together.

use std::os::unix::fs::FileExt;

use super::{Editor, State};
use crate::error::{Context, Error, Result};
use crate::format::qcow2::ENTRY;
use crate::size::Size;

/// Where the header has size, encryption, L1 size and L1 offset.
const SIZE_AND_L1: u64 = 24;

impl Editor {
    /// Gives the disk `size` bytes; what is added reads as zeros.
    ///
    /// # Errors
    /// Where that is smaller, the backing file would show through, or the file cannot be written.
    pub fn resize(&self, size: u64) -> Result<()> {
        let resizing = || format!("resizing to {}", Size(size));
        let mut state = self.state();
        if size < state.header.size {
            let text = format!("the disk has {}: it is not made smaller", Size(state.header.size));
            return Err(Error::new(text).context(resizing()));
        }
        if self.backing.as_ref().is_some_and(|b| b.size() > state.header.size) {
            let text = "its backing file is larger than it, and would show through behind its end";
            return Err(Error::new(text).context(resizing()));
        }
        let needed = state.header.l1_needed(size);
        let l1_size = u32::try_from(needed).ok().filter(|_| needed * ENTRY <= 32 << 20);
        let too_large = || Error::new("the disk is too large for its clusters");
        let l1_size = l1_size.ok_or_else(too_large).context(resizing)?;
        let l1_size = l1_size.max(state.header.l1_size);
        self.grow(&mut state, size, l1_size).context(resizing)
    }

    fn grow(&self, state: &mut State, size: u64, l1_size: u32) -> Result<()> {
        let header = &state.header;
        let cluster = header.cluster();
        let len = |entries: u32| u64::from(entries) * ENTRY;
        let (old, old_len) = (header.l1_offset, len(header.l1_size));
        let (clusters, old_clusters) = (len(l1_size).div_ceil(cluster), old_len.div_ceil(cluster));
        let l1_offset = match clusters > old_clusters {
            false => {
                // What follows the table in its last cluster was never an entry.
                let rest = vec![0; (len(l1_size) - old_len) as usize];
                self.file.write_all_at(&rest, old + old_len)?;
                old
            }
            true => {
                let mut table = vec![0; old_len as usize];
                self.file.read_exact_at(&mut table, old)?;
                table.resize((clusters * cluster) as usize, 0);
                let at = state.counts.allocate(&self.file, clusters)?;
                self.file.write_all_at(&table, at)?;
                at
            }
        };
        let mut fields = [0; 24];
        fields[..8].copy_from_slice(&size.to_be_bytes());
        fields[12..16].copy_from_slice(&l1_size.to_be_bytes());
        fields[16..].copy_from_slice(&l1_offset.to_be_bytes());
        self.file.write_all_at(&fields, SIZE_AND_L1)?;
        let header = &mut state.header;
        (header.size, header.l1_size, header.l1_offset) = (size, l1_size, l1_offset);
        match l1_offset == old || old_len == 0 {
            true => Ok(()),
            false => Ok(state.counts.release(&self.file, old, old_len)?),
        }
    }
}
