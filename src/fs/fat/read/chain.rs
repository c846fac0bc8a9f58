//! Chains of clusters: where the bytes of a file are.

use super::{Fat, FatReadError};
use crate::error::Result;
use crate::tree::Extent;

impl Fat {
    /// Exactly `len` bytes of the chain that starts at a cluster, clusters side by side as one run.
    ///
    /// # Errors
    /// Where the chain has fewer, is damaged, or cannot be read.
    pub(super) fn extents(&self, start: u32, len: u64) -> Result<Vec<Extent>> {
        let damaged = || FatReadError::Chain(start);
        let mut runs: Vec<Extent> = Vec::new();
        if len > u64::from(self.clusters) * self.cluster_size {
            return Err(damaged().into());
        }
        let (mut at, mut next) = (0, Some(start));
        while at < len {
            let cluster = next.ok_or_else(damaged)?;
            let from = self.place(cluster).ok_or_else(damaged)?;
            let size = self.cluster_size.min(len - at);
            match runs.last_mut() {
                Some(last) if last.from + last.len == from => last.len += size,
                _ => runs.push(Extent { at, from, len: size }),
            }
            at += size;
            if at < len {
                next = self.next(cluster)?;
            }
        }
        Ok(runs)
    }

    /// The same bytes in memory.
    ///
    /// # Errors
    /// As [`Fat::extents`], or where the volume ends before.
    pub(super) fn chain_bytes(&self, start: u32, len: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for run in self.extents(start, len)? {
            let chunk = self.window.bytes(run.from, run.len as usize)?;
            if (chunk.len() as u64) < run.len {
                return Err(FatReadError::Chain(start).into());
            }
            bytes.extend(chunk);
        }
        Ok(bytes)
    }
}
