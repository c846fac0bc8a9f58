//! Vagrant boxes: an archive of the provider's image, `metadata.json` and a Vagrantfile that gives the
//! machine UEFI, which neither provider has by itself.
//!
//! The archive is not compressed once more: the images in it are.

use serde_json::json;

use super::Hardware;
use super::contents::{Body, Contents};
use crate::format::Disk;
use crate::format::convert::Target;
use crate::size::GIB;

/// The network card's address, which VirtualBox' provider wants to know: it gives every machine another.
const BASE_MAC: &str = "080027B00751";

/// A box for libvirt.
pub(super) fn libvirt(disk: &Disk, hardware: &Hardware) -> Contents {
    let metadata = json!({
        "provider": "libvirt",
        "format": "qcow2",
        "virtual_size": disk.size().div_ceil(GIB),
        "architecture": "amd64",
    });
    let settings = [
        "libvirt.machine_type = \"q35\"".to_owned(),
        "libvirt.loader = \"/usr/share/OVMF/OVMF_CODE.fd\"".to_owned(),
        "libvirt.disk_bus = \"virtio\"".to_owned(),
        format!("libvirt.memory = {}", hardware.memory_mib()),
        format!("libvirt.cpus = {}", hardware.cpus),
    ];
    Contents {
        texts: texts(&metadata, vagrantfile("libvirt", &[], &settings)),
        // Every libvirt's QEMU reads DEFLATE.
        disk: Body::Image("box.img", Target::Qcow2Deflate),
    }
}

/// A box for VirtualBox.
pub(super) fn virtualbox(hardware: &Hardware) -> Contents {
    let metadata = json!({ "provider": "virtualbox", "architecture": "amd64" });
    let base = [format!("config.vm.base_mac = \"{BASE_MAC}\"")];
    let settings = [
        "virtualbox.customize [\"modifyvm\", :id, \"--firmware\", \"efi\"]".to_owned(),
        format!("virtualbox.memory = {}", hardware.memory_mib()),
        format!("virtualbox.cpus = {}", hardware.cpus),
    ];
    let vagrantfile = vagrantfile("virtualbox", &base, &settings);
    Contents { texts: texts(&metadata, vagrantfile), disk: Body::Ovf("box".into()) }
}

fn texts(metadata: &serde_json::Value, vagrantfile: String) -> Vec<(&'static str, String)> {
    vec![("metadata.json", format!("{metadata:#}\n")), ("Vagrantfile", vagrantfile)]
}

fn vagrantfile(provider: &str, base: &[String], settings: &[String]) -> String {
    let base: String = base.iter().map(|line| format!("  {line}\n")).collect();
    let settings: String = settings.iter().map(|line| format!("    {line}\n")).collect();
    format!(
        "Vagrant.configure(\"2\") do |config|\n{base}  config.vm.provider :{provider} do |{provider}|\n\
         {settings}  end\nend\n"
    )
}
