//! Texts: loader configurations, kernel configurations, command lines, manifests, console logs.

use std::path::Path;

use bootwright::boot::log::Log;
use bootwright::diagnosis::{self, explain_reader};
use bootwright::grub::script::Script;
use bootwright::kernel::cmdline::Cmdline;
use bootwright::kernel::config::Config;
use bootwright::seed::{File, Part, check};
use bootwright::tree::Time;
use bootwright::tree::manifest as list;

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

pub(super) fn grub_script(input: &[u8]) {
    let script = Script::parse(&String::from_utf8_lossy(input));
    let _ = (script.entries(), script.named("linux").count());
}

pub(super) fn grub_script_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "set timeout=5\nserial --unit=0 --speed=115200\nterminal_input console serial\n\
         menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'a' {\n\
         \tinsmod gzio; insmod part_gpt\n\tif [ x$feature = xy ]; then search --no-floppy --fs-uuid \
         --set=root 1-2; else search -f \"/vmlinuz\"; fi\n\tlinux /vmlinuz root=UUID=1 ro # why\n\
         \tinitrd /a.img /b.img\n}\nsubmenu \"More\" {\n menuentry \"One\" { linux /k \\\n  quiet }\n}\n",
        "function load { for x in a b; do echo ${x}; done; while true; do break; done }\nload && set a=$?\n",
    ])
}

pub(super) fn kernel_config(input: &[u8]) {
    if let Ok(config) = Config::parse(input) {
        let _ = (config.get("EFI_STUB"), bootwright::kernel::requirements::unmet(&config));
    }
}

pub(super) fn kernel_config_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "# Linux/x86 6.1.0 Kernel Configuration\nCONFIG_EFI_STUB=y\n# CONFIG_RD_LZO is not set\n\
             CONFIG_VIRTIO_BLK=m\nCONFIG_HZ=250\nCONFIG_CMDLINE=\"a \\\"b\\\"\"\n",
    ])
}

pub(super) fn cmdline(input: &[u8]) {
    let Ok(cmdline) = String::from_utf8_lossy(input).parse::<Cmdline>() else { return };
    let _ = (cmdline.text(), cmdline.get("root"), cmdline.iter().count());
}

pub(super) fn cmdline_seeds() -> Vec<Vec<u8>> {
    texts(&["root=PARTUUID=1-2 ro console=ttyS0,115200 dyndbg=\"file a +p\" \"foo=a b\" -- x"])
}

pub(super) fn manifest(input: &[u8]) {
    let _ = list::read(input, Path::new("/nowhere"), Time::EPOCH);
}

pub(super) fn manifest_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "# A manifest\ndir /dev 0755 0 0\nnod /dev/console 0600 0 0 c 5 1\nslink /bin usr/bin 0777 0 0\n\
             file /init init 0755 0 0 /linuxrc\npipe /p 0600 0 0\nsock /s 0600 0 0\n",
    ])
}

/// What is in a seed, whichever file of it it is.
pub(super) fn seed(input: &[u8]) {
    for part in Part::ALL {
        let file = File { part, origin: part.name().into(), bytes: input.to_vec() };
        let _ = check::files(&[file], &[]);
    }
}

pub(super) fn seed_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "#cloud-config\nusers:\n  - default\n  - name: a\n    passwd: $6$a$b\n    ssh_authorized_keys: [b]\n\
         write_files:\n  - {path: /a, permissions: 644, content: |\n      a\n    }\nruncmd: &x\n  - ls\n",
        "instance-id: a\nlocal-hostname: b\n",
        "network:\n  version: 2\n  ethernets: {eth0: {dhcp4: true}}\n",
        "#!/bin/sh\r\necho\r\n",
    ])
}

pub(super) fn explain(input: &[u8]) {
    if let Ok(explanation) = explain_reader(input) {
        let _ = explanation.summary();
    }
    let _ = diagnosis::explain(&Log::from_bytes(input));
}

/// Our own labelled logs start it; they are read where the repository is.
pub(super) fn explain_seeds() -> Vec<Vec<u8>> {
    let mut seeds = texts(&[
        "[    0.000000] Linux version 6.1.0 (me@here) #1 SMP\r\n[    0.1] Command line: root=/dev/vda2 console=ttyS0\r\n\
         [    1.5] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(254,2)\r\n",
        "\x1b[0m<6>[    1.0] Run /init as init process\n[ 2.0] Kernel panic - not syncing: Attempted to kill init! \
         exitcode=0x00007f00\nBUG: kernel NULL pointer dereference, address: 0000000000000000\n\
         CPU: 0 PID: 1 Comm: init Tainted: G W OE 6.1.0\nRIP: 0010:foo+0x1/0x2 [bar]\n",
        "> BdsDxe: failed to load Boot0001 \"UEFI Misc Device\" from PciRoot(0x0)/Pci(0x1,0x0): Not Found\n\
         error: file `/boot/grub/x86_64-efi/normal.mod' not found.\ngrub rescue> \n",
    ]);
    // UTF-16, as a Windows console saves it.
    let wide = "\u{feff}Booting Linux\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    seeds.push(wide);
    seeds
}
