//! Vagrant boxes: an archive of the provider's image, `metadata.json` and a Vagrantfile that gives the
//! machine UEFI, which neither provider has by itself.
//!
//! The archive is not compressed once more: the images in it are.

use serde_json::json;

use super::archive::Archive;
use super::{Hardware, ova};
use crate::error::Result;
use crate::format::Disk;
use crate::format::convert::{Target, convert};
use crate::size::GIB;
use crate::volume::Volume;

/// The network card's address, which VirtualBox' provider wants to know: it gives every machine another.
const BASE_MAC: &str = "080027B00751";

/// Writes a box for libvirt; its length.
pub(super) fn libvirt(
    disk: &Disk,
    volume: &Volume<'_>,
    hardware: &Hardware,
    progress_fn: &(dyn Fn(u64) + Sync),
) -> Result<u64> {
    let mut archive = Archive::new(volume);
    let metadata = json!({
        "provider": "libvirt",
        "format": "qcow2",
        "virtual_size": disk.size().div_ceil(GIB),
        "architecture": "amd64",
    });
    archive.add("metadata.json", text(&metadata).as_bytes())?;
    let settings = [
        "libvirt.machine_type = \"q35\"".to_owned(),
        "libvirt.loader = \"/usr/share/OVMF/OVMF_CODE.fd\"".to_owned(),
        "libvirt.disk_bus = \"virtio\"".to_owned(),
        format!("libvirt.memory = {}", hardware.memory_mib()),
        format!("libvirt.cpus = {}", hardware.cpus),
    ];
    archive.add("Vagrantfile", vagrantfile("libvirt", &[], &settings).as_bytes())?;
    // Every libvirt's QEMU reads DEFLATE.
    let write_disk = |part: &Volume<'_>| convert(disk, Target::Qcow2Deflate, part, progress_fn);
    archive.image("box.img", write_disk)?;
    Ok(archive.finish())
}

/// Writes a box for VirtualBox; its length.
pub(super) fn virtualbox(
    disk: &Disk,
    volume: &Volume<'_>,
    hardware: &Hardware,
    progress_fn: &(dyn Fn(u64) + Sync),
) -> Result<u64> {
    let mut archive = Archive::new(volume);
    let metadata = json!({ "provider": "virtualbox", "architecture": "amd64" });
    archive.add("metadata.json", text(&metadata).as_bytes())?;
    let base = [format!("config.vm.base_mac = \"{BASE_MAC}\"")];
    let settings = [
        "virtualbox.customize [\"modifyvm\", :id, \"--firmware\", \"efi\"]".to_owned(),
        format!("virtualbox.memory = {}", hardware.memory_mib()),
        format!("virtualbox.cpus = {}", hardware.cpus),
    ];
    archive.add("Vagrantfile", vagrantfile("virtualbox", &base, &settings).as_bytes())?;
    ova::add(disk, volume, &mut archive, hardware, "box", progress_fn)?;
    Ok(archive.finish())
}

fn text(metadata: &serde_json::Value) -> String {
    format!("{metadata:#}\n")
}

fn vagrantfile(provider: &str, base: &[String], settings: &[String]) -> String {
    let base: String = base.iter().map(|line| format!("  {line}\n")).collect();
    let settings: String = settings.iter().map(|line| format!("    {line}\n")).collect();
    format!(
        "Vagrant.configure(\"2\") do |config|\n{base}  config.vm.provider :{provider} do |{provider}|\n\
         {settings}  end\nend\n"
    )
}
