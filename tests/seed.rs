//! `bootwright seed`: volumes that other programs read, and mistakes that are found before a boot.

use std::fs;
use std::path::Path;

use bootwright::command::{Command, find_in_path};
use serde_json::Value;

use crate::workbench::{bootwright, is_ready, judge, run, scratch, stderr, text};

const PASSWORD: &str = "correct horse";

/// `bootwright seed` for a user with a password.
fn seed(folder: &Path, output: &str, args: &[&str]) -> Command {
    let password = folder.join("password");
    fs::write(&password, format!("{PASSWORD}\n")).expect("written");
    bootwright(&["seed", "--hostname", "web1", "--user", "alice"])
        .arg("--password-file")
        .arg(password)
        .arg("--output")
        .arg(folder.join(output))
        .args(args.iter().copied())
}

#[test]
fn both_volumes_hold_what_others_read_back() {
    if !is_ready(&[], &["mtype", "isoinfo", "fsck.fat", "xorriso"]) {
        return;
    }
    let folder = scratch();
    let (vfat, iso) = (folder.path().join("seed.img"), folder.path().join("seed.iso"));
    seed(folder.path(), "seed.img", &[]).run().expect("written");
    seed(folder.path(), "seed.iso", &[]).run().expect("written");
    judge("fsck.fat", &["-n", text(&vfat)]);
    let user_data = judge("mtype", &["-i", text(&vfat), "::/user-data"]);
    assert!(user_data.starts_with("#cloud-config\nhostname: \"web1\"\n"), "{user_data}");
    let rock_ridge = judge("isoinfo", &["-R", "-x", "/user-data", "-i", text(&iso)]);
    let joliet = judge("isoinfo", &["-J", "-x", "/user-data;1", "-i", text(&iso)]);
    assert_eq!((&rock_ridge, &joliet), (&user_data, &user_data));
    let about = judge("isoinfo", &["-d", "-i", text(&iso)]);
    assert!(about.contains("Volume id: cidata"), "{about}");
    for volume in [&vfat, &iso] {
        let output = run(&bootwright(&["seed", "check", text(volume)]));
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn the_password_is_hashed_and_said_nowhere() {
    let folder = scratch();
    let output = run(&seed(folder.path(), "seed.img", &["--json"]));
    let said = [output.stdout, output.stderr].concat();
    let bytes = fs::read(folder.path().join("seed.img")).expect("written");
    for place in [&said, &bytes] {
        let found = place.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
        assert!(!found, "the password is there");
    }
    let text = String::from_utf8_lossy(&bytes);
    let hash = text.split('"').find(|word| word.starts_with("$6$")).expect("a hash").to_owned();
    let Some(perl) = find_in_path("perl") else { return };
    let script = "print crypt($ARGV[0], $ARGV[1])";
    let said = Command::new(perl).args(["-e", script, PASSWORD, &hash]).run().expect("it runs");
    assert_eq!(String::from_utf8_lossy(&said), hash);
}

#[test]
fn the_same_seed_is_the_same_bytes_and_another_is_another_instance() {
    let folder = scratch();
    let bytes = |output: &str, args: &[&str]| {
        seed(folder.path(), output, args).run().expect("written");
        fs::read(folder.path().join(output)).expect("there")
    };
    for end in ["img", "iso"] {
        let [one, two] = ["one", "two"].map(|name| bytes(&format!("{name}.{end}"), &[]));
        assert!(one == two, "{end}");
        assert!(one != bytes(&format!("three.{end}"), &["--salt", "other"]), "{end}");
    }
}

#[test]
fn a_mistake_is_told_with_its_place_and_nothing_is_written() {
    let folder = scratch();
    let user_data = folder.path().join("user-data.yaml");
    fs::write(&user_data, "#cloud-config\nruncmd: reboot\nruncmd:\n\t- ls\n").expect("written");
    let seed = folder.path().join("seed.img");
    let write = bootwright(&["seed", "--json", "--output", text(&seed)])
        .args(["--user-data", text(&user_data)]);
    let output = run(&write);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let finding = &said["report"]["findings"][0];
    assert_eq!(
        (&finding["id"], &finding["line"], &finding["column"]),
        (&"tab".into(), &4.into(), &1.into())
    );
    assert_eq!(finding["file"], text(&user_data));
    assert!(!seed.exists());
    fs::write(&user_data, "#cloud-config\npakages: [git]\n").expect("written");
    let output = run(&write.arg("--dry-run"));
    assert_eq!(output.status.code(), Some(0), "a warning is no error");
    assert!(!seed.exists(), "nothing is written");
}

#[test]
fn a_volume_that_cloud_init_ignores_is_found_out() {
    if !is_ready(&[], &["mkfs.fat", "mcopy"]) {
        return;
    }
    let folder = scratch();
    let volume = folder.path().join("seed.img");
    fs::write(&volume, vec![0; 1 << 20]).expect("written");
    judge("mkfs.fat", &["-n", "CLOUDINIT", text(&volume)]);
    let user_data = folder.path().join("user-data.txt");
    fs::write(&user_data, "#cloud-config\n").expect("written");
    judge("mcopy", &["-i", text(&volume), text(&user_data), "::/user-data.txt"]);
    let output = run(&bootwright(&["seed", "check", "--json", text(&volume)]));
    assert_eq!(output.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let findings = said["report"]["findings"].as_array().expect("a list");
    let ids: Vec<_> = findings.iter().filter_map(|finding| finding["id"].as_str()).collect();
    assert_eq!(ids, ["volume-label", "file-missing", "file-missing", "file-name"]);
}
