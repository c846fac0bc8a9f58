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
fn firmware_that_is_no_raw_image_says_so() {
    let (loader, template) = ("/fw/CODE_4M.qcow2".into(), "/fw/VARS_4M.qcow2".into());
    let firmware = Firmware::Files { loader, template };
    let xml = Domain { firmware, ..domain() }.xml().expect("good paths");
    for part in [
        "<loader readonly='yes' type='pflash' format='qcow2'>/fw/CODE_4M.qcow2</loader>",
        "<nvram template='/fw/VARS_4M.qcow2' templateFormat='qcow2' format='qcow2'/>",
    ] {
        assert!(xml.contains(part), "{part}: {xml}");
    }
}

#[test]
fn targets_are_unique() {
    let names: Vec<_> = [0, 1, 25, 26, 27, 701, 702].into_iter().map(target).collect();
    assert_eq!(names, ["vda", "vdb", "vdz", "vdaa", "vdab", "vdzz", "vdaaa"]);
}

#[test]
fn what_xml_cannot_write_is_refused() {
    let mut odd = vec![domain(); 3];
    odd[0].disks[0].path = "/a\nb".into();
    odd[1].name = "/a\nb".into();
    odd[2].network = Network::Named("/a\nb".into());
    for domain in odd {
        let error = domain.xml().expect_err("a line break");
        assert_eq!(
            error.to_string(),
            "`/a\\nb` cannot be written in XML: it has control characters, or is not UTF-8"
        );
    }
}

/// A program of libvirt's; `None` on a laptop that lacks it.
fn judge(name: &str) -> Option<Command> {
    let found = find_in_path(name);
    assert!(found.is_some() || std::env::var_os("CI").is_none(), "no {name}");
    found.map(Command::new)
}

/// libvirt's name of the driver; in one piece, it would look like the address of a host.
const TEST_DRIVER: &str = concat!("test:", "///default");

/// libvirt itself, by the driver that is made for tests and runs no machine.
#[test]
fn libvirt_defines_each_domain() {
    let Some(virsh) = judge("virsh") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("domain.xml");
    let define = |xml: &str| {
        std::fs::write(&path, xml).expect("written");
        let commands = format!("define {}; domblklist demo", path.display());
        let virsh = virsh.clone().args(["-q", "-c", TEST_DRIVER, &commands]);
        virsh.env("HOME", folder.path()).run()
    };
    for domain in variants() {
        let xml = domain.xml().expect("good paths");
        let said = String::from_utf8(define(&xml).expect("defined")).expect("text");
        let disks = domain.disks.iter().enumerate();
        let has = |(index, disk): (usize, &Disk)| {
            let line = format!("{}   {}", target(index), disk.path.display());
            assert!(said.contains(&line), "{line}: {said}");
        };
        disks.for_each(has);
        assert!(
            define(&xml.replace(">hvm<", ">no<")).is_err(),
            "a judge that never complains is none"
        );
    }
}

#[test]
fn libvirts_schema_has_nothing_to_complain_about() {
    let Some(validate) = judge("virt-xml-validate") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    for (index, domain) in variants().into_iter().enumerate() {
        let path = folder.path().join(format!("{index}.xml"));
        std::fs::write(&path, domain.xml().expect("good paths")).expect("written");
        let out = validate.clone().arg(&path).arg("domain").output().expect("it runs");
        let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
        assert!(out.status.success(), "{said}");
        // A judge that never complains is none.
        let odd = domain.xml().expect("good paths").replace("<vcpu>", "<vcpu odd='1'>");
        std::fs::write(&path, odd).expect("written");
        let out = validate.clone().arg(&path).arg("domain").output().expect("it runs");
        assert!(!out.status.success());
    }
}
