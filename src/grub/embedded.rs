//! What a GRUB core image brings: its modules, its prefix and its embedded configuration, written and
//! read.
//!
//! Source: GRUB's `include/grub/kernel.h`: the section `mods` of the EFI program starts with a
//! `grub_module_info32` or `grub_module_info64`, and each object behind it with its type and size.
//! Memdisks, keys and device trees are seen but not read.

use crate::bytes::{le32, le64};
use crate::efi::pe::Section;
use crate::elf::Elf;
use crate::error::shown_bytes;

/// `GRUB_MODULE_MAGIC`, "mimg".
const MAGIC: u32 = 0x676d_696d;

/// `OBJ_TYPE_*`.
const OBJ_TYPE_ELF: u32 = 0;
const OBJ_TYPE_MEMDISK: u32 = 1;
const OBJ_TYPE_CONFIG: u32 = 2;
const OBJ_TYPE_PREFIX: u32 = 3;

/// Something to embed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A module: the file.
    Module(Vec<u8>),
    /// A configuration that runs before any other.
    Config(String),
    /// Where GRUB looks for its configuration and modules.
    Prefix(String),
}

impl Object {
    /// Its type, and its bytes; texts end with a NUL.
    fn into_parts(self) -> (u32, Vec<u8>) {
        let with_nul = |text: String| [text.as_bytes(), b"\0"].concat();
        match self {
            Object::Module(file) => (OBJ_TYPE_ELF, file),
            Object::Config(text) => (OBJ_TYPE_CONFIG, with_nul(text)),
            Object::Prefix(text) => (OBJ_TYPE_PREFIX, with_nul(text)),
        }
    }
}

/// The objects behind a `grub_module_info32` or `grub_module_info64`, whose `pointer_len` is 4 or 8: a
/// magic, where the objects start, and the length of all. Each starts at a multiple of it.
pub(super) fn mods(pointer_len: usize, objects: Vec<Object>) -> Vec<u8> {
    let mut mods = vec![0; 3 * pointer_len];
    for (kind, bytes) in objects.into_iter().map(Object::into_parts) {
        let len = 8 + bytes.len().next_multiple_of(pointer_len);
        mods.extend(kind.to_le_bytes());
        mods.extend((len as u32).to_le_bytes());
        mods.extend(bytes);
        mods.resize(mods.len().next_multiple_of(pointer_len), 0);
    }
    let fields = [MAGIC, 3 * pointer_len as u32, mods.len() as u32];
    for (field, value) in mods.chunks_exact_mut(pointer_len).zip(fields) {
        field[..4].copy_from_slice(&value.to_le_bytes());
    }
    mods
}

/// What is embedded in a core image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Embedded {
    /// Where it looks for its configuration and modules: `/EFI/BOOT`, `(hd0,gpt2)/boot/grub`.
    pub prefix: Option<String>,
    /// The names of its modules, in order.
    pub modules: Vec<String>,
    /// The configuration that runs before any other.
    pub config: Option<String>,
    /// Whether a filesystem image is embedded.
    pub memdisk: bool,
}

impl Embedded {
    /// Reads what is embedded in an EFI program with these sections; `None` where it is no GRUB core image.
    pub fn read(file: &[u8], sections: &[Section]) -> Option<Embedded> {
        let mut found = Embedded::default();
        for (_, kind, object) in objects(file, sections)? {
            found.take(kind, object);
        }
        Some(found)
    }

    /// Where the embedded filesystem image is in the file: offset and length in bytes.
    pub fn memdisk(file: &[u8], sections: &[Section]) -> Option<(u64, u64)> {
        let mut objects = objects(file, sections)?;
        let (offset, _, object) = objects.find(|(_, kind, _)| *kind == OBJ_TYPE_MEMDISK)?;
        Some((offset as u64, object.len() as u64))
    }

    fn take(&mut self, kind: u32, object: &[u8]) {
        let text = || shown_text(object.split(|&b| b == 0).next().unwrap_or_default());
        match kind {
            OBJ_TYPE_ELF => self.modules.extend(module_name(object)),
            OBJ_TYPE_MEMDISK => self.memdisk = true,
            OBJ_TYPE_CONFIG => self.config = Some(text()),
            OBJ_TYPE_PREFIX => self.prefix = Some(text()),
            _ => {}
        }
    }

    /// Whether a module is embedded.
    pub fn has(&self, module: &str) -> bool {
        self.modules.iter().any(|name| name == module)
    }
}

/// The objects in the section `mods`: offset in the file, type, bytes. `None` where there is no such
/// section of GRUB's.
fn objects<'a>(
    file: &'a [u8],
    sections: &[Section],
) -> Option<impl Iterator<Item = (usize, u32, &'a [u8])> + use<'a>> {
    let section = sections.iter().find(|section| section.name == "mods")?;
    let start = section.offset as usize;
    let mods = file.get(start..start.checked_add(section.len as usize)?)?;
    if le32(mods, 0)? != MAGIC {
        return None;
    }
    // Of 64 bits, what follows the magic is padding.
    let (at, end) = match le32(mods, 4)? {
        0 => (le64(mods, 8)?, le64(mods, 16)?),
        at => (at.into(), le32(mods, 8)?.into()),
    };
    let mut at = usize::try_from(at).ok()?;
    let end = usize::try_from(end).ok()?.min(mods.len());
    let all = mods.get(..end).filter(|mods| at <= mods.len())?;
    Some(std::iter::from_fn(move || {
        let rest = all.get(at..)?;
        let (kind, size) = (le32(rest, 0)?, le32(rest, 4)? as usize);
        let object = (start + at + 8, kind, rest.get(8..size)?);
        at += size;
        Some(object)
    }))
}

/// The name in a module's `.modname`.
fn module_name(module: &[u8]) -> Option<String> {
    let elf = Elf::read(module).ok()?;
    let name = elf.section(b".modname")?.split(|&b| b == 0).next()?;
    Some(shown_bytes(name))
}

/// Text of several lines.
fn shown_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::elf::tests::image;

    /// The section `mods` with these objects.
    pub(crate) fn mods(objects: &[(u32, Vec<u8>)]) -> Vec<u8> {
        let mut body = Vec::new();
        for (kind, object) in objects {
            body.extend(kind.to_le_bytes());
            body.extend((object.len() as u32 + 8).to_le_bytes());
            body.extend(object);
        }
        let mut mods = MAGIC.to_le_bytes().to_vec();
        mods.extend([0; 4]);
        mods.extend(24u64.to_le_bytes());
        mods.extend((24 + body.len() as u64).to_le_bytes());
        [mods, body].concat()
    }

    /// An EFI program whose only section is `mods` with these objects.
    pub(crate) fn core_image(objects: &[(u32, Vec<u8>)]) -> Vec<u8> {
        const PE: usize = 64;
        const OPTIONAL: usize = PE + 24;
        const TABLE: usize = OPTIONAL + 240;
        let mods = mods(objects);
        let len = mods.len() as u32;
        let mut file = vec![0; 512];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        let word = |value: u32| value.to_le_bytes();
        put(0, b"MZ");
        put(60, &[PE as u8]);
        put(PE, b"PE\0\0\x64\x86\x01");
        put(PE + 20, &[240, 0, 0x0e, 0x02]);
        put(OPTIONAL, &[0x0b, 0x02]);
        put(OPTIONAL + 16, &word(0x1000));
        put(OPTIONAL + 56, &word(0x1000 + len));
        put(OPTIONAL + 60, &word(512));
        put(OPTIONAL + 68, &[10]);
        put(OPTIONAL + 108, &word(16));
        put(TABLE, b"mods");
        put(TABLE + 8, &[len, 0x1000, len, 512].map(word).concat());
        [file, mods].concat()
    }

    pub(crate) fn prefix(path: &str) -> (u32, Vec<u8>) {
        (OBJ_TYPE_PREFIX, format!("{path}\0").into_bytes())
    }

    pub(crate) fn config(text: &str) -> (u32, Vec<u8>) {
        (OBJ_TYPE_CONFIG, format!("{text}\0").into_bytes())
    }

    pub(crate) fn module(name: &str) -> (u32, Vec<u8>) {
        let name = format!("{name}\0");
        (OBJ_TYPE_ELF, image(1, 0, &[], &[(".modname", name.as_bytes())]))
    }

    #[test]
    fn modules_prefix_and_config_are_read() {
        let file = mods(&[
            module("part_gpt"),
            module("fat"),
            config("set a=b\nc\n\0"),
            (OBJ_TYPE_PREFIX, b"/EFI/BOOT\0\0\0".to_vec()),
            (9, vec![1, 2, 3, 4]),
        ]);
        let of =
            |len: u32| [Section { name: "mods".into(), offset: 0, len, address: 0, size: len }];
        let sections = of(file.len() as u32);
        let found = Embedded::read(&file, &sections).expect("a core image");
        assert_eq!(found.modules, ["part_gpt", "fat"]);
        assert_eq!(found.prefix.as_deref(), Some("/EFI/BOOT"));
        assert_eq!(found.config.as_deref(), Some("set a=b\nc\n"));
        assert!(found.has("fat") && !found.has("ext2") && !found.memdisk);
        assert_eq!(Embedded::memdisk(&file, &sections), None);
        let with_memdisk = mods(&[module("fat"), (OBJ_TYPE_MEMDISK, b"hsqs".to_vec())]);
        let (at, len) =
            Embedded::memdisk(&with_memdisk, &of(with_memdisk.len() as u32)).expect("there");
        assert_eq!(with_memdisk[at as usize..][..len as usize], *b"hsqs");
        for cut in 0..file.len() {
            let _ = Embedded::read(&file[..cut], &sections);
        }
    }
    #[test]
    fn one_of_32_bits_is_read_too() {
        let objects = vec![Object::Prefix("/boot/grub".into()), Object::Config("set x\n".into())];
        for pointer_len in [4, 8] {
            let file = super::mods(pointer_len, objects.clone());
            let len = file.len() as u32;
            let section = Section { name: "mods".into(), offset: 0, len, address: 0, size: len };
            let found = Embedded::read(&file, &[section]).expect("a core image");
            assert_eq!(found.prefix.as_deref(), Some("/boot/grub"));
            assert_eq!(found.config.as_deref(), Some("set x\n"));
        }
    }
}
