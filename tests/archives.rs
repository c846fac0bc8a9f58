//! The initramfs archives that Debian's own makers make of its kernel, as real as they come: what `initramfs ls`
//! and `unpack` say of them, against Debian's own programs, entry by entry.

use std::fs;

use serde_json::Value;

use crate::debian::{self, Debian, Maker};
use crate::workbench::{bootwright, text};

const MAKERS: [Maker; 5] = [
    Maker::InitramfsTools("gzip"),
    Maker::InitramfsTools("xz"),
    Maker::InitramfsTools("zstd"),
    Maker::InitramfsTools("lz4"),
    Maker::Dracut,
];

/// What `cpio -tv` says of an entry, but for the time, which it shortens: mode, owners, size or
/// device, name, and target of a link.
fn of_cpio(line: &str) -> Option<String> {
    let words: Vec<_> = line.split_whitespace().collect();
    let (&permissions, rest) = words.split_first()?;
    let is_entry = permissions.len() == 10
        && permissions.starts_with(|c| "-dlcbps".contains(c))
        && permissions[1..].chars().all(|c| "-rwxsStT".contains(c));
    let [_links, uid, gid, rest @ ..] = rest else { return None };
    let number = |owner: &&str| if *owner == "root" { "0".to_owned() } else { (*owner).to_owned() };
    let is_device = permissions.starts_with(['c', 'b']);
    let (size, rest) = rest.split_at(if is_device { 2 } else { 1 });
    // Month, day, and hour or year.
    let name = rest.get(3..)?.join(" ");
    is_entry
        .then(|| format!("{permissions} {} {} {} {name}", number(uid), number(gid), size.join(" ")))
}

/// The same of an entry by `initramfs ls --json`.
fn of_ours(entry: &Value) -> String {
    let word = |key: &str| entry[key].as_str().unwrap_or_default();
    let number = |key: &str| entry[key].as_u64().expect("a number");
    let size = match entry.get("device") {
        Some(device) => device.as_str().expect("a text").replace(':', ", "),
        None => number("size").to_string(),
    };
    let target = match word("target") {
        "" => String::new(),
        target => format!(" -> {target}"),
    };
    let path = if word("path").is_empty() { "." } else { word("path") };
    format!("{} {} {} {size} {path}{target}", word("permissions"), number("uid"), number("gid"))
}

/// Every name below a folder with its type, mode, size and target, then the times and sums of files.
const LISTING: &str = "find . -mindepth 1 -printf '%P %y %m %l\\n' | sort\n\
    find . -type f -printf '%P %s %Ts\\n' | sort\n\
    find . -type f | sort | xargs -d '\\n' sha256sum\n";

fn lists_alike(debian: &Debian, maker: Maker, path: &str) -> usize {
    let judge = match maker {
        Maker::InitramfsTools(_) => "lsinitramfs -l",
        _ => "lsinitrd",
    };
    let judged = debian.inside(&format!("{judge} /{path}"));
    let mut judged: Vec<_> = judged.lines().filter_map(of_cpio).collect();
    let ours = bootwright(&["initramfs", "ls", "--json", text(&debian.path(path))]).run();
    let ours: Value = serde_json::from_slice(&ours.expect("listed")).expect("JSON");
    let entries = ours["entries"].as_array().expect("entries").iter();
    let mut ours: Vec<_> = entries.map(of_ours).collect();
    if judge == "lsinitrd" {
        // It lists by name, and the early archive apart.
        ours.sort();
        judged.sort();
    }
    for (ours, judged) in ours.iter().zip(&judged) {
        assert_eq!(ours, judged, "{maker:?}, against {judge}");
    }
    assert_eq!(ours.len(), judged.len(), "{maker:?}, against {judge}");
    ours.len()
}

/// Debian's own program, and what dracut's `--unpackearly` leaves out, in one folder, as the kernel has it.
fn unpacks_alike(debian: &Debian, maker: Maker, path: &str) {
    debian.inside("rm -rf /var/tmp/ours /var/tmp/theirs /var/tmp/parts; mkdir /var/tmp/theirs");
    let ours = debian.path("var/tmp/ours");
    bootwright(&["initramfs", "unpack", text(&debian.path(path)), text(&ours)])
        .run()
        .expect("unpacked");
    let theirs = debian.inside(&format!(
        "unmkinitramfs /{path} /var/tmp/parts; cd /var/tmp/parts\n\
         for part in early main; do if [ -d $part ]; then cp -a $part/. ../theirs; found=1; fi; done\n\
         [ \"$found\" ] || cp -a . ../theirs\n\
         cd ../theirs; {LISTING}"
    ));
    let ours = debian.inside(&format!("cd /var/tmp/ours; {LISTING}"));
    for (ours, theirs) in ours.lines().zip(theirs.lines()) {
        assert_eq!(ours, theirs, "{maker:?}, unpacked");
    }
    assert_eq!(ours.lines().count(), theirs.lines().count(), "{maker:?}, unpacked");
}

#[test]
fn archives_of_debians_makers_are_listed_and_unpacked_as_debian_does() {
    if !debian::is_possible() {
        return;
    }
    let debian = Debian::new();
    for has_microcode in [false, true] {
        debian.set_microcode(has_microcode);
        for maker in MAKERS {
            let path = maker.make(&debian);
            let entries = lists_alike(&debian, maker, &path);
            assert!(entries > 500, "{maker:?}: only {entries} entries");
            unpacks_alike(&debian, maker, &path);
            fs::remove_file(debian.path(&path)).expect("there");
        }
    }
}
