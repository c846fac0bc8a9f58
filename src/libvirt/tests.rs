//! Domains, judged by libvirt's own schema and by libvirt.

use super::*;
use crate::arch::X86_64;
use crate::command::{Command, find_in_path};

fn domain() -> Domain {
    let disk = |path: &str, format, read_only| Disk { path: path.into(), format, read_only };
    Domain {
        disks: vec![disk("/images/a & b'.qcow2", "qcow2", false), disk("/s.img", "raw", true)],
        ..Domain::new("demo", X86_64)
    }
}

fn variants() -> Vec<Domain> {
    let files = Firmware::Files { loader: "/fw/CODE.fd".into(), template: "/fw/VARS.fd".into() };
    vec![
        domain(),
        Domain { kvm: false, firmware: files, cpus: 4, ..domain() },
        Domain { network: Network::Named("default".into()), disks: Vec::new(), ..domain() },
    ]
}

#[test]
fn a_domain_says_what_the_machine_is() {
    let xml = domain().xml().expect("good paths");
    for part in [
        "<domain type='kvm'>",
        "<memory unit='MiB'>512</memory>",
        "<type arch='x86_64' machine='q35'>hvm</type>",
        "<source file='/images/a &amp; b&apos;.qcow2'/>\n      <target dev='vda' bus='virtio'/>",
        "<source file='/s.img'/>\n      <target dev='vdb' bus='virtio'/>\n      <readonly/>",
        "<interface type='user'>",
    ] {
        assert!(xml.contains(part), "{part}: {xml}");
    }
    let files = variants()[1].xml().expect("good paths");
    assert!(files.contains("<nvram template='/fw/VARS.fd'/>"), "{files}");
    assert!(files.contains("<cpu mode='maximum'/>"), "{files}");
}

#[test]
fn targets_are_unique() {
    let names: Vec<_> = [0, 1, 25, 26, 27, 701, 702].into_iter().map(target).collect();
    assert_eq!(names, ["vda", "vdb", "vdz", "vdaa", "vdab", "vdzz", "vdaaa"]);
}

#[test]
fn what_xml_cannot_write_is_refused() {
    let mut domain = domain();
    domain.disks[0].path = "/a\nb".into();
    let error = domain.xml().expect_err("a line break");
    assert_eq!(
        error.to_string(),
        "`/a\\nb` cannot be written in XML: it has control characters, or is not UTF-8"
    );
}

#[test]
fn libvirts_schema_has_nothing_to_complain_about() {
    let Some(validate) = find_in_path("virt-xml-validate") else {
        assert!(std::env::var_os("CI").is_none(), "no virt-xml-validate");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    for (index, domain) in variants().into_iter().enumerate() {
        let path = folder.path().join(format!("{index}.xml"));
        std::fs::write(&path, domain.xml().expect("good paths")).expect("written");
        let out = Command::new(&validate).arg(&path).arg("domain").output().expect("it runs");
        let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
        assert!(out.status.success(), "{said}");
        // A judge that never complains is none.
        let odd = domain.xml().expect("good paths").replace("<vcpu>", "<vcpu odd='1'>");
        std::fs::write(&path, odd).expect("written");
        let out = Command::new(&validate).arg(&path).arg("domain").output().expect("it runs");
        assert!(!out.status.success());
    }
}
