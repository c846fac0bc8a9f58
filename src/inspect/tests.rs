//! Kinds of files, and damage.

use super::*;
use crate::compress::{compress, gzip};
use crate::fs::iso9660;
use crate::initramfs::{newc, pack};
use crate::tree::{Node, Time, Tree, TreePath};
use crate::volume::Volume;
use proptest::prelude::*;

fn look(bytes: impl Into<Vec<u8>>) -> Item {
    content("x", &Window::from(bytes.into()), 0).expect("in memory")
}

fn tree() -> Tree {
    let mut tree = Tree::new(Time::EPOCH);
    let mut put = |name: &str, mode, bytes: &[u8]| {
        let path = TreePath::new(name.as_bytes()).expect("good");
        let node = Node::file(mode, Time::EPOCH, bytes.to_vec().into());
        tree.insert(path, node).expect("free");
    };
    put("init", 0o755, b"#!/bin/sh\n");
    put("lib/modules/6.1.0/kernel/fs/ext4.ko", 0o644, b"module");
    put("lib/firmware/a.bin", 0o644, b"firmware");
    tree
}

fn microcode() -> Vec<u8> {
    let mut tree = Tree::new(Time::EPOCH);
    let path = TreePath::new(b"kernel/x86/microcode/AuthenticAMD.bin").expect("good");
    tree.insert(path, Node::file(0o644, Time::EPOCH, vec![1].into())).expect("free");
    let mut bytes = Vec::new();
    newc::write(&tree, &mut bytes).expect("it fits");
    bytes
}

fn text(item: &Item, name: &str) -> String {
    match item.get(name) {
        Some(Value::Text(text)) => text.clone(),
        other => panic!("{name} is {other:?} in {item:?}"),
    }
}

#[test]
fn an_initramfs_says_its_segments_modules_and_init() {
    let bytes = [microcode(), vec![0; 4], pack(&tree(), 6).expect("packed")].concat();
    let item = look(bytes);
    assert_eq!((item.kind, item.problems.len()), ("initramfs", 0));
    assert_eq!(text(&item, "init"), "script for /bin/sh");
    assert_eq!(text(&item, "kernel modules"), "1 for 6.1.0");
    let kinds: Vec<_> = item.items.iter().map(|i| (i.kind, text(i, "encoding"))).collect();
    assert_eq!(kinds, [("microcode", "uncompressed".into()), ("segment", "gzip".into())]);
    assert_eq!(item.items[0].get("for"), Some(&Value::List(vec!["AMD".into()])));
}

#[test]
fn files_are_recognised_by_their_content() {
    for (bytes, kind) in [
        (Vec::new(), "empty"),
        (b"#!/bin/sh\necho\n".to_vec(), "script"),
        (b"#\n# Automatically generated file\n#\nCONFIG_EFI_STUB=y\n".to_vec(), "kernel-config"),
        (b"just words\n".to_vec(), "text"),
        (vec![0xde, 0xad, 0, 0xbe, 0xef], "unknown"),
        (compress(crate::compress::Format::Xz, 1, b"words").expect("xz"), "compressed"),
        (gzip(6, b"CONFIG_EFI_STUB=y\n"), "compressed"),
        (b"MZ".to_vec(), "pe"),
        (b"\x7fELF".to_vec(), "elf"),
        (b"\xd0\x0d\xfe\xed\0\0\0\x28".to_vec(), "device-tree"),
        ([&[0xff; 4096 + 40][..], b"_FVH"].concat(), "firmware-volume"),
        (b"!<arch>\ndebian-binary   ".to_vec(), "deb"),
    ] {
        assert_eq!(look(bytes).kind, kind);
    }
    let config = look(gzip(6, b"CONFIG_EFI_STUB=y\nCONFIG_EXT4_FS=m\n"));
    assert_eq!(config.items[0].kind, "kernel-config");
    assert_eq!(config.items[0].get("modules"), Some(&Value::List(vec!["EXT4_FS".into()])));
    // Compressed in itself, it is looked into as far as that goes and no deeper.
    let mut nested = b"words".to_vec();
    for _ in 0..20 {
        nested = gzip(1, &nested);
    }
    assert_eq!(look(nested).kind, "compressed");
}

#[test]
fn a_kernel_that_does_not_boot_here_is_described_all_the_same() {
    let kernel = crate::kernel::bzimage::tests::kernel;
    let facts = |at: usize, change: &[u8]| {
        let mut bytes = kernel();
        bytes[at..at + change.len()].copy_from_slice(change);
        let item = look(bytes);
        assert_eq!((item.kind, &item.problems[..]), ("kernel", &[][..]), "{item:?}");
        ["machine", "boot protocol", "release"].map(|fact| text(&item, fact))
    };
    assert_eq!(facts(0x236, &[0, 0]), ["x86, 32 bits", "2.15", "6.1.0-test"]);
    // A PE header would be one that is damaged.
    assert_eq!(facts(0, b"\xea\x05")[0], "x86-64");
    assert_eq!(facts(0x206, &[3, 2]), ["x86, 32 bits", "2.03", "6.1.0-test"]);
    let cut = look(&kernel()[..9000]);
    assert!(cut.problems[0].starts_with("it is truncated: it has 9000"), "{:?}", cut.problems);
    let mut arm64 = vec![0; 4096];
    arm64[0x38..0x3c].copy_from_slice(b"ARM\x64");
    arm64[100..141].copy_from_slice(b"Linux version 6.9.1-arm64 (me@here) #7 x\n");
    let item = look(arm64);
    assert_eq!((item.kind, text(&item, "release")), ("kernel", "6.9.1-arm64".into()));
    assert_eq!(item.get("EFI stub"), Some(&Value::Bool(false)));
}

#[test]
fn damage_is_a_problem_and_not_an_error() {
    let bytes = pack(&tree(), 6).expect("packed");
    let item = look(&bytes[..bytes.len() - 9]);
    assert_eq!(item.kind, "initramfs");
    assert!(item.problems[0].contains("gzip"), "{:?}", item.problems);
    let text = item.render();
    assert!(text.contains("! the gzip"), "{text}");
}

#[test]
fn the_tree_reads_as_one_and_the_json_has_stable_names() {
    let inner = Item::new("segment").at(512, 2048).fact("unpacked bytes", 7u64);
    let lines: Value = "one\ntwo".to_owned().into();
    let outer = Item::new("initramfs").named("a.img").fact("init", lines).child(inner);
    let outer = outer.child(Item::new("segment").fact("empty", "")).problem("it is odd");
    assert_eq!(
        outer.render(),
        "\
a.img: initramfs
│  ! it is odd
│  init  one
│        two
├─ segment, 2 KiB at 512
│     unpacked bytes  7
└─ segment
"
    );
    let json = serde_json::to_value(&outer).expect("serialises");
    assert_eq!(json["items"][0]["facts"]["unpacked_bytes"], 7);
    assert_eq!(json["items"][1].get("facts"), None);
    assert_eq!(json["problems"][0], "it is odd");
}

#[test]
fn the_schema_has_every_kind() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../doc/inspect.schema.json")).expect("it is JSON");
    let listed = schema["$defs"]["item"]["properties"]["kind"]["enum"].as_array().expect("a list");
    let kinds: Vec<_> = item::KINDS.iter().map(|(kind, _)| serde_json::json!(kind)).collect();
    assert_eq!(*listed, kinds);
}

fn texts(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::new(Time::EPOCH);
    for (name, text) in files {
        let path = TreePath::new(name.as_bytes()).expect("good");
        let node = Node::file(0o644, Time::EPOCH, text.as_bytes().to_vec().into());
        tree.insert(path, node).expect("free");
    }
    tree
}

fn optical(label: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let options = iso9660::Options {
        label: label.into(),
        time: Time::EPOCH,
        boot: Vec::new(),
        aligned: Vec::new(),
    };
    let plan = iso9660::plan(&texts(files), &options).expect("it fits");
    let file = tempfile::tempfile().expect("a temporary file");
    file.set_len(plan.size()).expect("room");
    plan.write(&Volume::new(&file, 0, plan.size())).expect("written");
    Window::new(file, plan.size()).bytes(0, plan.size() as usize).expect("readable")
}

#[test]
fn a_hybrid_iso_says_what_its_volume_boots_and_no_part_of_it_twice() {
    let config = "menuentry one {\n linux /vmlinuz quiet\n}\n";
    let mut bytes = optical("live", &[("boot/grub/grub.cfg", config), ("vmlinuz", "none")]);
    let mut hybrid = |first: u8| {
        bytes[446..510].fill(0);
        bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
        bytes[450] = 0xcd;
        bytes[454] = first;
        let sectors = (bytes.len() / 512) as u32 - u32::from(first);
        bytes[458..462].copy_from_slice(&sectors.to_le_bytes());
        look(bytes.clone())
    };
    let item = hybrid(1);
    assert_eq!((item.kind, item.items.len()), ("disk-image", 2));
    let kinds: Vec<_> = item.items[0].items.iter().map(|item| item.kind).collect();
    assert_eq!(kinds, ["config-file", "boot-entry"]);
    assert_eq!(text(&item.items[0].items[1], "arguments"), "quiet");
    // Where a partition has the volume, what boots stands behind the partitions, once.
    let item = hybrid(0);
    let kinds: Vec<_> = item.items.iter().map(|item| item.kind).collect();
    assert_eq!(kinds, ["iso9660", "partition", "config-file", "boot-entry"]);
    assert_eq!(text(&item.items[1], "holds"), "the ISO 9660 filesystem above");
    assert_eq!(item.items[1].items, []);
}

#[test]
fn an_esp_says_all_that_it_can_start() {
    let esp = texts(&[
        ("EFI/Microsoft/Boot/bootmgfw.efi", "MZ"),
        ("loader/loader.conf", "# of systemd-boot\ndefault debian\n\ntimeout 3\n"),
        ("loader/entries/a.conf", "title Debian\nlinux /EFI/none\noptions ro\n"),
    ]);
    let item = look(crate::image::sample::disk(&esp, &texts(&[]), crate::arch::SD_GPT_ESP));
    let names: Vec<_> = item.items[2..].iter().map(|item| &item.name[..]).collect();
    let windows = "/EFI/Microsoft/Boot/bootmgfw.efi";
    assert_eq!(names, [windows, "/loader/loader.conf", "/loader/entries/a.conf", "Debian"]);
    assert_eq!(text(&item.items[3], "sets"), "default debian\ntimeout 3");
}

#[test]
fn a_volume_without_its_end_says_so() {
    let disk = crate::image::sample::disk(&texts(&[]), &texts(&[]), crate::arch::SD_GPT_ESP);
    let disk = Image::from_window(Path::new("disk"), Window::from(disk)).expect("sound");
    for partition in disk.partitions() {
        let whole = partition.window.bytes(0, usize::MAX).expect("in memory");
        assert_eq!(look(whole.clone()).problems, [""; 0]);
        let cut = look(&whole[..whole.len() - 4096]);
        assert!(cut.problems[0].starts_with("its end is missing: it has "), "{cut:?}");
    }
}

#[test]
fn a_seed_says_its_instance_and_what_it_lacks() {
    let seed = |files: &[(&str, &str)]| look(optical("cidata", files));
    let item = seed(&[
        ("meta-data", "instance-id: i-1\nlocal-hostname: \"guest\"\n"),
        ("user-data", "#cloud-config\nusers: []\n"),
    ]);
    assert_eq!((item.kind, &item.problems[..]), ("cloud-init-seed", &[][..]), "{item:?}");
    assert_eq!(text(&item, "instance ID"), "i-1");
    assert_eq!(text(&item, "hostname"), "guest");
    assert_eq!(text(&item, "user-data"), "#cloud-config, 24 bytes");
    let item = seed(&[("user-data", "#!/bin/sh\n")]);
    assert_eq!(item.problems, ["it has no meta-data: cloud-init ignores it"]);
}

#[test]
fn signatures_are_shown_and_judged() {
    let signed = include_bytes!("../efi/signature/fixture/signed.efi");
    let item = look(&signed[..]);
    assert_eq!(
        (item.kind, text(&item, "program")),
        ("efi-program", "test 1.0 (bootwright)".into())
    );
    let found: Vec<_> = item.items.iter().filter(|i| i.kind == "signature").collect();
    assert_eq!(found.len(), 2);
    assert_eq!(text(found[1], "signed by"), "CN=Test Signer Second,O=bootwright");
    assert_eq!(found[1].get("matches the file"), Some(&Value::Bool(true)));
    let mut changed = signed.to_vec();
    changed[1024] ^= 1;
    let item = look(changed);
    let found = item.items.iter().filter(|i| i.kind == "signature");
    assert!(found.into_iter().all(|i| i.problems[0].contains("changed after it was signed")));
}

#[test]
fn a_bmp_is_a_picture() {
    let mut bytes = b"BM".to_vec();
    bytes.resize(14, 0);
    bytes.extend([40u32, 640, (-480i32) as u32].map(u32::to_le_bytes).concat());
    bytes.resize(100, 0);
    assert_eq!(text(&look(bytes), "pixels"), "640 x 480");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn random_files_never_panic(
        magic in prop::sample::select(vec![
            &b"MZ"[..], b"\x7fELF\x02\x01", b"!<arch>\n", b"070701", b"\x1f\x8b\x08", b"hsqs", b"QFI\xfb",
            b"\x28\xb5\x2f\xfd", b"#!", b"KDMV", b"BZh9", b"\x02\x21\x4c\x18", b"\x5d\0\0\x80\0", b"",
        ]),
        bytes in prop::collection::vec(any::<u8>(), 0..3000),
    ) {
        look([magic, &bytes].concat()).render();
    }

    #[test]
    fn damaged_files_never_panic(
        which in 0..4usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = match which {
            0 => [microcode(), pack(&tree(), 6).expect("packed")].concat(),
            1 => {
                let deb = b"2.0\n";
                let header = |name: &str, len| format!("{name:<16}{:<32}{len:<10}`\n", 0);
                let control = gzip(6, &[0; 1024]);
                [
                    b"!<arch>\n".to_vec(),
                    header("debian-binary", 4).into_bytes(),
                    deb.to_vec(),
                    header("control.tar.gz", control.len()).into_bytes(),
                    control,
                ]
                .concat()
            }
            2 => crate::elf::tests::image(2, 0, &[(1, 1, b"\x90", 0), (3, 0, b"/lib/ld\0", 0)], &[]),
            _ => microcode(),
        };
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        look(bytes).render();
    }
}
