//! Each check by a file that it is about.

use proptest::prelude::*;

use super::*;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1y5dXcmCkTlmaxfxRsv0BLuNSkOlsBb8J4rCsAsY3x a@b";

fn file(part: Part, bytes: &[u8]) -> File {
    File { part, origin: part.name().into(), bytes: bytes.to_vec() }
}

/// What is found in one file: id, line and column.
fn found(part: Part, text: &str) -> Vec<(&'static str, Option<usize>, Option<usize>)> {
    let report = files(&[file(part, text.as_bytes())], &[]).expect("no names");
    report.findings.iter().map(|f| (f.id, f.line, f.column)).collect()
}

/// A file with one mistake: which, and at which line and column.
struct Case(Part, &'static str, &'static str, usize, usize);

const CASES: &[Case] = &[
    Case(Part::UserData, "\u{feff}#cloud-config\nhostname: a\n", "byte-order-mark", 1, 1),
    Case(Part::UserData, "# cloud-config\nhostname: a\n", "first-line", 1, 1),
    Case(Part::UserData, "hostname: a\n", "first-line", 1, 1),
    Case(Part::VendorData, "", "first-line", 1, 1),
    Case(Part::UserData, "\n#cloud-config\nhostname: a\n", "space-before-first-line", 1, 1),
    Case(Part::UserData, "#cloud-config\nswap:\n\tsize: 1\n", "tab", 3, 1),
    Case(Part::UserData, "#cloud-config\npackages: [a\nhostname: b\n", "yaml", 3, 9),
    Case(
        Part::UserData,
        "#cloud-config\nhostname: a\ntimezone: b\nhostname: c\n",
        "duplicate-key",
        4,
        1,
    ),
    Case(Part::UserData, "#!/bin/sh\r\necho\r\n", "carriage-return", 1, 10),
    Case(Part::UserData, "#cloud-config\r\nhostname: a\r\n", "carriage-return-yaml", 1, 14),
    Case(Part::UserData, "#cloud-config\n- a\n", "not-a-mapping", 2, 1),
    Case(Part::UserData, "#cloud-config\nhostname:web1\n", "not-a-mapping", 2, 1),
    Case(Part::UserData, "#cloud-config\npakages: [a]\n", "unknown-key", 2, 1),
    Case(Part::UserData, "#cloud-config\nruncmd: reboot\n", "wrong-kind", 2, 9),
    Case(Part::UserData, "#cloud-config\npackage_update: maybe\n", "wrong-kind", 2, 17),
    Case(
        Part::UserData,
        "#cloud-config\nwrite_files:\n  - path: /a\n    permissions: 644\n",
        "permissions",
        4,
        18,
    ),
    Case(Part::UserData, "#cloud-config\nusers:\n  - name: a\n", "users-without-default", 2, 1),
    Case(
        Part::UserData,
        "#cloud-config\nusers:\n  - default\n  - name: a\n    group: b\n",
        "user-key",
        5,
        5,
    ),
    Case(
        Part::UserData,
        "#cloud-config\nuser:\n  hashed_passwd: $6$a$0123456789abcdef\n",
        "password-locked",
        3,
        3,
    ),
    Case(
        Part::UserData,
        "#cloud-config\nuser:\n  lock_passwd: false\n  passwd: secret\n",
        "password-not-hashed",
        4,
        11,
    ),
    Case(
        Part::UserData,
        "#cloud-config\nuser:\n  lock_passwd: no\n  plain_text_passwd: a\n",
        "password-in-the-clear",
        4,
        3,
    ),
    Case(
        Part::UserData,
        "#cloud-config\npassword: $6$a$0123456789abcdef\n",
        "password-expires",
        2,
        1,
    ),
    Case(
        Part::UserData,
        "#cloud-config\nuser:\n  ssh_authorized_keys: ssh-rsa x\n",
        "ssh-keys-not-a-list",
        3,
        24,
    ),
    Case(Part::UserData, "#cloud-config\nssh_authorized_keys:\n  - nonsense\n", "ssh-key", 3, 5),
    Case(Part::MetaData, "- a\n", "meta-data-not-a-mapping", 1, 1),
    Case(Part::MetaData, "local-hostname: a\ninstance_id: b\n", "instance-id", 2, 1),
    Case(Part::MetaData, "instance-id:\n", "instance-id", 1, 12),
    Case(Part::MetaData, "instance-id: a\nlocal-hostname: a_b\n", "host-name", 2, 17),
    Case(Part::NetworkConfig, "ethernets: {eth0: {dhcp4: true}}\n", "network-version", 1, 1),
    Case(Part::NetworkConfig, "version: 3\n", "network-version", 1, 10),
    Case(Part::NetworkConfig, "network:\n  version: 2\n  ethernets: {}\n", "network-key", 1, 1),
    Case(Part::NetworkConfig, "version: 2\n", "network-devices", 1, 1),
];

#[test]
fn each_mistake_is_found_where_it_is_and_nothing_else() {
    let mut missing = Vec::new();
    for Case(part, text, id, line, column) in CASES {
        let found = found(*part, text);
        let wanted = (*id, Some(*line), Some(*column));
        if !found.contains(&wanted) {
            missing.push(format!("{text:?}: no {wanted:?} in {found:?}"));
        }
        let others: Vec<_> = found.iter().filter(|(other, ..)| other != id).collect();
        // A list, or one word, is not a mapping, and has no instance-id either.
        let follows = ["meta-data-not-a-mapping"].contains(id);
        assert!(others.is_empty() || follows, "{text:?}: {others:?}");
    }
    assert!(missing.is_empty(), "{missing:#?}");
    let tested: Vec<_> = CASES.iter().map(|case| case.2).collect();
    for check in all().filter(|check| matches!(check.look, Look::File(_))) {
        assert!(tested.contains(&check.id) || check.id == "not-utf-8", "{}", check.id);
    }
}

#[test]
fn good_files_are_passed_over() {
    let all = format!(
        "#cloud-config\nhostname: web1\nusers:\n  - default\n  - name: alice\n    lock_passwd: false\n    \
         hashed_passwd: $6$a$0123456789abcdef\n    ssh_authorized_keys:\n      - {KEY}\npackages: [git]\n\
         write_files:\n  - path: /a\n    permissions: '0644'\n    content: |\n      a:\n      \tb\nruncmd:\n  - \
         [ls]\n  - ls\nchpasswd: {{expire: false}}\npassword: $6$a$0123456789abcdef\n"
    );
    for (part, text) in [
        (Part::UserData, &all[..]),
        (Part::UserData, "#!/bin/sh\necho\n"),
        (Part::UserData, "#cloud-config\n{}\n"),
        (Part::UserData, "#cloud-config\n"),
        (Part::UserData, "## template: jinja\n#cloud-config\n{% if x %}\na: {{ b }}\n"),
        (Part::UserData, "Content-Type: multipart/mixed; boundary=\"=\"\nMIME-Version: 1.0\n"),
        (Part::VendorData, "#cloud-config-archive\n- type: text/cloud-config\n  content: a\n"),
        (Part::MetaData, "instance-id: i-1\nlocal-hostname: web1.example\n"),
        (Part::MetaData, "{\"instance-id\": \"i-1\"}\n"),
        (Part::NetworkConfig, "version: 2\nethernets:\n  eth0:\n    dhcp4: true\n"),
        (Part::NetworkConfig, "version: 1\nconfig:\n  - type: physical\n    name: eth0\n"),
        (Part::NetworkConfig, "network:\n  version: 1\n  config: disabled\n"),
    ] {
        let findings = found(part, text);
        let is_fine = findings.iter().all(|(id, ..)| *id == "network-key");
        assert!(is_fine, "{text}: {findings:?}");
    }
}

#[test]
fn bytes_that_are_no_text_have_their_place_and_passwords_are_never_said() {
    let report = files(&[file(Part::UserData, b"#cloud-config\n# \xff\n")], &[]).expect("no names");
    assert_eq!((report.findings[0].id, report.findings[0].line), ("not-utf-8", Some(2)));
    assert_eq!(report.findings[0].column, Some(3));
    let text =
        "#cloud-config\npassword: hunter2\nuser: {passwd: hunter2, plain_text_passwd: hunter2}\n";
    let report = files(&[file(Part::UserData, text.as_bytes())], &[]).expect("no names");
    assert!(report.findings.len() >= 4 && !report.to_string().contains("hunter2"), "{report}");
}

#[test]
fn a_volume_says_why_it_is_passed_over() {
    let seed_of = |label: &str, fstype, others: &[&str]| {
        let found = Found {
            fstype: Some(fstype),
            label: Some(label.into()),
            files: vec![file(Part::UserData, b"#cloud-config\n")],
            others: others.iter().map(|&name| name.to_owned()).collect(),
        };
        seed(&found, &[]).expect("no names")
    };
    let ids = |report: &Report| report.findings.iter().map(|f| f.id).collect::<Vec<_>>();
    let report = seed_of("CiData", "ext4", &["meta-data.yaml", "README", "user_data.txt"]);
    assert_eq!(
        ids(&report),
        ["volume-label", "volume-filesystem", "file-missing", "file-name", "file-name"]
    );
    assert_eq!(ids(&seed_of("CIDATA", "vfat", &[])), ["file-missing"]);
}

#[test]
fn findings_that_are_allowed_are_passed_over_and_names_are_known() {
    let files_of =
        |allow: &str| files(&[file(Part::MetaData, b"local-hostname: a\n")], &[allow.to_owned()]);
    assert_eq!(files_of("instance-id").expect("known").findings, []);
    let error = files_of("instance").expect_err("unknown");
    assert_eq!(error.to_string(), "there is no check called `instance`");
    let ids: std::collections::BTreeSet<_> = all().map(|check| check.id).collect();
    assert_eq!(ids.len(), all().count(), "ids are unique");
}

proptest! {
    #[test]
    fn no_text_panics(text in "(#cloud-config\n)?(users:|- |  |: |a|&x|\\*x|\n|\t|'|\\[|\\{|\\$|passwd: ){0,40}") {
        for part in Part::ALL {
            let _ = found(part, &text);
        }
    }
}
