//! The disk and its loader: a copy of the demo with one thing changed on its ESP.

use std::fs;
use std::path::Path;

use bootwright::command::{Command, find_in_path};
use bootwright::compress::{gzip, read_all};
use bootwright::initramfs::newc;
use bootwright::tree::TreePath;

use super::loaders::with_esp;
use super::{Boot, Ends, Fault, Kit, Whole};
use crate::workbench::{demo, judge, text};

const fn fails(name: &'static str, lint: &'static str, boot: fn(&Kit) -> Boot) -> Fault {
    Fault { name, lint, boot, ends: Ends::Fails }
}

/// The ESP of the demo, as mtools want it.
fn esp(image: &Path) -> String {
    format!("{}@@1M", text(image))
}

fn remove(image: &Path, name: &str) {
    judge("mdel", &["-i", &esp(image), &format!("::/EFI/BOOT/{name}")]);
}

fn replace(image: &Path, name: &str, content: &[u8]) {
    let place = image.with_extension("new");
    fs::write(&place, content).expect("written");
    judge("mcopy", &["-o", "-i", &esp(image), text(&place), &format!("::/EFI/BOOT/{name}")]);
}

fn read(image: &Path, name: &str) -> Vec<u8> {
    let place = image.with_extension("old");
    judge("mcopy", &["-n", "-i", &esp(image), &format!("::/EFI/BOOT/{name}"), text(&place)]);
    let content = fs::read(&place).expect("copied");
    fs::remove_file(&place).expect("there");
    content
}

/// Changes the text of `grub.cfg`.
pub(super) fn configure(image: &Path, change_fn: impl Fn(String) -> String) {
    let text = String::from_utf8(read(image, "grub.cfg")).expect("text");
    let changed = change_fn(text.clone());
    assert_ne!(text, changed, "the fault is none");
    replace(image, "grub.cfg", changed.as_bytes());
}

/// Puts a core image of these modules and this prefix in the loader's place.
fn core_image(image: &Path, prefix: &str, modules: &[&str]) {
    let place = image.with_extension("efi");
    let program = find_in_path("grub-mkimage").expect("is_ready has looked");
    let assets = Kit::new().assets;
    let folder = assets.grub_modules().expect("resolved");
    Command::new(program)
        .args(["-O", "x86_64-efi", "-p", prefix, "-o", text(&place), "-d"])
        .arg(folder)
        .args(modules.iter().copied())
        .run()
        .expect("it builds");
    replace(image, "BOOTX64.EFI", &fs::read(&place).expect("there"));
}

const MODULES: [&str; 6] = ["part_gpt", "fat", "normal", "linux", "configfile", "echo"];

fn without(module: &str) -> Vec<&'static str> {
    MODULES.into_iter().filter(|name| *name != module).collect()
}

/// The demo as it is, on a machine with so many MiB.
fn on_demo(memory: u32) -> Boot {
    Boot::Whole(Whole { disk: fs::read(demo()).expect("built"), memory, is_secure: false })
}

pub(crate) const FAULTS: &[Fault] = &[
    fails("no loader", "uefi-no-fallback-loader", |_| {
        Boot::Disk(|image| remove(image, "BOOTX64.EFI"))
    }),
    fails("loader empty", "uefi-loader-empty", |_| {
        Boot::Disk(|image| replace(image, "BOOTX64.EFI", b""))
    }),
    fails("loader is no program", "uefi-loader-not-pe", |_| {
        Boot::Disk(|image| replace(image, "BOOTX64.EFI", &[b'x'; 5000]))
    }),
    fails("loader of another machine", "uefi-loader-wrong-arch", |_| {
        Boot::Disk(|image| {
            let mut loader = read(image, "BOOTX64.EFI");
            let header = u32::from_le_bytes(loader[0x3c..0x40].try_into().expect("four")) as usize;
            // IMAGE_FILE_MACHINE_ARM64, behind `PE\0\0`.
            loader[header + 4..header + 6].copy_from_slice(&[0x64, 0xaa]);
            replace(image, "BOOTX64.EFI", &loader);
        })
    }),
    fails("loader cut short", "uefi-loader-truncated", |_| {
        Boot::Disk(|image| {
            let loader = read(image, "BOOTX64.EFI");
            replace(image, "BOOTX64.EFI", &loader[..loader.len() / 2]);
        })
    }),
    fails("ESP without filesystem", "uefi-esp-not-fat", |_| {
        Boot::Disk(|image| {
            let mut bytes = fs::read(image).expect("there");
            bytes[1 << 20..(1 << 20) + 4096].fill(0);
            fs::write(image, bytes).expect("written");
        })
    }),
    fails("kernel not there", "grub-kernel-not-found", |_| {
        Boot::Disk(|image| remove(image, "vmlinuz"))
    }),
    fails("initramfs not there", "grub-initrd-not-found", |_| {
        Boot::Disk(|image| remove(image, "initramfs.img"))
    }),
    fails("initramfs without the disk's driver", "disk-driver-missing", |_| {
        Boot::Disk(|image| {
            let unpacked = read_all(&read(image, "initramfs.img")[..], 1 << 20).expect("gzip");
            let mut tree = newc::unpack(&unpacked).expect("an archive");
            assert!(tree.remove(&TreePath::new(b"lib").expect("good")), "the fault is none");
            let mut archive = Vec::new();
            newc::write(&tree, &mut archive).expect("it fits");
            replace(image, "initramfs.img", &gzip(6, &archive));
        })
    }),
    fails("kernel is text", "grub-bad-kernel", |_| {
        Boot::Disk(|image| replace(image, "vmlinuz", &b"no kernel\n".repeat(1000)))
    }),
    fails("no configuration", "grub-no-config", |_| Boot::Disk(|image| remove(image, "grub.cfg"))),
    fails("brace not closed", "grub-syntax-error", |_| {
        Boot::Disk(|image| configure(image, |text| text.replace('}', "")))
    }),
    fails("initrd before linux", "grub-kernel-not-loaded", |_| {
        Boot::Disk(|image| {
            configure(image, |text| {
                let is = |line: &str, name: &str| line.trim_start().starts_with(name);
                let initrd = text.lines().find(|line| is(line, "initrd")).expect("there");
                let rest = text.lines().filter(|line| !is(line, "initrd"));
                let line = |line: &str| match is(line, "linux") {
                    true => format!("{initrd}\n{line}\n"),
                    false => format!("{line}\n"),
                };
                rest.map(line).collect()
            })
        })
    }),
    fails("command without its module", "grub-command-missing", |_| {
        Boot::Disk(|image| configure(image, |text| text.replace("linux ", "linux16 ")))
    }),
    fails("root on a disk that is not there", "grub-disk-not-found", |_| {
        Boot::Disk(|image| {
            configure(image, |text| text.replace("menuentry", "set root=(hd7,gpt1)\nmenuentry"))
        })
    }),
    fails("GRUB without part_gpt", "grub-no-such-partition", |_| {
        Boot::Disk(|image| core_image(image, "(hd0,gpt7)/EFI/BOOT", &MODULES))
    }),
    fails("GRUB without FAT", "grub-unknown-filesystem", |_| {
        Boot::Disk(|image| core_image(image, "/EFI/BOOT", &without("fat")))
    }),
    fails("GRUB without normal mode", "grub-rescue-no-normal", |_| {
        // `linux` would bring it along.
        Boot::Disk(|image| core_image(image, "/EFI/BOOT", &["part_gpt", "fat"]))
    }),
    fails("a question to an older fwsetup", "loader-resets", |_| {
        Boot::Disk(|image| {
            core_image(image, "/EFI/BOOT", &[&MODULES[..], &["efifwsetup"]].concat());
            configure(image, |text| text.replace("menuentry", "fwsetup --is-supported\nmenuentry"));
        })
    }),
    fails("search for no filesystem", "grub-uuid-not-found", |_| {
        Boot::Disk(|image| {
            core_image(image, "/EFI/BOOT", &[&MODULES[..], &["search", "search_fs_uuid"]].concat());
            configure(image, |text| {
                let search =
                    "search --no-floppy --fs-uuid --set=root 00000000-1111-2222-3333-444444444444";
                let moved = format!("set root=(hd0,gpt2)\n{search}\nmenuentry");
                text.replace("menuentry", &moved)
            });
        })
    }),
    fails("loader in a vendor's directory", "uefi-loader-in-vendor-dir", |_| {
        Boot::Disk(|image| {
            let loader = image.with_extension("efi");
            fs::write(&loader, read(image, "BOOTX64.EFI")).expect("written");
            remove(image, "BOOTX64.EFI");
            judge("mmd", &["-i", &esp(image), "::/EFI/debian"]);
            let vendor = "::/EFI/debian/grubx64.efi";
            judge("mcopy", &["-i", &esp(image), text(&loader), vendor]);
        })
    }),
    fails("kernel cut short", "kernel-truncated", |_| {
        Boot::Disk(|image| {
            let kernel = read(image, "vmlinuz");
            replace(image, "vmlinuz", &kernel[..kernel.len() / 2]);
        })
    }),
    fails("a kernel in the loader's place", "efistub-no-cmdline", |_| {
        Boot::Disk(|image| {
            let kernel = read(image, "vmlinuz");
            remove(image, "vmlinuz");
            replace(image, "BOOTX64.EFI", &kernel);
        })
    }),
    fails("a disk for a BIOS", "uefi-disk-is-bios-only", |_| {
        Boot::Disk(|image| {
            let mut bytes = fs::read(image).expect("there");
            let end = bytes.len();
            bytes[512..34 * 512].fill(0);
            bytes[end - 33 * 512..].fill(0);
            // A table with the root partition only, and code that never ends.
            bytes[..2].copy_from_slice(&[0xeb, 0xfe]);
            let entry = [0x80, 0, 2, 0, 0x83, 0, 0, 0, 0, 0x80, 0, 0, 0, 0x70, 0, 0];
            bytes[446..462].copy_from_slice(&entry);
            fs::write(image, bytes).expect("written");
        })
    }),
    fails("no room for the firmware", "uefi-ram-too-small", |_| on_demo(24)),
    fails("little room for the firmware", "uefi-ram-too-small", |_| on_demo(40)),
    fails("no room for the kernel behind GRUB", "grub-out-of-memory", |_| on_demo(96)),
    fails("no room for the initramfs", "grub-out-of-memory", |kit| {
        let kernel = fs::read(kit.kernel()).expect("readable");
        let loader = read(demo(), "BOOTX64.EFI");
        let config =
            b"set timeout=0\nmenuentry x {\nlinux /vmlinuz console=ttyS0\ninitrd /initrd\n}\n";
        let files: [(&str, &[u8]); 4] = [
            ("EFI/BOOT/BOOTX64.EFI", &loader),
            ("EFI/BOOT/grub.cfg", config),
            ("vmlinuz", &kernel),
            ("initrd", &vec![0; 260 << 20]),
        ];
        Boot::Whole(Whole { disk: with_esp(&files), memory: 256, is_secure: false })
    }),
    fails("root= on no partition", "root-partuuid-not-found", |_| {
        Boot::Disk(|image| {
            let nobody = "root=PARTUUID=00000000-1111-2222-3333-444444444444 old=";
            configure(image, |text| text.replace("root=PARTUUID=", nobody))
        })
    }),
];
