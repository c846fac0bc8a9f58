//! ELF: programs, what they need to start, kernel modules.

use bootwright::arch::X86_64;
use bootwright::elf::Elf;
use bootwright::kernel::modules::Modinfo;
use bootwright::tree::elf::{Sysroot, closure as closure_of};
use bootwright::tree::{Content, Node, Time, Tree, TreePath};

/// A program header: its kind, its flags, what it covers.
type Part<'a> = (u32, u32, &'a [u8]);

/// An ELF file for x86-64 of this type, with these program headers and these sections.
pub(super) fn image(kind: u16, parts: &[Part<'_>], sections: &[(&str, &[u8])]) -> Vec<u8> {
    let start = 64 + parts.len() * 56;
    let (mut headers, mut data, mut names) = (Vec::new(), Vec::new(), vec![0]);
    for (kind, flags, content) in parts {
        let (at, len) = ((start + data.len()) as u64, content.len() as u64);
        headers.extend([kind.to_le_bytes(), flags.to_le_bytes()].concat());
        headers.extend([at, at, at, len, len, 1].map(u64::to_le_bytes).concat());
        data.extend_from_slice(content);
    }
    let mut table = vec![0; 64];
    let all = sections.iter().copied().chain([(".shstrtab", &[][..])]);
    for (name, content) in all {
        let at = names.len() as u32;
        names.extend([name.as_bytes(), b"\0"].concat());
        let content = if name == ".shstrtab" { &names[..] } else { content };
        let (offset, len) = ((start + data.len()) as u64, content.len() as u64);
        table.extend([at, 1].map(u32::to_le_bytes).concat());
        table.extend([0, 0, offset, len, 0, 1, 0].map(u64::to_le_bytes).concat());
        data.extend_from_slice(content);
    }
    let count = sections.len() as u16 + 2;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend([kind, X86_64.elf_machine].map(u16::to_le_bytes).concat());
    file.extend(1u32.to_le_bytes());
    file.extend([start as u64, 64, (start + data.len()) as u64].map(u64::to_le_bytes).concat());
    file.extend([0; 4]);
    file.extend([64, 56, parts.len() as u16, 64, count, count - 1].map(u16::to_le_bytes).concat());
    [file, headers, data, table].concat()
}

/// A static program and a dynamic one.
pub(super) fn elf_seeds() -> Vec<Vec<u8>> {
    let code: Part<'_> = (1, 5, b"\x90\x90\x90\xc3");
    let interpreter: Part<'_> = (3, 4, b"/lib64/ld-linux-x86-64.so.2\0");
    let entry = |tag: u64, value: u64| [tag.to_le_bytes(), value.to_le_bytes()].concat();
    // NEEDED and RUNPATH in a string table whose address a fuzzer may find.
    let dynamic = [(5, 64), (10, 64), (1, 1), (29, 11), (0, 0)].map(|(t, v)| entry(t, v)).concat();
    let strings: Part<'_> = (1, 4, b"\0libc.so.6\0$ORIGIN/lib\0");
    let parts = [strings, code, interpreter, (2, 6, &dynamic)];
    let mut needs = image(3, &parts, &[]);
    // The string table is the first part.
    let at = (64 + parts.len() * 56) as u64;
    let place = needs.windows(16).position(|window| window == entry(5, 64));
    if let Some(place) = place {
        needs[place + 8..place + 16].copy_from_slice(&at.to_le_bytes());
    }
    vec![image(2, &[code], &[]), needs]
}

pub(super) fn elf(input: &[u8]) {
    let Ok(elf) = Elf::parse(input, &X86_64) else { return };
    let _ = (elf.static_program(), elf.interpreter(), elf.libraries(), elf.library_path());
    let _ = (elf.section(b".modinfo"), elf.is_program(), elf.is_relocatable());
}

/// An input is the program, `LIBRARY`, then the loader's cache.
pub(super) fn closure(input: &[u8]) {
    const MARK: &[u8] = b"LIBRARY";
    let cut = input.windows(MARK.len()).position(|window| window == MARK);
    let (program, cache) =
        cut.map_or((input, &[][..]), |at| (&input[..at], &input[at + MARK.len()..]));
    let mut tree = Tree::new(Time::EPOCH);
    let mut put = |name: &str, bytes: &[u8]| {
        let node = Node::file(0o755, Time::EPOCH, Content::from(bytes.to_vec()));
        let _ = TreePath::new(name.as_bytes()).map(|path| tree.insert(path, node));
    };
    let files = [
        ("bin/program", program),
        ("lib64/ld-linux-x86-64.so.2", program),
        ("bin/lib/libc.so.6", program),
        ("etc/ld.so.cache", cache),
        ("etc/ld.so.conf", cache),
    ];
    files.iter().for_each(|(name, bytes)| put(name, bytes));
    let Ok(path) = TreePath::new(b"bin/program") else { return };
    let _ = closure_of(Sysroot::Tree(&tree), &[path]);
}

pub(super) fn closure_seeds() -> Vec<Vec<u8>> {
    let cache = b"LIBRARYinclude /etc/*.conf\n/usr/local/lib\n";
    let script = b"#!/usr/bin/env program\n".to_vec();
    elf_seeds().into_iter().map(|elf| [&elf[..], cache].concat()).chain([script]).collect()
}

pub(super) fn modinfo(input: &[u8]) {
    let _ = Modinfo::parse(input, &X86_64);
}

pub(super) fn modinfo_seeds() -> Vec<Vec<u8>> {
    let info = b"name=virtio_blk\0depends=virtio,virtio_ring\0vermagic=6.1.0 SMP \0softdep=pre: a b post: c\0";
    vec![image(1, &[], &[(".modinfo", info)])]
}
