//! Which disk image format a file has, from its first bytes (of VHD and VMDK also its last).
//!
//! Sources: QEMU `docs/interop/qcow2.txt`; Microsoft's VHD 1.0 and [MS-VHDX]; VMware's Virtual Disk Format
//! 5.0; VirtualBox' VDI header. Read is what the header says: sizes, backing file, encryption. Left out:
//! the contents, snapshots, VMDKs of several files.

use std::fmt;

use crate::bytes::{Guid, le32, le64};
use crate::error::{Result, shown_bytes};
use crate::volume::Window;

/// A disk image format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The bytes of the disk as they are.
    Raw,
    /// QEMU's copy-on-write format, version 2 or 3.
    Qcow2,
    /// Microsoft's Virtual PC format.
    Vhd,
    /// Hyper-V's format.
    Vhdx,
    /// VMware's sparse extent or descriptor file.
    Vmdk,
    /// VirtualBox' format.
    Vdi,
}

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatInfo {
    /// The format.
    pub format: Format,
    /// Bytes of the disk that the guest sees, where the header says so.
    pub virtual_size: Option<u64>,
    /// More that is worth knowing: a name and a value each.
    pub facts: Vec<(&'static str, String)>,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Format::Raw => "raw",
            Format::Qcow2 => "qcow2",
            Format::Vhd => "vhd",
            Format::Vhdx => "vhdx",
            Format::Vmdk => "vmdk",
            Format::Vdi => "vdi",
        })
    }
}

/// What a fixed VHD ends with and a dynamic one starts with, too.
const VHD_COOKIE: &[u8] = b"conectix";

/// Bytes of a VHD footer.
const VHD_FOOTER: u64 = 512;

/// The longest backing file name of qcow2.
const BACKING_MAX: usize = 1023;

impl FormatInfo {
    /// Looks at a file.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read(window: &Window) -> Result<Self> {
        let head = window.bytes(0, 4096)?;
        if head.starts_with(b"QFI\xfb") {
            return qcow2(&head, window);
        }
        if head.starts_with(VHD_COOKIE) {
            return Ok(vhd(&head));
        }
        if head.starts_with(b"vhdxfile") {
            let creator: Vec<u16> =
                head[8..].chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect();
            let end = creator.iter().position(|unit| *unit == 0).unwrap_or(0).min(256);
            let creator = String::from_utf16_lossy(&creator[..end]);
            return Ok(info(Format::Vhdx, None, vec![("creator", plain(&creator))]));
        }
        if head.starts_with(b"KDMV") {
            return Ok(vmdk(&head));
        }
        if head.starts_with(b"# Disk DescriptorFile") {
            return Ok(info(Format::Vmdk, None, vec![("kind", "descriptor".into())]));
        }
        if head.get(64..68) == Some(&[0x7f, 0x10, 0xda, 0xbe]) {
            return Ok(vdi(&head));
        }
        let footer = window.bytes(window.len().saturating_sub(VHD_FOOTER), VHD_FOOTER as usize)?;
        match footer.starts_with(VHD_COOKIE) && window.len() > VHD_FOOTER {
            true => Ok(vhd(&footer)),
            false => Ok(info(Format::Raw, Some(window.len()), Vec::new())),
        }
    }
}

fn info(
    format: Format,
    virtual_size: Option<u64>,
    facts: Vec<(&'static str, String)>,
) -> FormatInfo {
    FormatInfo { format, virtual_size, facts }
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    le32(bytes, at).unwrap_or(0).swap_bytes()
}

fn be64(bytes: &[u8], at: usize) -> u64 {
    le64(bytes, at).unwrap_or(0).swap_bytes()
}

/// Text from a file, as one line.
fn plain(text: &str) -> String {
    shown_bytes(text.as_bytes())
}

fn qcow2(head: &[u8], window: &Window) -> Result<FormatInfo> {
    let mut facts = vec![
        ("version", be32(head, 4).to_string()),
        ("cluster size", (1u64 << be32(head, 20).min(32)).to_string()),
        ("snapshots", be32(head, 60).to_string()),
    ];
    let (at, len) = (be64(head, 8), be32(head, 16) as usize);
    if at != 0 {
        let name = window.bytes(at, len.min(BACKING_MAX))?;
        facts.push(("backing file", shown_bytes(&name)));
    }
    match be32(head, 32) {
        0 => {}
        1 => facts.push(("encryption", "AES".into())),
        _ => facts.push(("encryption", "LUKS".into())),
    }
    // Version 3: incompatible features, of which the first two bits say that something went wrong.
    let features = if be32(head, 4) >= 3 { be64(head, 72) } else { 0 };
    for (bit, fact) in [(0, "dirty"), (1, "corrupt"), (2, "external data file")] {
        if features & 1 << bit != 0 {
            facts.push((fact, "yes".into()));
        }
    }
    Ok(info(Format::Qcow2, Some(be64(head, 24)), facts))
}

fn vhd(footer: &[u8]) -> FormatInfo {
    let kind = match be32(footer, 60) {
        2 => "fixed",
        3 => "dynamic",
        4 => "differencing",
        _ => "unknown",
    };
    let creator = shown_bytes(footer.get(28..32).unwrap_or_default());
    let facts = vec![("kind", kind.into()), ("creator", creator.trim().into())];
    info(Format::Vhd, Some(be64(footer, 48)), facts)
}

fn vmdk(head: &[u8]) -> FormatInfo {
    let sectors = le64(head, 12).unwrap_or(0);
    let kind = match le32(head, 8).unwrap_or(0) & 1 << 16 {
        0 => "sparse",
        _ => "stream-optimised",
    };
    let version = le32(head, 4).unwrap_or(0).to_string();
    info(Format::Vmdk, sectors.checked_mul(512), vec![("kind", kind.into()), ("version", version)])
}

fn vdi(head: &[u8]) -> FormatInfo {
    let kind = match le32(head, 76).unwrap_or(0) {
        1 => "dynamic",
        2 => "fixed",
        3 => "undo",
        4 => "differencing",
        _ => "unknown",
    };
    let uuid = head.get(392..408).and_then(|raw| raw.try_into().ok()).map(Guid::from_mixed_endian);
    let mut facts = vec![("kind", kind.to_owned())];
    facts.extend(uuid.map(|uuid| ("uuid", uuid.to_string())));
    info(Format::Vdi, le64(head, 368), facts)
}
