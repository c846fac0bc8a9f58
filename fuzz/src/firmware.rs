//! What firmware starts: kernels, EFI programs, GRUB's core image.

use bootwright::arch::X86_64;
use bootwright::compress::{Format, compress, gzip};
use bootwright::efi::header::Headers;
use bootwright::efi::pe::EfiProgram;
use bootwright::efi::signature::Signature;
use bootwright::grub::embedded::Embedded;
use bootwright::grub::kernel_image::KernelImage;
use bootwright::kernel::bzimage::{BzImage, HEAD_MAX};
use bootwright::kernel::{ikconfig, payload};
use bootwright::volume::Window;

use super::programs::image;

/// Where the PE header is, its optional header, and the table of sections.
const PE: usize = 64;
const OPTIONAL: usize = PE + 24;
const TABLE: usize = OPTIONAL + 240;

pub(super) fn bzimage(input: &[u8]) {
    let head = &input[..input.len().min(HEAD_MAX)];
    let Ok(kernel) = BzImage::parse(head, input.len() as u64) else { return };
    let window = Window::from(input.to_vec());
    let _ = (payload::compression(&window, &kernel), ikconfig::config(&window, &kernel));
}

/// A kernel with a setup of one sector and a configuration in its payload.
pub(super) fn bzimage_seeds() -> Vec<Vec<u8>> {
    let config = compress(Format::Gzip, 6, b"CONFIG_EFI_STUB=y\n").expect("the level is one");
    let image = [b"IKCFG_ST", &config[..], b"IKCFG_ED"].concat();
    let kernel = |format: Format| {
        let mut payload = compress(format, 1, &image).expect("the level is one");
        payload.extend((image.len() as u32).to_le_bytes());
        let mut file = vec![0; 2 * 512];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"MZ");
        put(0x3c, &[0x40]);
        put(0x40, b"PE\0\0\x64\x86");
        put(0x1f1, &[1]);
        put(0x1f4, &(payload.len().div_ceil(16) as u32).to_le_bytes());
        put(0x1fe, &[0x55, 0xaa]);
        put(0x202, b"HdrS\x0f\x02");
        put(0x20e, &0x100u16.to_le_bytes());
        put(0x234, &[1, 0, 0b1011]);
        put(0x238, &2047u32.to_le_bytes());
        put(0x24c, &(payload.len() as u32).to_le_bytes());
        put(0x300, b"6.1.0-seed (me@here) #1\0");
        let end = file.len() + payload.len().next_multiple_of(16);
        file.extend(payload);
        file.resize(end, 0);
        file
    };
    [Format::Gzip, Format::Zstd, Format::Lz4Legacy].map(kernel).into()
}

pub(super) fn pe(input: &[u8]) {
    let _ = EfiProgram::parse(input, &X86_64);
    let window = Window::from(input.to_vec());
    let Ok(headers) = Headers::read(&window) else { return };
    let _ = headers.digest(&window);
    for &(offset, len, kind) in &headers.signatures {
        let bytes = window.bytes(offset.saturating_add(8), len as usize).unwrap_or_default();
        let _ = (Signature::of_program(&bytes, kind), Signature::of_module(&bytes));
    }
    let _ = headers.section(&window, ".sbat").map(|section| section.bytes(0, 4096));
}

/// A program with these sections, each in sectors of its own, and a signature of 16 bytes.
pub(super) fn program(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = vec![0; 1024];
    let word = u32::to_le_bytes;
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(60, &[PE as u8]);
    put(PE, b"PE\0\0\x64\x86");
    put(PE + 6, &[sections.len() as u8]);
    put(PE + 20, &[240, 0, 0x0e, 0x02]);
    put(OPTIONAL, &[0x0b, 0x02]);
    put(OPTIONAL + 16, &word(0x1000));
    put(OPTIONAL + 60, &word(1024));
    put(OPTIONAL + 68, &[10]);
    put(OPTIONAL + 108, &word(16));
    let (mut address, mut offset) = (0x1000, 1024);
    for (row, (name, bytes)) in sections.iter().enumerate() {
        let len = bytes.len() as u32;
        put(TABLE + row * 40, name.as_bytes());
        put(TABLE + row * 40 + 8, &[len, address, len, offset].map(word).concat());
        address += len.next_multiple_of(0x1000);
        offset += len.next_multiple_of(512);
    }
    put(OPTIONAL + 56, &word(address));
    put(OPTIONAL + 112 + 4 * 8, &[word(offset), word(16)].concat());
    for (_, bytes) in sections {
        file.extend_from_slice(bytes);
        file.resize(file.len().next_multiple_of(512), 0);
    }
    file.extend([16, 0, 0, 0, 0, 2, 2, 0]);
    file.extend([0; 8]);
    file
}

/// A unified kernel image.
pub(super) fn pe_seeds() -> Vec<Vec<u8>> {
    let sbat = b"sbat,1,SBAT Version,sbat,1,\n";
    let text = b"ID=debian\nVERSION_ID=12\n";
    let sections = [(".text", &b"\xc3"[..]), (".osrel", text), (".cmdline", b"root=/dev/vda2")];
    let signed = include_bytes!("../../src/efi/signature/fixture/signed.efi");
    let image = program(&[&sections[..], &[(".sbat", sbat), (".linux", b"MZ")]].concat());
    vec![image, signed.to_vec()]
}

/// The `Image` of arm64, an EFI zboot around it, and the start of a zImage.
pub(super) fn foreign_kernel_seeds() -> Vec<Vec<u8>> {
    let mut image = vec![0; 4096];
    image[0x38..0x3c].copy_from_slice(b"ARM\x64");
    let banner = b"Linux version 6.9.1 (me@here) #7 SMP\n";
    image[1000..1000 + banner.len()].copy_from_slice(banner);
    let packed = gzip(6, &image);
    let mut zboot = b"MZ\0\0zimg\x40\0\0\0".to_vec();
    zboot.extend((packed.len() as u32).to_le_bytes());
    zboot.resize(0x40, 0);
    zboot.extend(packed);
    let mut zimage = vec![0; 64];
    zimage[0x24..0x28].copy_from_slice(&[0x18, 0x28, 0x6f, 0x01]);
    vec![image, zboot, zimage]
}

pub(super) fn grub_kernel(input: &[u8]) {
    let _ = KernelImage::link(input, &X86_64);
}

pub(super) fn grub_kernel_seeds() -> Vec<Vec<u8>> {
    vec![include_bytes!("../../src/grub/kernel_image/fixture/kernel.o").to_vec()]
}

pub(super) fn grub_image(input: &[u8]) {
    if let Ok(program) = EfiProgram::parse(input, &X86_64) {
        let _ = Embedded::read(input, &program.sections);
    }
}

/// A core image with a prefix, a configuration and a module.
pub(super) fn grub_image_seeds() -> Vec<Vec<u8>> {
    let module = image(1, &[], &[(".modname", b"part_gpt\0")]);
    let objects =
        [(3u32, &b"/EFI/BOOT\0"[..]), (2, b"search --file /EFI/BOOT/grub.cfg\n\0"), (0, &module)];
    let mut body = Vec::new();
    for (kind, bytes) in objects {
        body.extend([kind, bytes.len() as u32 + 8].map(u32::to_le_bytes).concat());
        body.extend_from_slice(bytes);
    }
    let mut mods = 0x676d_696du32.to_le_bytes().to_vec();
    mods.extend([0; 4]);
    mods.extend([24, 24 + body.len() as u64].map(u64::to_le_bytes).concat());
    mods.extend(body);
    vec![program(&[("mods", &mods)])]
}
