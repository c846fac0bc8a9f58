//! The lists by which `modprobe` and udev find what to load: `modules.dep` and `modules.alias`, which busybox
//! reads, and both with `.bin` behind, which kmod reads.
//!
//! Source: modules.dep(5), and for the index the comment in kmod's `libkmod/libkmod-index.h`: integers are
//! big-endian; a node is its prefix, its children by the next byte of the key, and its values; the offset of
//! a node carries in its upper bits which of these it has. A pattern is a key as any other: who reads the index looks for its signs. Left out: symbols.

use std::collections::{BTreeMap, BTreeSet};

use super::{Module, Resolved};

const MAGIC: u32 = 0xb007_f457;
const VERSION: u32 = 0x0002_0001;

/// The offset of a node says that it has a prefix, values, children.
const HAS_PREFIX: u32 = 1 << 31;
const HAS_VALUES: u32 = 1 << 30;
const HAS_CHILDREN: u32 = 1 << 29;

/// The lists of these modules: names of files in `lib/modules/RELEASE` and their bytes.
pub fn files(modules: &Resolved) -> [(&'static str, Vec<u8>); 4] {
    let lines: BTreeMap<_, _> =
        modules.load.iter().map(|module| (module.name.as_str(), line(modules, module))).collect();
    let text =
        modules.load.iter().flat_map(|module| [&lines[module.name.as_str()][..], b"\n"].concat());
    let text = text.collect();
    let mut root = Index::default();
    lines.iter().for_each(|(name, line)| root.insert(name.as_bytes(), line));
    let (aliases, by_alias) = aliases(modules);
    [
        ("modules.dep", text),
        ("modules.dep.bin", root.encode()),
        ("modules.alias", aliases),
        ("modules.alias.bin", by_alias.encode()),
    ]
}

/// What each module is asked for by: `alias fs-vfat vfat`.
fn aliases(modules: &Resolved) -> (Vec<u8>, Index) {
    let (mut text, mut index) = (Vec::new(), Index::default());
    for module in &modules.load {
        for alias in &module.aliases {
            text.extend(format!("alias {alias} {}\n", module.name).into_bytes());
            index.insert(normalised(alias).as_bytes(), module.name.as_bytes());
        }
    }
    (text, index)
}

/// A hyphen is an underline, but for one in brackets, which is a range.
fn normalised(pattern: &str) -> String {
    let mut is_in_brackets = false;
    let plain = |c| {
        is_in_brackets = c == '[' || (is_in_brackets && c != ']');
        if c == '-' && !is_in_brackets { '_' } else { c }
    };
    pattern.chars().map(plain).collect()
}

/// `kernel/x.ko: kernel/y.ko kernel/z.ko`: all that has to be loaded before it, the first one last.
fn line(modules: &Resolved, module: &Module) -> Vec<u8> {
    let mut before = BTreeSet::new();
    let mut waiting: Vec<_> = module.depends.iter().collect();
    while let Some(name) = waiting.pop() {
        if let Some(place) = modules.load.iter().position(|m| m.name == *name)
            && before.insert(place)
        {
            waiting.extend(&modules.load[place].depends);
        }
    }
    let mut line = [relative(module), b":"].concat();
    for place in before.into_iter().rev() {
        line.extend([b" ", relative(&modules.load[place])].concat());
    }
    line
}

/// The module's path inside `lib/modules/RELEASE`.
fn relative(module: &Module) -> &[u8] {
    let path = module.path.as_bytes();
    let slashes = path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at);
    slashes.into_iter().nth(2).map_or(path, |at| &path[at + 1..])
}

/// A trie in which each byte of a key is a node.
#[derive(Default)]
struct Index {
    children: BTreeMap<u8, Index>,
    values: Vec<Vec<u8>>,
}

impl Index {
    fn insert(&mut self, key: &[u8], value: &[u8]) {
        match key.split_first() {
            Some((first, rest)) => self.children.entry(*first).or_default().insert(rest, value),
            None => self.values.push(value.into()),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = [MAGIC.to_be_bytes(), VERSION.to_be_bytes(), [0; 4]].concat();
        let root = self.write(&[], &mut bytes);
        bytes[8..12].copy_from_slice(&root.to_be_bytes());
        bytes
    }

    /// Appends the nodes below and then this one; its offset with the bits. What has one child and no
    /// value is that child's prefix, as depmod writes it.
    fn write(&self, prefix: &[u8], bytes: &mut Vec<u8>) -> u32 {
        if let (Some((byte, child)), 1, true) =
            (self.children.first_key_value(), self.children.len(), self.values.is_empty())
        {
            return child.write(&[prefix, &[*byte]].concat(), bytes);
        }
        let children: BTreeMap<_, _> =
            self.children.iter().map(|(byte, child)| (*byte, child.write(&[], bytes))).collect();
        let mut offset = bytes.len() as u32;
        if !prefix.is_empty() {
            offset |= HAS_PREFIX;
            bytes.extend([prefix, b"\0"].concat());
        }
        if let (Some((&first, _)), Some((&last, _))) =
            (children.first_key_value(), children.last_key_value())
        {
            offset |= HAS_CHILDREN;
            bytes.extend([first, last]);
            for byte in first..=last {
                bytes.extend(children.get(&byte).copied().unwrap_or(0).to_be_bytes());
            }
        }
        if !self.values.is_empty() {
            offset |= HAS_VALUES;
            bytes.extend((self.values.len() as u32).to_be_bytes());
            for value in &self.values {
                // The priority orders several values of one key.
                bytes.extend([&0u32.to_be_bytes()[..], value, b"\0"].concat());
            }
        }
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, find_in_path};
    use crate::tree::{Content, TreePath};

    fn modules(list: &[(&str, &[&str])]) -> Resolved {
        let module = |(name, depends): &(&str, &[&str])| Module {
            name: (*name).into(),
            path: TreePath::new(format!("lib/modules/6.1.0-test/kernel/{name}.ko").as_bytes())
                .expect("good"),
            content: Content::from(b"x".to_vec()),
            depends: depends.iter().map(|d| (*d).to_owned()).collect(),
            firmware: Vec::new(),
            aliases: vec![format!("fs-{name}"), format!("pci:v[0-9a-f]*d*n{name}")],
        };
        Resolved { load: list.iter().map(module).collect(), ..Resolved::default() }
    }

    fn sample() -> Resolved {
        modules(&[
            ("virtio", &[]),
            ("virtio_ring", &["virtio"]),
            ("failover", &[]),
            ("net_failover", &["failover"]),
            ("virtio_net", &["net_failover", "virtio_ring", "virtio"]),
        ])
    }

    #[test]
    fn dependencies_are_listed_with_the_first_to_load_last() {
        let [(_, text), ..] = files(&sample());
        let text = String::from_utf8(text).expect("text");
        assert_eq!(text.lines().next(), Some("kernel/virtio.ko:"));
        assert_eq!(
            text.lines().last(),
            Some(
                "kernel/virtio_net.ko: kernel/net_failover.ko kernel/failover.ko \
                 kernel/virtio_ring.ko kernel/virtio.ko"
            )
        );
    }

    #[test]
    fn modprobe_finds_them_by_the_index() {
        let Some(modprobe) = find_in_path("modprobe") else {
            eprintln!("skipped: no modprobe");
            return;
        };
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("lib/modules/6.1.0-test");
        std::fs::create_dir_all(folder.join("kernel")).expect("made");
        let modules = sample();
        for (name, bytes) in files(&modules) {
            std::fs::write(folder.join(name), bytes).expect("written");
        }
        for module in &modules.load {
            std::fs::write(dir.path().join(module.path.to_string()), "x").expect("written");
            let command = Command::new(&modprobe)
                .args(["-S", "6.1.0-test", "--show-depends", &module.name, "-d"])
                .arg(dir.path());
            let said = String::from_utf8(command.run().expect("found")).expect("text");
            let names = said.lines().map(|l| l.trim().trim_end_matches(".ko"));
            let names: Vec<_> = names.map(|l| l.rsplit('/').next().unwrap_or(l)).collect();
            assert_eq!(names.last(), Some(&module.name.as_str()), "{said}");
            for alias in [format!("fs-{}", module.name), format!("pci:v7d9n{}", module.name)] {
                let resolve = ["-S", "6.1.0-test", "-R", &alias, "-d"];
                let command = Command::new(&modprobe).args(resolve).arg(dir.path());
                let said = String::from_utf8(command.run().expect("found")).expect("text");
                assert_eq!(said.trim_end(), module.name, "{alias}");
            }
            assert!(module.depends.iter().all(|d| names.contains(&d.as_str())), "{said}");
        }
    }
}
