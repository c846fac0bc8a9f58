//! A machine as a domain of libvirt: its XML, and nothing else.
//!
//! Reference: libvirt's "Domain XML format", and its schema `domain.rng`, which judges this in the
//! tests. What libvirt chooses better by itself (addresses, controllers) is left to it. Left out: every
//! bus but virtio, and what a guest does not need to boot.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::arch::Arch;
use crate::error::shown;
use crate::size::{MIB, Size};

/// A domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// Its name.
    pub name: String,
    /// The architecture: gives the machine type too.
    pub arch: Arch,
    /// Whether KVM executes the guest; else QEMU emulates it.
    pub kvm: bool,
    /// Its memory; rounded up to a MiB.
    pub memory: Size,
    /// Virtual CPUs.
    pub cpus: u32,
    /// The firmware.
    pub firmware: Firmware,
    /// Its disks, tried in this order; `vda`, `vdb` and so on.
    pub disks: Vec<Disk>,
    /// Its network card.
    pub network: Network,
}

/// Which UEFI starts the domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Firmware {
    /// What libvirt finds on its host, without Secure Boot; the variables are the domain's own.
    Found,
    /// These files: the code, and the template of the variables.
    Files {
        /// OVMF's CODE.
        loader: PathBuf,
        /// OVMF's VARS.
        template: PathBuf,
    },
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The image, with its whole path.
    pub path: PathBuf,
    /// Its format by QEMU's name.
    pub format: &'static str,
    /// Whether the guest only reads it.
    pub read_only: bool,
}

/// What the network card is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// The host's network through QEMU itself, which needs no privilege.
    User,
    /// A network of libvirt's.
    Named(String),
}

/// A path or name cannot be written in XML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be written in XML: it has control characters, or is not UTF-8")]
pub struct TextError(String);

impl Domain {
    /// A domain of 512 MiB and one CPU on KVM, with the firmware that libvirt finds, and no disk.
    pub fn new(name: impl Into<String>, arch: Arch) -> Self {
        Domain {
            name: name.into(),
            arch,
            kvm: true,
            memory: Size(512 * MIB),
            cpus: 1,
            firmware: Firmware::Found,
            disks: Vec::new(),
            network: Network::User,
        }
    }

    /// The document.
    ///
    /// # Errors
    /// Where a path or name has what XML has no way to write.
    pub fn xml(&self) -> Result<String, TextError> {
        let kind = if self.kvm { "kvm" } else { "qemu" };
        // `maximum` is what TCG calls all that it can do.
        let cpu = if self.kvm { "host-passthrough" } else { "maximum" };
        let mut xml = format!(
            "<domain type='{kind}'>\n  <name>{}</name>\n  <memory unit='MiB'>{}</memory>\n  \
             <vcpu>{}</vcpu>\n",
            name(&self.name)?,
            self.memory.0.div_ceil(MIB),
            self.cpus,
        );
        xml.push_str(&self.os()?);
        xml.push_str("  <features>\n    <acpi/>\n    <apic/>\n  </features>\n");
        line(&mut xml, format_args!("  <cpu mode='{cpu}'/>"));
        xml.push_str("  <clock offset='utc'/>\n");
        // A guest that panics is looked at, not started over and over.
        xml.push_str("  <on_poweroff>destroy</on_poweroff>\n  <on_reboot>restart</on_reboot>\n");
        xml.push_str("  <on_crash>destroy</on_crash>\n  <devices>\n");
        for (index, disk) in self.disks.iter().enumerate() {
            xml.push_str(&disk_xml(index, disk)?);
        }
        xml.push_str(&self.network_xml()?);
        xml.push_str(DEVICES);
        xml.push_str("  </devices>\n</domain>\n");
        Ok(xml)
    }

    fn os(&self) -> Result<String, TextError> {
        let machine = format!(
            "    <type arch='{}' machine='{}'>hvm</type>\n",
            self.arch.name, self.arch.machine
        );
        Ok(match &self.firmware {
            Firmware::Found => format!(
                "  <os firmware='efi'>\n{machine}    <firmware>\n      <feature enabled='no' \
                 name='secure-boot'/>\n    </firmware>\n  </os>\n"
            ),
            Firmware::Files { loader, template } => format!(
                "  <os>\n{machine}    <loader readonly='yes' type='pflash'{}>{}</loader>\n    <nvram \
                 template='{}'{}/>\n  </os>\n",
                if is_qcow2(loader) { " format='qcow2'" } else { "" },
                path(loader)?,
                path(template)?,
                if is_qcow2(template) { " templateFormat='qcow2' format='qcow2'" } else { "" },
            ),
        })
    }

    fn network_xml(&self) -> Result<String, TextError> {
        let source = match &self.network {
            Network::User => "    <interface type='user'>\n".to_owned(),
            Network::Named(network) => format!(
                "    <interface type='network'>\n      <source network='{}'/>\n",
                name(network)?
            ),
        };
        Ok(format!("{source}      <model type='virtio'/>\n    </interface>\n"))
    }
}

/// The serial port as the console, and what makes random numbers.
const DEVICES: &str = "    <serial type='pty'>
      <target port='0'/>
    </serial>
    <console type='pty'>
      <target type='serial' port='0'/>
    </console>
    <rng model='virtio'>
      <backend model='random'>/dev/urandom</backend>
    </rng>
";

fn disk_xml(index: usize, disk: &Disk) -> Result<String, TextError> {
    let (target, format, source) = (target(index), disk.format, path(&disk.path)?);
    let read_only = if disk.read_only { "      <readonly/>\n" } else { "" };
    // The seed is no disk to boot from.
    let boot = if disk.read_only {
        String::new()
    } else {
        format!("      <boot order='{}'/>\n", index + 1)
    };
    Ok(format!(
        "    <disk type='file' device='disk'>\n      <driver name='qemu' type='{format}'/>\n      \
         <source file='{source}'/>\n      <target dev='{target}' bus='virtio'/>\n{read_only}{boot}    \
         </disk>\n"
    ))
}

/// The name of a disk in the guest: `vda` to `vdz`, then `vdaa`; each is there once.
fn target(index: usize) -> String {
    let (mut letters, mut rest) = (Vec::new(), index + 1);
    while rest > 0 {
        rest -= 1;
        letters.push((b'a' + (rest % 26) as u8) as char);
        rest /= 26;
    }
    format!("vd{}", letters.into_iter().rev().collect::<String>())
}

fn path(path: &Path) -> Result<String, TextError> {
    name(path.to_str().ok_or_else(|| TextError(shown(path)))?)
}

/// XML has no control characters but tabs and line breaks, which no name has either.
fn name(text: &str) -> Result<String, TextError> {
    match text.contains(char::is_control) {
        false => Ok(escaped(text)),
        true => Err(TextError(shown(Path::new(text)))),
    }
}

/// Whether firmware is qcow2, as Fedora has it. It is on libvirt's host: its name has to do.
fn is_qcow2(firmware: &Path) -> bool {
    firmware.extension().is_some_and(|ending| ending == "qcow2")
}

/// Text as XML has it, in content and in attributes.
fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '\'' => xml.push_str("&apos;"),
            '"' => xml.push_str("&quot;"),
            _ => xml.push(c),
        }
    }
    xml
}

fn line(xml: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(xml, "{text}");
}

#[cfg(test)]
mod tests;
