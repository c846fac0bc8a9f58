//! The directories in which the loader looks (ld.so(8), ld.so.conf(5)).

use std::collections::BTreeMap;

use globset::GlobBuilder;

use super::cache;
use super::object::Machine;
use super::sysroot::Sysroot;
use crate::error::Result;
use crate::tree::TreePath;

/// The largest cache or configuration that is read.
const MAX_FILE: u64 = 64 << 20;

/// How deep configurations may include each other.
const MAX_INCLUDES: u32 = 8;

/// Debian's names of machines, after which it calls the loader's directories: `e_machine`, 64-bit, name.
const MULTIARCH: &[(u16, bool, &str)] = &[
    (3, false, "i386-linux-gnu"),
    (62, true, "x86_64-linux-gnu"),
    (62, false, "x86_64-linux-gnux32"),
    (183, true, "aarch64-linux-gnu"),
    (40, false, "arm-linux-gnueabihf"),
    (40, false, "arm-linux-gnueabi"),
    (243, true, "riscv64-linux-gnu"),
    (21, true, "powerpc64le-linux-gnu"),
    (22, true, "s390x-linux-gnu"),
    (258, true, "loongarch64-linux-gnu"),
];

/// What `$PLATFORM` stands for.
const PLATFORMS: &[(u16, &str)] = &[(62, "x86_64"), (183, "aarch64"), (3, "i686"), (22, "z900")];

/// The loader's own directories for a machine, in order.
pub(super) fn default_directories(machine: Machine) -> Vec<Vec<u8>> {
    let mut directories = Vec::new();
    for name in lib_names(machine) {
        directories.extend([format!("lib/{name}"), format!("usr/lib/{name}")]);
    }
    let plain: &[&str] = match machine {
        Machine { number: 62, is_64: false, .. } => &["libx32", "usr/libx32"],
        Machine { is_64: true, .. } => &["lib64", "usr/lib64"],
        _ => &["lib32", "usr/lib32"],
    };
    directories.extend(plain.iter().map(|d| (*d).to_owned()));
    directories.extend(["lib", "usr/lib", "usr/local/lib"].map(str::to_owned));
    directories.into_iter().map(String::into_bytes).collect()
}

fn lib_names(machine: Machine) -> impl Iterator<Item = &'static str> {
    let is_it =
        move |(n, is_64, _): &&(u16, bool, &str)| (*n, *is_64) == (machine.number, machine.is_64);
    MULTIARCH.iter().filter(is_it).map(|(_, _, name)| *name)
}

/// The directories of an RPATH or RUNPATH, with `$ORIGIN`, `$LIB` and `$PLATFORM` replaced; of `$LIB`,
/// which each distribution defines, all its values.
pub(super) fn expanded(paths: &[u8], origin: &TreePath, machine: Machine) -> Vec<Vec<u8>> {
    let mut libs: Vec<String> = lib_names(machine).map(|name| format!("lib/{name}")).collect();
    libs.extend([if machine.is_64 { "lib64" } else { "lib" }.into(), "lib".into()]);
    let platform = PLATFORMS.iter().find(|(n, _)| *n == machine.number).map_or("", |(_, p)| *p);
    let mut directories = Vec::new();
    for path in paths.split(|&b| b == b':') {
        let path = replaced(path, "ORIGIN", &[b"/", origin.as_bytes()].concat());
        let path = replaced(&path, "PLATFORM", platform.as_bytes());
        let with_libs = libs.iter().map(|lib| replaced(&path, "LIB", lib.as_bytes()));
        match with_libs.clone().any(|d| d != path) {
            true => directories.extend(with_libs),
            false => directories.push(path),
        }
    }
    directories
}

/// Replaces `$NAME` and `${NAME}`.
fn replaced(path: &[u8], name: &str, value: &[u8]) -> Vec<u8> {
    let (plain, braced) = (format!("${name}"), format!("${{{name}}}"));
    let mut result = Vec::new();
    let mut rest = path;
    while let Some((&first, after)) = rest.split_first() {
        let token = [&braced, &plain].into_iter().find_map(|t| rest.strip_prefix(t.as_bytes()));
        match token {
            Some(left) => {
                result.extend(value);
                rest = left;
            }
            None => {
                result.push(first);
                rest = after;
            }
        }
    }
    result
}

/// A directory or library as the loader writes it, which may have `..`: `None` where that is no path.
/// It is taken apart without looking at links, as the loader's own text is.
pub(super) fn absolute(path: &[u8]) -> Option<TreePath> {
    let mut names: Vec<&[u8]> = Vec::new();
    for name in path.split(|&b| b == b'/').filter(|n| !n.is_empty() && *n != b".") {
        match name {
            b".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    TreePath::new(&names.join(&b'/')).ok()
}

/// What the sysroot's own configuration says.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    /// Libraries of the cache: all paths of a name.
    cached: BTreeMap<Vec<u8>, Vec<TreePath>>,
    /// Directories of ld.so.conf, for a sysroot whose cache was never made, and musl's path file.
    pub(super) directories: Vec<TreePath>,
}

impl Configuration {
    pub(super) fn read(sysroot: &Sysroot<'_>) -> Result<Self> {
        let mut configuration = Configuration::default();
        for (name, path) in cache::entries(&small(sysroot, "etc/ld.so.cache")?) {
            let paths = configuration.cached.entry(name.into()).or_default();
            paths.extend(absolute(path));
        }
        let conf = TreePath::new(b"etc/ld.so.conf")?;
        configuration.include(sysroot, &conf, MAX_INCLUDES)?;
        Ok(configuration)
    }

    /// Where the cache says that a library is.
    pub(super) fn cached(&self, name: &[u8]) -> &[TreePath] {
        self.cached.get(name).map_or(&[], Vec::as_slice)
    }

    fn include(&mut self, sysroot: &Sysroot<'_>, path: &TreePath, depth: u32) -> Result<()> {
        let Some(content) = sysroot.file(path)?.filter(|c| c.len() <= MAX_FILE) else {
            return Ok(());
        };
        let text = content.read()?;
        for line in text.split(|&b| b == b'\n') {
            let line = line.split(|&b| b == b'#').next().unwrap_or_default().trim_ascii();
            match line.strip_prefix(b"include").map(<[u8]>::trim_ascii) {
                Some(pattern) if depth > 0 => {
                    for included in matching(sysroot, path, pattern)? {
                        self.include(sysroot, &included, depth - 1)?;
                    }
                }
                _ => self
                    .directories
                    .extend(Some(line).filter(|l| l.starts_with(b"/")).and_then(absolute)),
            }
        }
        Ok(())
    }
}

/// The files of one directory that an `include` names.
fn matching(sysroot: &Sysroot<'_>, from: &TreePath, pattern: &[u8]) -> Result<Vec<TreePath>> {
    let whole = match pattern.starts_with(b"/") {
        true => absolute(pattern),
        false => absolute(&[from.parent().unwrap_or_default().as_bytes(), pattern].join(&b'/')),
    };
    let Some(whole) = whole else { return Ok(Vec::new()) };
    let Some(folder) = whole.parent() else { return Ok(Vec::new()) };
    let Ok(glob) = GlobBuilder::new(&String::from_utf8_lossy(whole.name())).build() else {
        return Ok(Vec::new());
    };
    let matcher = glob.compile_matcher();
    let names = sysroot.names(&folder)?;
    let matching =
        names.into_iter().filter(|name| matcher.is_match(String::from_utf8_lossy(name).as_ref()));
    Ok(matching.filter_map(|name| folder.join(&name).ok()).collect())
}

fn small(sysroot: &Sysroot<'_>, path: &str) -> Result<Vec<u8>> {
    let content = sysroot.file(&TreePath::new(path.as_bytes())?)?;
    content.filter(|c| c.len() <= MAX_FILE).map_or(Ok(Vec::new()), |c| c.read())
}

#[cfg(test)]
mod tests {
    use super::*;

    const X86_64: Machine = Machine { number: 62, is_64: true, is_little: true };

    #[test]
    fn words_of_the_loader_are_replaced() {
        let origin = TreePath::new(b"opt/app/bin").expect("good");
        let expand = |text: &str| {
            let lossy = |d: Vec<u8>| String::from_utf8_lossy(&d).into_owned();
            expanded(text.as_bytes(), &origin, X86_64).into_iter().map(lossy).collect::<Vec<_>>()
        };
        assert_eq!(expand("$ORIGIN/../lib:/x"), ["/opt/app/bin/../lib", "/x"]);
        assert_eq!(expand("${ORIGIN}/$PLATFORM"), ["/opt/app/bin/x86_64"]);
        assert_eq!(expand("/a/$LIB"), ["/a/lib/x86_64-linux-gnu", "/a/lib64", "/a/lib"]);
        let up = absolute(b"/opt/app/bin/../../../../lib").expect("a path");
        assert_eq!(up.as_bytes(), b"lib");
    }

    #[test]
    fn debians_directories_come_first() {
        let first = default_directories(X86_64);
        assert_eq!(
            first[..2],
            [b"lib/x86_64-linux-gnu".to_vec(), b"usr/lib/x86_64-linux-gnu".to_vec()]
        );
        assert!(first.contains(&b"usr/lib64".to_vec()));
    }
}
