//! Small ELF files made here, the host's own programs, and damaged bytes.

use proptest::prelude::*;

use super::*;
use crate::arch::X86_64;

/// Program header: kind, flags, content, virtual address.
type Part<'a> = (u32, u32, &'a [u8], u64);

/// An ELF file of this type with these program headers and named sections, entered at `entry`.
pub(crate) fn image(
    kind: u16,
    entry: u64,
    parts: &[Part<'_>],
    sections: &[(&str, &[u8])],
) -> Vec<u8> {
    let mut names = vec![0];
    let mut data = Vec::new();
    let start = 64 + parts.len() * 56;
    let mut headers = Vec::new();
    for (part_kind, flags, content, address) in parts {
        let (at, len) = ((start + data.len()) as u64, content.len() as u64);
        headers.extend(part_kind.to_le_bytes());
        headers.extend(flags.to_le_bytes());
        [at, *address, *address, len, len, 1].iter().for_each(|v| headers.extend(v.to_le_bytes()));
        data.extend_from_slice(content);
    }
    let mut table = vec![0; 64];
    let mut section = |name: usize, at: usize, len: usize| {
        table.extend((name as u32).to_le_bytes());
        table.extend(1u32.to_le_bytes());
        let fields = [0, 0, at as u64, len as u64, 0, 1, 0];
        fields.iter().for_each(|v: &u64| table.extend(v.to_le_bytes()));
    };
    for (name, content) in sections {
        section(names.len(), start + data.len(), content.len());
        names.extend_from_slice(name.as_bytes());
        names.push(0);
        data.extend_from_slice(content);
    }
    let name = names.len();
    names.extend(b".shstrtab\0");
    section(name, start + data.len(), names.len());
    data.extend(names);
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    [kind, X86_64.elf_machine].iter().for_each(|v| file.extend(v.to_le_bytes()));
    file.extend(1u32.to_le_bytes());
    let tables = [entry, 64, (start + data.len()) as u64];
    tables.iter().for_each(|v| file.extend(v.to_le_bytes()));
    file.extend(0u32.to_le_bytes());
    let counts =
        [64, 56, parts.len() as u16, 64, sections.len() as u16 + 2, sections.len() as u16 + 1];
    counts.iter().for_each(|v: &u16| file.extend(v.to_le_bytes()));
    [file, headers, data, table].concat()
}

/// A program of one loaded part, with more program headers.
fn program(kind: u16, more: &[Part<'_>]) -> Vec<u8> {
    let code: Part<'_> = (PT_LOAD, PF_X, b"\x90\x90\x90\xc3", 0x1000);
    image(kind, 0x1001, &[&[code], more].concat(), &[])
}

fn judged(bytes: &[u8]) -> Result<Static, ElfError> {
    Elf::parse(bytes, &X86_64)?.static_program()
}

#[test]
fn static_programs_are_taken() {
    assert_eq!(judged(&program(ET_EXEC, &[])), Ok(Static::Fixed));
    assert_eq!(judged(&program(ET_DYN, &[])), Ok(Static::Pie));
}

#[test]
fn programs_that_need_something_else_say_what() {
    let interpreter: Part<'_> = (PT_INTERP, 0, b"/lib64/ld-linux-x86-64.so.2\0", 0);
    let error = judged(&program(ET_DYN, &[interpreter])).expect_err("dynamic").to_string();
    assert_eq!(
        error,
        "it is dynamically linked (asks for /lib64/ld-linux-x86-64.so.2), which the image does not have"
    );
    let tags = [DT_STRTAB, 0x2000, DT_STRSZ, 12, DT_NEEDED, 1, 0, 0];
    let dynamic: Vec<u8> = tags.iter().flat_map(|v| v.to_le_bytes()).collect();
    let parts = [(PT_DYNAMIC, 0, &dynamic[..], 0), (PT_LOAD, 0, b"\0libc.so.6\0\0", 0x2000)];
    assert_eq!(judged(&program(ET_DYN, &parts)), Err(ElfError::Needs("libc.so.6".into())));
}

#[test]
fn other_files_say_what_they_are() {
    let whole = program(ET_EXEC, &[]);
    let with = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        judged(&bytes)
    };
    assert_eq!(judged(b""), Err(ElfError::Empty));
    assert_eq!(judged(b"#! /bin/sh -e\necho"), Err(ElfError::Script("/bin/sh -e".into())));
    assert_eq!(judged(b"MZ"), Err(ElfError::NotElf));
    assert_eq!(judged(&whole[..5]), Err(ElfError::Truncated { has: 5, needs: 64 }));
    assert_eq!(with(EI_CLASS, 1), Err(ElfError::Class));
    assert_eq!(with(18, 183), Err(ElfError::Machine { found: 183, wanted: 62, arch: "x86_64" }));
    assert_eq!(with(16, 4), Err(ElfError::Type { found: 4, wanted: "program" }));
    assert_eq!(with(25, 0x20), Err(ElfError::Entry(0x2001)));
    let (has, needs) = (whole.len() as u64 - 1, whole.len() as u64);
    assert_eq!(judged(&whole[..whole.len() - 1]), Err(ElfError::Truncated { has, needs }));
}

#[test]
fn sections_are_found_by_their_whole_name() {
    let bytes = image(ET_REL, 0, &[], &[(".modinfo2", b"no"), (".modinfo", b"yes")]);
    let elf = Elf::parse(&bytes, &X86_64).expect("sound");
    assert!(elf.is_relocatable());
    assert_eq!(elf.section(b".modinfo"), Some(&b"yes"[..]));
    assert_eq!(elf.section(b".mod"), None);
}

#[test]
#[cfg(target_arch = "x86_64")]
fn this_test_is_dynamically_linked() {
    let own = std::fs::read(std::env::current_exe().expect("running")).expect("readable");
    assert!(matches!(judged(&own), Err(ElfError::Interpreter(_))), "{:?}", judged(&own));
}

proptest! {
    #[test]
    fn damaged_files_never_panic(
        damage in prop::collection::vec((0..400usize, any::<u8>()), 0..12),
        keep in 0..500usize,
    ) {
        let sections: [(&str, &[u8]); 1] = [(".modinfo", b"name=x\0")];
        let parts: [Part<'_>; 2] = [(PT_LOAD, PF_X, &[0; 64], 0), (PT_DYNAMIC, 0, &[1; 32], 0)];
        let mut bytes = image(ET_DYN, 0, &parts, &sections);
        damage.iter().for_each(|&(at, byte)| bytes[at % 450] = byte);
        bytes.truncate(keep.max(100));
        let _ = judged(&bytes);
        if let Ok(elf) = Elf::parse(&bytes, &X86_64) {
            let _ = elf.section(b".modinfo");
        }
    }

    #[test]
    fn random_bytes_behind_the_magic_never_panic(tail in prop::collection::vec(any::<u8>(), 0..200)) {
        let bytes = [b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0", &tail[..]].concat();
        let _ = judged(&bytes);
    }
}
