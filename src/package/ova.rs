//! OVF in an archive: descriptor, manifest and disk, in the order that lets an importer read it once.

use sha2::{Digest, Sha256};

use super::Hardware;
use super::archive::Archive;
use super::ovf::Descriptor;
use crate::error::Result;
use crate::format::Disk;
use crate::format::convert::{Target, convert};
use crate::volume::Volume;

/// Bytes that are hashed at once.
const CHUNK: u64 = 1 << 20;

/// Adds descriptor, manifest and disk, whose names start with `stem`.
pub(super) fn add(
    disk: &Disk,
    volume: &Volume<'_>,
    archive: &mut Archive<'_>,
    hardware: &Hardware,
    stem: &str,
    progress_fn: &(dyn Fn(u64) + Sync),
) -> Result<()> {
    let (ovf, file) = (format!("{stem}.ovf"), format!("{stem}-disk1.vmdk"));
    let capacity = disk.size().next_multiple_of(512);
    let mut descriptor = Descriptor { hardware, file: &file, file_size: 0, capacity };
    // The first two members say how long the third is and what it hashes to: their lengths do not
    // depend on it, so that the disk can be written in its place.
    let len = descriptor.len_max();
    let manifest = |ovf_hash: &str, file_hash: &str| {
        format!("SHA256({ovf})= {ovf_hash}\nSHA256({file})= {file_hash}\n")
    };
    let no_hash = "0".repeat(64);
    let ovf_at = archive.reserve(&ovf, len as u64)?;
    let manifest_len = manifest(&no_hash, &no_hash).len() as u64;
    let manifest_at = archive.reserve(&format!("{stem}.mf"), manifest_len)?;
    let write_disk = |part: &Volume<'_>| convert(disk, Target::VmdkStream, part, progress_fn);
    let (file_at, file_size) = archive.image(&file, write_disk)?;
    descriptor.file_size = file_size;
    let text = descriptor.text(len);
    let file_hash = hash(volume, file_at, file_size)?;
    let manifest = manifest(&hex(&Sha256::digest(text.as_bytes())), &file_hash);
    volume.write_all_at(text.as_bytes(), ovf_at)?;
    volume.write_all_at(manifest.as_bytes(), manifest_at)?;
    Ok(())
}

fn hash(volume: &Volume<'_>, offset: u64, len: u64) -> Result<String> {
    let (mut digest, mut done) = (Sha256::new(), 0);
    let mut buffer = vec![0; CHUNK.min(len) as usize];
    while done < len {
        let part = (len - done).min(CHUNK) as usize;
        volume.read_exact_at(&mut buffer[..part], offset + done)?;
        digest.update(&buffer[..part]);
        done += part as u64;
    }
    Ok(hex(&digest.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
