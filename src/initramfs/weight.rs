//! What makes an initramfs big: its bytes by subject, and where they grew between two builds.
//!
//! Weighed is what files unpack to, as that is what memory holds; how much each takes when it is
//! compressed cannot be told apart, because neighbours are compressed together.

use std::collections::BTreeMap;

use serde::Serialize;

use super::index::{Index, Member};
use crate::error::shown_bytes;

/// What a path belongs to, from the widest to the narrowest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Subject {
    /// `modules`, `firmware`, `microcode` or `files`.
    pub class: &'static str,
    /// Within it: a module's folder (`drivers/net`), a firmware's (`amdgpu`), a folder (`usr/bin`).
    pub group: String,
}

/// Bytes and files of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Weight {
    /// What its files unpack to.
    pub bytes: u64,
    /// How many files it has.
    pub files: u64,
}

/// What changed at one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Where.
    pub path: String,
    /// What it belongs to.
    pub subject: Subject,
    /// What happened to it.
    pub kind: ChangeKind,
    /// Bytes that its data has more than before, negative for less.
    pub growth: i64,
    /// What differs, in words: `content`, `mode 100644 -> 100755`.
    pub what: Vec<String>,
}

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Both have it, and it differs.
    Changed,
}

/// What a path belongs to.
pub fn subject(path: &[u8]) -> Subject {
    let path = shown_bytes(path);
    let plain = path.strip_prefix("usr/").unwrap_or(&path);
    let folder = |path: &str, depth: usize| {
        let parts: Vec<_> = path.split('/').collect();
        let parts = &parts[..parts.len() - 1];
        match parts.is_empty() {
            true => "/".to_owned(),
            false => parts[..parts.len().min(depth)].join("/"),
        }
    };
    if path.starts_with("kernel/x86/microcode/") {
        return Subject { class: "microcode", group: "kernel/x86/microcode".into() };
    }
    if let Some(firmware) = plain.strip_prefix("lib/firmware/") {
        return Subject { class: "firmware", group: folder(firmware, 1) };
    }
    if let Some(module) = plain.strip_prefix("lib/modules/") {
        let inside = module.split_once('/').map_or("", |(_, inside)| inside);
        let inside = inside.strip_prefix("kernel/").unwrap_or(inside);
        return Subject { class: "modules", group: folder(inside, 2) };
    }
    Subject { class: "files", group: folder(&path, 2) }
}

/// Weighs what an initramfs unpacks to, by subject; a file that is overwritten by a later entry of its
/// name counts once.
pub fn weigh(index: &Index) -> BTreeMap<Subject, Weight> {
    let mut weights: BTreeMap<Subject, Weight> = BTreeMap::new();
    for member in members(index) {
        let weight = weights.entry(subject(&member.path)).or_default();
        weight.bytes += data(member);
        weight.files += 1;
    }
    weights
}

/// The largest files, largest first.
pub fn largest(index: &Index, count: usize) -> Vec<&Member> {
    let mut files: Vec<_> = members(index).collect();
    files.sort_by(|a, b| data(b).cmp(&data(a)).then_with(|| a.path.cmp(&b.path)));
    files.truncate(count);
    files
}

/// What changed from one to the other, by path; both with digests.
pub fn compare(before: &Index, after: &Index) -> Vec<Change> {
    let (old, new) = (before.by_path(), after.by_path());
    let mut paths: Vec<&[u8]> = old.keys().chain(new.keys()).copied().collect();
    paths.sort_unstable();
    paths.dedup();
    let change = |path: &&[u8]| {
        let was = old.get(path).map(|&at| (before, at));
        let is = new.get(path).map(|&at| (after, at));
        changed(path, was, is)
    };
    paths.iter().filter_map(change).collect()
}

/// The growth of each subject that has some, the largest first.
pub fn growth(changes: &[Change]) -> Vec<(Subject, i64)> {
    let mut by_subject: BTreeMap<&Subject, i64> = BTreeMap::new();
    for change in changes {
        *by_subject.entry(&change.subject).or_default() += change.growth;
    }
    let mut list: Vec<_> = by_subject.into_iter().map(|(s, bytes)| (s.clone(), bytes)).collect();
    list.retain(|(_, bytes)| *bytes != 0);
    list.sort_by_key(|(subject, bytes)| (-bytes.abs(), subject.clone()));
    list
}

fn changed(
    path: &[u8],
    was: Option<(&Index, usize)>,
    is: Option<(&Index, usize)>,
) -> Option<Change> {
    let member = |(index, at): (&Index, usize)| index.members[at].clone();
    let bytes = |side: Option<(&Index, usize)>| {
        side.map_or(0, |(index, at)| data(&index.members[at])) as i64
    };
    let (kind, what) = match (was, is) {
        (Some(was), Some(is)) => {
            let what = differences(was, is);
            if what.is_empty() {
                return None;
            }
            (ChangeKind::Changed, what)
        }
        (None, Some(is)) => (ChangeKind::Added, vec![member(is).permissions()]),
        (Some(was), None) => (ChangeKind::Removed, vec![member(was).permissions()]),
        (None, None) => return None,
    };
    let growth = bytes(is) - bytes(was);
    Some(Change { path: shown_bytes(path), subject: subject(path), kind, growth, what })
}

/// What differs between two entries of a path; which of its names carries the data of a hard-linked file
/// is no difference, and neither are times and inode numbers.
fn differences((before, was): (&Index, usize), (after, is): (&Index, usize)) -> Vec<String> {
    let (old, new) = (&before.members[was], &after.members[is]);
    let (a, b) = (&old.entry.header, &new.entry.header);
    let mut what = Vec::new();
    let digest = |index: &Index, at: usize| index.members[index.carrier(at)].digest;
    if digest(before, was) != digest(after, is) {
        what.push("content".into());
    }
    if a.mode != b.mode {
        what.push(format!("mode {:o} -> {:o}", a.mode, b.mode));
    }
    if (a.uid, a.gid) != (b.uid, b.gid) {
        what.push(format!("owner {}:{} -> {}:{}", a.uid, a.gid, b.uid, b.gid));
    }
    if old.target != new.target {
        what.push(format!("target {} -> {}", shown_bytes(&old.target), shown_bytes(&new.target)));
    }
    if old.device() != new.device() {
        what.push("device".into());
    }
    what
}

/// Every file that the kernel ends up with.
fn members(index: &Index) -> impl Iterator<Item = &Member> {
    let list = index.by_path().into_values().map(|at| &index.members[at]);
    list.filter(|member| member.kind() == '-').collect::<Vec<_>>().into_iter()
}

fn data(member: &Member) -> u64 {
    if member.kind() == '-' { member.entry.header.filesize.into() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::initramfs::newc;
    use crate::tree::{Node, Time, Tree, TreePath};
    use crate::volume::Window;

    fn index(files: &[(&str, u16, usize)]) -> Index {
        let mut tree = Tree::new(Time::EPOCH);
        for (name, mode, len) in files {
            let node = Node::file(*mode, Time::EPOCH, vec![b'x'; *len].into());
            tree.insert(TreePath::new(name.as_bytes()).expect("good"), node).expect("free");
        }
        let mut bytes = Vec::new();
        newc::write(&tree, &mut bytes).expect("it fits");
        Index::with_digests(&Window::from(bytes)).expect("sound")
    }

    #[test]
    fn paths_belong_to_modules_firmware_microcode_or_folders() {
        for (path, class, group) in [
            ("usr/lib/modules/6.1/kernel/drivers/net/virtio_net.ko.xz", "modules", "drivers/net"),
            ("lib/modules/6.1/modules.dep", "modules", "/"),
            ("lib/firmware/amdgpu/a/b.bin", "firmware", "amdgpu"),
            ("kernel/x86/microcode/GenuineIntel.bin", "microcode", "kernel/x86/microcode"),
            ("usr/bin/sub/x", "files", "usr/bin"),
            ("init", "files", "/"),
        ] {
            assert_eq!(subject(path.as_bytes()), Subject { class, group: group.into() }, "{path}");
        }
    }

    #[test]
    fn bytes_are_attributed_and_the_largest_files_found() {
        let index =
            index(&[("init", 0o755, 10), ("usr/bin/a", 0o755, 100), ("usr/bin/b", 0o755, 7)]);
        let weights = weigh(&index);
        let bin = Subject { class: "files", group: "usr/bin".into() };
        assert_eq!(weights[&bin], Weight { bytes: 107, files: 2 });
        let names: Vec<_> = largest(&index, 2).iter().map(|m| shown_bytes(&m.path)).collect();
        assert_eq!(names, ["usr/bin/a", "init"]);
    }

    #[test]
    fn growth_is_attributed_to_what_changed() {
        let before =
            index(&[("init", 0o755, 10), ("lib/firmware/x/a", 0o644, 50), ("same", 0o644, 1)]);
        let after = index(&[("init", 0o644, 10), ("usr/bin/a", 0o755, 80), ("same", 0o644, 1)]);
        let changes = compare(&before, &after);
        let shown: Vec<_> =
            changes.iter().map(|c| (&c.path[..], c.kind, c.growth, &c.what[0][..])).collect();
        assert_eq!(
            shown,
            [
                ("init", ChangeKind::Changed, 0, "mode 100755 -> 100644"),
                ("lib", ChangeKind::Removed, 0, "drwxr-xr-x"),
                ("lib/firmware", ChangeKind::Removed, 0, "drwxr-xr-x"),
                ("lib/firmware/x", ChangeKind::Removed, 0, "drwxr-xr-x"),
                ("lib/firmware/x/a", ChangeKind::Removed, -50, "-rw-r--r--"),
                ("usr", ChangeKind::Added, 0, "drwxr-xr-x"),
                ("usr/bin", ChangeKind::Added, 0, "drwxr-xr-x"),
                ("usr/bin/a", ChangeKind::Added, 80, "-rwxr-xr-x"),
            ]
        );
        let growth: Vec<_> = growth(&changes).into_iter().map(|(s, b)| (s.group, b)).collect();
        assert_eq!(growth, [("usr/bin".into(), 80), ("x".into(), -50)]);
        assert!(compare(&before, &before).is_empty());
    }
}
