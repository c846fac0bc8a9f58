//! The OVF descriptor (DMTF DSP0243 2.0): one disk, one machine with UEFI.
//!
//! Firmware has no place in OVF: VMware's `firmware` key is what importers look at. The controller is AHCI
//! and the network card an E1000, which every hypervisor that imports OVF has.

use super::Hardware;

/// The machine, its disk and where that is.
pub(super) struct Descriptor<'a> {
    pub(super) hardware: &'a Hardware,
    /// The VMDK's file name and its bytes.
    pub(super) file: &'a str,
    pub(super) file_size: u64,
    /// Bytes of the disk.
    pub(super) capacity: u64,
}

/// A row of the virtual hardware: what the type is called, and its elements in the schema's order.
type Item<'a> = (&'a str, Vec<(&'a str, String)>);

impl Descriptor<'_> {
    /// The text; spaces at its end, which XML does not mind, make it `len` bytes long.
    pub(super) fn text(&self, len: usize) -> String {
        let mut text = self.xml();
        let spaces = len.saturating_sub(text.len() + 1);
        text.push_str(&" ".repeat(spaces));
        text.push('\n');
        text
    }

    /// How long the text is at most, whatever the size of the file.
    pub(super) fn len_max(&self) -> usize {
        Descriptor { file_size: u64::MAX, ..*self }.xml().len() + 1
    }

    fn xml(&self) -> String {
        let Descriptor { hardware, file, file_size, capacity } = self;
        let name = hardware.plain_name();
        let items: String = self.items().iter().map(item).collect();
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<Envelope ovf:version="2.0" xml:lang="en-US"
  xmlns="http://schemas.dmtf.org/ovf/envelope/2"
  xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/2"
  xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
  xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
  xmlns:epasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_EthernetPortAllocationSettingData.xsd"
  xmlns:sasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_StorageAllocationSettingData.xsd"
  xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>
    <File ovf:id="file1" ovf:href="{file}" ovf:size="{file_size}"/>
  </References>
  <DiskSection>
    <Info>The disk</Info>
    <Disk ovf:diskId="disk1" ovf:fileRef="file1" ovf:capacity="{capacity}" ovf:capacityAllocationUnits="byte" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection>
    <Info>The network</Info>
    <Network ovf:name="nat">
      <Description>A network that reaches others</Description>
    </Network>
  </NetworkSection>
  <VirtualSystem ovf:id="{name}">
    <Info>The machine</Info>
    <Name>{name}</Name>
    <OperatingSystemSection ovf:id="101" vmw:osType="otherLinux64Guest">
      <Info>Linux, 64 bits</Info>
      <Description>Linux</Description>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Its hardware</Info>
      <System>
        <vssd:ElementName>Virtual hardware</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>{name}</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType>
      </System>
{items}      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>"#
        )
    }

    fn items(&self) -> Vec<Item<'static>> {
        let (cpus, memory) =
            (self.hardware.cpus.to_string(), self.hardware.memory_mib().to_string());
        let text = str::to_owned;
        vec![
            (
                "Item",
                vec![
                    ("rasd:AllocationUnits", text("hertz * 10^6")),
                    ("rasd:ElementName", text("processors")),
                    ("rasd:InstanceID", text("1")),
                    ("rasd:ResourceType", text("3")),
                    ("rasd:VirtualQuantity", cpus),
                ],
            ),
            (
                "Item",
                vec![
                    ("rasd:AllocationUnits", text("byte * 2^20")),
                    ("rasd:ElementName", text("memory")),
                    ("rasd:InstanceID", text("2")),
                    ("rasd:ResourceType", text("4")),
                    ("rasd:VirtualQuantity", memory),
                ],
            ),
            (
                "Item",
                vec![
                    ("rasd:Address", text("0")),
                    ("rasd:ElementName", text("SATA controller")),
                    ("rasd:InstanceID", text("3")),
                    ("rasd:ResourceSubType", text("AHCI")),
                    ("rasd:ResourceType", text("20")),
                ],
            ),
            (
                "StorageItem",
                vec![
                    ("sasd:AddressOnParent", text("0")),
                    ("sasd:ElementName", text("disk")),
                    ("sasd:HostResource", text("ovf:/disk/disk1")),
                    ("sasd:InstanceID", text("4")),
                    ("sasd:Parent", text("3")),
                    ("sasd:ResourceType", text("17")),
                ],
            ),
            (
                "EthernetPortItem",
                vec![
                    ("epasd:AutomaticAllocation", text("true")),
                    ("epasd:Connection", text("nat")),
                    ("epasd:ElementName", text("network card")),
                    ("epasd:InstanceID", text("5")),
                    ("epasd:ResourceSubType", text("E1000")),
                    ("epasd:ResourceType", text("10")),
                ],
            ),
        ]
    }
}

fn item((kind, fields): &Item<'_>) -> String {
    let field = |(name, value): &(&str, String)| format!("        <{name}>{value}</{name}>\n");
    let fields: String = fields.iter().map(field).collect();
    format!("      <{kind}>\n{fields}      </{kind}>\n")
}
