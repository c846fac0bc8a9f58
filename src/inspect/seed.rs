//! A cloud-init seed (NoCloud): what it tells an instance.
//!
//! Source: cloud-init's documentation of the NoCloud data source. Of the files only what tells them apart is
//! read: YAML is not parsed.

use super::Item;
use crate::error::shown_bytes;
use crate::fs::FileSystem;
use crate::tree::TreePath;

/// The files of a seed; without the first two cloud-init does not take the volume for one.
const FILES: [&str; 4] = ["meta-data", "user-data", "vendor-data", "network-config"];
const NEEDED: usize = 2;

/// How much of a file is read.
const FILE_MAX: u64 = 256 << 10;

/// Keys of the meta-data that are shown, and their names here.
const KEYS: [(&str, &str); 2] = [("instance-id", "instance ID"), ("local-hostname", "hostname")];

/// Adds what the files of a seed say.
pub(super) fn describe(mut item: Item, system: &FileSystem) -> Item {
    for (index, name) in FILES.into_iter().enumerate() {
        let Ok(path) = TreePath::new(name.as_bytes()) else { continue };
        let is_there = system.entry(&path).ok().flatten().is_some();
        if !is_there {
            if index < NEEDED {
                item = item.problem(format!("it has no {name}: cloud-init ignores it"));
            }
            continue;
        }
        item = match system.read(&path, FILE_MAX) {
            Ok(bytes) => describe_file(item, name, &bytes),
            Err(error) => item.problem(error.to_string()),
        };
    }
    item
}

fn describe_file(mut item: Item, name: &'static str, bytes: &[u8]) -> Item {
    let text = String::from_utf8_lossy(bytes);
    if name == FILES[0] {
        for (key, fact) in KEYS {
            let value = |line: &str| Some(line.strip_prefix(key)?.strip_prefix(':')?.to_owned());
            let value = text.lines().find_map(value).unwrap_or_default();
            item = item.fact(fact, shown_bytes(value.trim().trim_matches(['"', '\'']).as_bytes()));
        }
        return item;
    }
    let first = text.lines().next().unwrap_or_default();
    let kind = match first {
        _ if text.trim().is_empty() => "empty".to_owned(),
        _ if first.starts_with('#') => shown_bytes(first.trim().as_bytes()),
        _ if first.contains("multipart") || first.starts_with("Content-Type") => "MIME".to_owned(),
        _ => "text".to_owned(),
    };
    item.fact(name, format!("{kind}, {} bytes", bytes.len()))
}
