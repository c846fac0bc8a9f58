//! apt without root: the machine's own sources, keys and proxies, with a private state and cache.
//!
//! Nothing is installed: apt resolves against the host's dpkg status what is missing, downloads it and
//! verifies its signatures and hashes. No mirror is named here, since the machine knows its own.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use super::Progress;
use super::catalogue::{Packages, Scope};
use super::store::STORE_HINT;
use crate::command::{Command, Output, find_in_path};
use crate::error::{Context, Error, Result, shown};

/// How often the size of the downloaded files is looked at.
const POLL: Duration = Duration::from_millis(100);

/// apt with its private folder.
pub(super) struct Apt {
    /// apt-get with the settings that all its uses share.
    command: Command,
    folder: PathBuf,
}

/// One package file that is to be downloaded, a line of `apt-get --print-uris`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Archive {
    /// The name that the downloaded file has: `NAME_VERSION_ARCH.deb`, colons as `%3a`.
    pub(super) file: String,
    /// Its length in bytes.
    pub(super) size: u64,
    /// Its SHA-256 in hexadecimal, as the signed index says.
    pub(super) sha256: String,
}

/// Whether this machine has apt.
pub(super) fn is_here() -> bool {
    find_in_path("apt-get").is_some()
}

impl Apt {
    /// Sets up the private folder; `None` on a machine without apt.
    pub(super) fn open(folder: &Path) -> Result<Option<Apt>> {
        let Some(program) = find_in_path("apt-get") else { return Ok(None) };
        let configuration = configuration(folder)?;
        let path = folder.join("apt.conf");
        let command = ends_with_us(program).arg("-c").arg(&path).arg("-qq").env("LC_ALL", "C");
        let apt = Apt { command, folder: folder.into() };
        for sub in ["lists/partial", "none/partial", "archives"] {
            let path = folder.join(sub);
            fs::create_dir_all(&path).context(|| format!("making {}", shown(&path)))?;
        }
        fs::write(&path, configuration).context(|| format!("writing {}", shown(&path)))?;
        Ok(Some(apt))
    }

    /// Whether an index of packages was fetched before.
    pub(super) fn has_lists(&self) -> bool {
        let lists = fs::read_dir(self.folder.join("lists")).into_iter().flatten().flatten();
        lists.into_iter().any(|entry| entry.file_name().as_encoded_bytes().contains(&b'_'))
    }

    /// Fetches the index of packages. One source of several that does not answer is no failure, so
    /// what apt warned of is returned, for when a package turns out to be unknown.
    pub(super) fn update(&self) -> Result<Option<String>> {
        let output = self.command.clone().arg("update").output()?;
        match output.status.success() {
            true => Ok(said(&output.stderr, "W: ")),
            false => Err(failure(&output).context("updating the list of packages")),
        }
    }

    /// What has to be downloaded for these packages: the first name that apt knows counts.
    pub(super) fn resolve(&self, packages: &Packages) -> Result<Vec<Archive>> {
        let mut first_error = None;
        for name in packages.debian {
            match self.resolve_one(name, packages) {
                Ok(archives) => return Ok(archives),
                Err(error) => first_error.get_or_insert(error),
            };
        }
        Err(first_error.unwrap_or_else(|| Error::new(format!("{} has no package", packages.id))))
    }

    fn resolve_one(&self, name: &str, packages: &Packages) -> Result<Vec<Archive>> {
        let mut command = self.command.clone().args(["--print-uris", "--no-install-recommends"]);
        command = match packages.scope {
            // Reinstalling lists a package, too, that the host has, but which was refused.
            Scope::Missing => command.arg("--reinstall"),
            // As if nothing were installed, so that all that is wanted is listed.
            Scope::Only(_) | Scope::Archives(_) => {
                command.args(["-o", "Dir::State::status=/dev/null"])
            }
        };
        let output = command.arg("install").args(name.split_ascii_whitespace()).output()?;
        if !output.status.success() {
            return Err(failure(&output).context(format!("resolving the package {name}")));
        }
        let listed = String::from_utf8_lossy(&output.stdout);
        let mut archives: Vec<_> = listed.lines().filter_map(parse_uri).collect();
        archives.retain(|archive| packages.wants(archive.package()));
        archives.sort();
        match archives.is_empty() {
            true => Err(Error::new(format!("apt has no file to download for the package {name}"))),
            false => Ok(archives),
        }
    }

    /// Downloads the files that are not there yet, which apt verifies, and returns their paths in the
    /// order of `archives`.
    pub(super) fn download(
        &self,
        archives: &BTreeSet<Archive>,
        progress_fn: &mut dyn FnMut(Progress),
    ) -> Result<()> {
        // apt-get downloads into the folder that it is started in.
        let command = Command::new("env").arg("-C").arg(self.archives()).arg("LC_ALL=C");
        let command = command.arg(self.command.program()).args(self.command.arguments().iter());
        let command = command.arg("download").args(archives.iter().map(Archive::requested));
        let mut child = command.spawn(Stdio::null(), Stdio::null(), Stdio::piped())?;
        let mut pipe = child.stderr.take();
        let (status, stderr) = std::thread::scope(|scope| {
            let reader = scope.spawn(move || {
                let mut text = Vec::new();
                pipe.as_mut().map(|pipe| pipe.read_to_end(&mut text));
                text
            });
            let status = self.watch(&mut child, archives, progress_fn);
            (status, reader.join().unwrap_or_default())
        });
        let output = Output { status: status?, stdout: Vec::new(), stderr };
        match output.status.success() {
            true => Ok(()),
            false => Err(failure(&output).context("downloading packages")),
        }
    }

    fn watch(
        &self,
        child: &mut Child,
        archives: &BTreeSet<Archive>,
        progress_fn: &mut dyn FnMut(Progress),
    ) -> Result<std::process::ExitStatus> {
        let total = archives.iter().map(|a| a.size).sum();
        let size = |a: &Archive| self.path(a).metadata().map_or(0, |m| m.len().min(a.size));
        loop {
            let done = archives.iter().map(size).sum();
            progress_fn(Progress::Downloading { done, total, packages: archives.len() });
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => std::thread::sleep(POLL),
                Err(error) => {
                    // It must not go on writing after the lock of the store is gone.
                    child.kill().ok();
                    return Err(Error::from(error).context("waiting for apt-get"));
                }
            }
        }
    }

    /// Where a downloaded file is.
    pub(super) fn path(&self, archive: &Archive) -> PathBuf {
        self.archives().join(&archive.file)
    }

    /// Removes what has been unpacked, and apt's binary cache, which it makes anew in a second.
    pub(super) fn clean(&self, archives: &BTreeSet<Archive>) {
        let cache = self.folder.join("srcpkgcache.bin");
        for path in archives.iter().map(|a| self.path(a)).chain([cache]) {
            // Only space is lost where it stays.
            fs::remove_file(path).ok();
        }
    }

    fn archives(&self) -> PathBuf {
        self.folder.join("archives")
    }
}

impl Archive {
    /// The package's name.
    pub(super) fn package(&self) -> &str {
        self.file.split('_').next().unwrap_or_default()
    }

    /// Its version, as apt writes it.
    pub(super) fn version(&self) -> String {
        unquoted(self.file.split('_').nth(1).unwrap_or_default())
    }

    /// How `apt-get download` is asked for exactly this file.
    fn requested(&self) -> String {
        let arch = self.file.rsplit('_').next().unwrap_or_default().trim_end_matches(".deb");
        let arch = if arch == "all" { String::new() } else { format!(":{arch}") };
        format!("{}{arch}={}", self.package(), self.version())
    }
}

/// apt-get such that it does not outlive us, whatever signal ends us: it would go on writing into the
/// store after our lock on it is gone. setpriv(1) is in the same essential package as mount(8).
fn ends_with_us(program: PathBuf) -> Command {
    match find_in_path("setpriv") {
        Some(setpriv) => Command::new(setpriv).args(["--pdeathsig", "KILL", "--"]).arg(program),
        None => Command::new(program),
    }
}

/// apt's settings, read after the machine's own: where our state is, and no hooks, translations or
/// other indices that somebody's desktop asked for.
fn configuration(folder: &Path) -> Result<String> {
    let folder =
        folder.to_str().filter(|f| !f.contains(['"', '\\']) && !f.contains(char::is_control));
    let folder = folder.ok_or_else(|| {
        Error::new("apt cannot use the store's path: it has a quote, a backslash, a control character or is not UTF-8")
            .hint(STORE_HINT)
    })?;
    let settings = [
        ("Dir::State", folder),
        ("Dir::State::lists", &format!("{folder}/lists")),
        ("Dir::State::status", "/var/lib/dpkg/status"),
        ("Dir::Cache", folder),
        // Always empty: what is in it already, apt does not list. Downloads go elsewhere.
        ("Dir::Cache::archives", &format!("{folder}/none")),
        // The lists are kept parsed between runs of apt, but not together with a dpkg status: that differs.
        ("Dir::Cache::pkgcache", ""),
        ("Dir::Cache::srcpkgcache", &format!("{folder}/srcpkgcache.bin")),
        ("Dir::Log", &format!("{folder}/log")),
        // The user that root's apt becomes cannot write here.
        ("APT::Sandbox::User", ""),
        ("Acquire::Languages", "none"),
        ("Acquire::ForceHash", "SHA256"),
    ];
    let cleared = [
        "APT::Update::Pre-Invoke",
        "APT::Update::Post-Invoke",
        "APT::Update::Post-Invoke-Success",
        "Acquire::IndexTargets::deb::DEP-11",
        "Acquire::IndexTargets::deb::DEP-11-icons",
        "Acquire::IndexTargets::deb::DEP-11-icons-small",
        "Acquire::IndexTargets::deb::DEP-11-icons-large",
        "Acquire::IndexTargets::deb::CNF",
        "Acquire::IndexTargets::deb::Contents-deb",
    ];
    let settings = settings.iter().map(|(name, value)| format!("{name} \"{value}\";\n"));
    Ok(settings.chain(cleared.iter().map(|name| format!("#clear {name};\n"))).collect())
}

/// Reads `'URI' FILE SIZE SHA256:HASH`; lines of another form are not for us.
fn parse_uri(line: &str) -> Option<Archive> {
    let (_, rest) = line.strip_prefix('\'')?.split_once("' ")?;
    let mut words = rest.split_ascii_whitespace();
    let (file, size) = (words.next()?, words.next()?.parse().ok()?);
    let sha256 = words.next()?.strip_prefix("SHA256:")?;
    // The name becomes a path in our folder.
    let is_name = file.ends_with(".deb") && !file.starts_with('.') && !file.contains('/');
    is_name.then(|| Archive { file: file.into(), size, sha256: sha256.into() })
}

/// `%3a` as `:`, as apt's file names quote.
fn unquoted(text: &str) -> String {
    let mut parts = text.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte.filter(u8::is_ascii) {
            Some(byte) => {
                plain.push(byte.into());
                plain.push_str(&part[2..]);
            }
            None => {
                plain.push('%');
                plain.push_str(part);
            }
        }
    }
    plain
}

/// The first line of apt that starts like this, without its start, as one line.
fn said(stderr: &[u8], start: &str) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().find_map(|line| line.strip_prefix(start))?;
    Some(line.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// What apt says of its failure.
fn failure(output: &Output) -> Error {
    let why = said(&output.stderr, "E: ").unwrap_or_else(|| output.status.to_string());
    let is_full = why.contains("No space left on device");
    let error = Error::new(format!("apt-get: {why}"));
    if is_full { error.hint(STORE_HINT) } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_print_uris_are_read() {
        let line = "'http://mirror.invalid/q%2b1.deb' qemu-system-x86_1%3a7.2+dfsg~1_amd64.deb 92 SHA256:ab";
        let archive = parse_uri(line).expect("a good line");
        assert_eq!(archive.package(), "qemu-system-x86");
        assert_eq!(archive.version(), "1:7.2+dfsg~1");
        assert_eq!(archive.requested(), "qemu-system-x86:amd64=1:7.2+dfsg~1");
        assert_eq!((archive.size, archive.sha256.as_str()), (92, "ab"));
        let all = parse_uri("'file:/x' ovmf_2022.11-6_all.deb 7 SHA256:cd").expect("a good line");
        assert_eq!(all.requested(), "ovmf=2022.11-6");
    }

    #[test]
    fn other_lines_are_no_packages() {
        for line in [
            "Reading package lists...",
            "'http://mirror.invalid/x.deb' x_1_all.deb many SHA256:ab",
            "'http://mirror.invalid/x.deb' ../x_1_all.deb 5 SHA256:ab",
            "'http://mirror.invalid/x.deb' x_1_all.deb 5 MD5Sum:ab",
            "'http://mirror.invalid/x.deb' x_1_all.deb 5",
            "'http://mirror.invalid/x.deb x_1_all.deb",
            "",
        ] {
            assert_eq!(parse_uri(line), None, "{line}");
        }
    }

    #[test]
    fn quoting_of_versions_is_undone() {
        assert_eq!(unquoted("1%3a2%7e"), "1:2~");
        assert_eq!(unquoted("a%zz%"), "a%zz%");
    }

    #[test]
    fn a_failure_is_apts_own_first_error() {
        let stderr = b"W: later\nE: Failed to fetch x  Could not\tconnect\nE: again\n";
        assert_eq!(said(stderr, "E: "), Some("Failed to fetch x Could not connect".into()));
        assert_eq!(said(b"", "E: "), None);
    }

    #[test]
    fn a_path_that_would_break_the_configuration_is_refused() {
        assert!(configuration(Path::new("/a b/c")).is_ok());
        for path in ["/a\"b", "/a\nb", "/a\\b"] {
            assert!(configuration(Path::new(path)).is_err(), "{path}");
        }
    }
}
