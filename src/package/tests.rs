//! Packages, read back by tar and judged by their own manifests and by qemu-img.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::*;
use crate::format::judge::{content, qemu, qemu_img, raw, sample, scratch};

struct Written {
    folder: tempfile::TempDir,
    path: PathBuf,
}

fn written(export: Export) -> Written {
    let folder = scratch();
    let from = folder.path().join("disk.img");
    raw(&from, &sample());
    let path = folder.path().join(format!("out.{}", export.ending()));
    let disk = Disk::open(&from).expect("raw");
    let hardware = Hardware { name: "my disk".into(), memory: Size(512 * MIB), cpus: 2 };
    let outputs = export.write(&disk, &path, &hardware, &|_| {}).expect("written");
    outputs.into_iter().for_each(|output| output.commit().expect("committed"));
    Written { folder, path }
}

/// The members of an archive, in order, unpacked beside it.
fn members(written: &Written) -> Vec<(String, Vec<u8>)> {
    let file = std::fs::File::open(&written.path).expect("there");
    let mut archive = tar::Archive::new(file);
    let members = archive.entries().expect("an archive").map(|entry| {
        let mut entry = entry.expect("a member");
        assert_eq!(entry.header().mtime().expect("a time"), 0);
        let name = entry.path().expect("a name").display().to_string();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).expect("read");
        std::fs::write(written.folder.path().join(&name), &bytes).expect("written");
        (name, bytes)
    });
    members.collect()
}

/// Every file of a manifest hashes to what it says.
fn check_manifest(members: &BTreeMap<String, Vec<u8>>, manifest: &str) {
    let text = String::from_utf8(members[manifest].clone()).expect("text");
    assert_eq!(text.lines().count(), 2);
    for line in text.lines() {
        let (name, hash) = line.split_once(")= ").expect("a line of a manifest");
        let name = name.strip_prefix("SHA256(").expect("SHA-256");
        let digest = Sha256::digest(&members[name]);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, hex, "{name}");
    }
}

#[test]
fn an_ova_is_read_from_front_to_back_and_its_manifest_is_true() {
    let ova = written(Export::Ova);
    let list = members(&ova);
    let names: Vec<_> = list.iter().map(|(name, _)| &name[..]).collect();
    assert_eq!(names, ["my-disk.ovf", "my-disk.mf", "my-disk-disk1.vmdk"]);
    let members: BTreeMap<_, _> = list.into_iter().collect();
    check_manifest(&members, "my-disk.mf");
    let vmdk = ova.folder.path().join("my-disk-disk1.vmdk");
    assert!(content(&vmdk) == sample());
    let text = String::from_utf8(members["my-disk.ovf"].clone()).expect("text");
    let size = format!(
        "ovf:href=\"my-disk-disk1.vmdk\" ovf:size=\"{}\"",
        members["my-disk-disk1.vmdk"].len()
    );
    for part in [&size[..], "ovf:capacity=\"3145728\"", "vmw:key=\"firmware\" vmw:value=\"efi\""] {
        assert!(text.contains(part), "{part} in {text}");
    }
    if qemu_img().is_some() {
        qemu("compare -f vmdk -F raw", &[&vmdk, &ova.folder.path().join("disk.img")]);
    }
}

#[test]
fn boxes_have_what_their_providers_look_for() {
    let libvirt = written(Export::VagrantLibvirt);
    let list: BTreeMap<_, _> = members(&libvirt).into_iter().collect();
    let names: Vec<_> = list.keys().map(String::as_str).collect();
    assert_eq!(names, ["Vagrantfile", "box.img", "metadata.json"]);
    let metadata: serde_json::Value = serde_json::from_slice(&list["metadata.json"]).expect("JSON");
    assert_eq!((&metadata["provider"], &metadata["virtual_size"]), (&"libvirt".into(), &1.into()));
    assert!(content(&libvirt.folder.path().join("box.img")) == sample());

    let virtualbox = written(Export::VagrantVirtualbox);
    let list: BTreeMap<_, _> = members(&virtualbox).into_iter().collect();
    let names: Vec<_> = list.keys().map(String::as_str).collect();
    assert_eq!(names, ["Vagrantfile", "box-disk1.vmdk", "box.mf", "box.ovf", "metadata.json"]);
    check_manifest(&list, "box.mf");
    let text = String::from_utf8_lossy(&list["Vagrantfile"]).into_owned();
    assert!(text.contains("\"--firmware\", \"efi\""), "{text}");
}

#[test]
fn an_ami_is_raw_with_its_requests_and_two_exports_are_the_same() {
    let ami = written(Export::Ami);
    assert!(std::fs::read(&ami.path).expect("there") == sample());
    let request = |name: &str| -> serde_json::Value {
        let text = std::fs::read(ami.folder.path().join(name)).expect("there");
        serde_json::from_slice(&text).expect("JSON")
    };
    let import = request("out.ami.import-snapshot.json");
    assert_eq!(import["UserBucket"]["S3Key"], "out.ami.raw");
    let register = request("out.ami.register-image.json");
    assert_eq!(
        (&register["BootMode"], &register["Architecture"]),
        (&"uefi".into(), &"x86_64".into())
    );
    for export in [Export::Ova, Export::VagrantLibvirt, Export::VagrantVirtualbox] {
        let bytes = |w: Written| std::fs::read(w.path).expect("there");
        assert!(bytes(written(export)) == bytes(written(export)), "{export}");
    }
}

#[test]
fn names_and_endings_lead_to_exports() {
    for export in Export::all() {
        assert_eq!(export.name().parse(), Ok(export));
        assert!(!export.about().is_empty());
    }
    let of = |path: &str| Export::of_path(Path::new(path)).map(Export::name);
    assert_eq!(of("a.ova"), Some("ova"));
    assert_eq!(of("a.box"), Some("vagrant-libvirt"));
    assert_eq!(of("a.virtualbox.box"), Some("vagrant-virtualbox"));
    assert_eq!(of("a.ami.raw"), Some("ami"));
    assert_eq!(of("a.img"), Some("raw"));
    assert_eq!(of("a.doc"), None);
    assert!("qcow3".parse::<Export>().expect_err("none").to_string().contains("qcow2-zstd"));
}
