//! A tree as gen_init_cpio's text, with the contents that are no host files in a folder beside it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf, absolute};

use crate::cli::interrupt;
use crate::disk::output::{OutputFile, OutputFolder};
use crate::error::{Context, Result, shown};
use crate::tree::manifest::{loose, manifest, write_content};
use crate::tree::{Content, Entry, Kind, Notice, Tree};

/// Digits of a content's name: numbers, because names of entries have any bytes.
const DIGITS: usize = 6;

/// Writes `PATH` and, where it is needed, `PATH.files`.
///
/// # Errors
/// Where a name has white space, or something cannot be written; then nothing is changed.
pub(super) fn write(tree: &Tree, path: &Path) -> Result<Vec<Notice>> {
    let mut folder = OsString::from(absolute(path)?);
    folder.push(".files");
    let folder = PathBuf::from(folder);
    let loose = loose(tree, &folder);
    let numbered = loose.iter().enumerate().map(|(n, entry)| (entry.id, format!("{n:0DIGITS$}")));
    let names: BTreeMap<_, _> = numbered.collect();
    let locate = |entry: Entry<'_>| match (names.get(&entry.id), &entry.node.kind) {
        (None, Kind::File(Content::Host(host))) => host.path().into(),
        (name, _) => folder.join(name.map_or("", String::as_str)),
    };
    let base = folder.parent().unwrap_or(Path::new("/"));
    let doing = || format!("writing {}", shown(path));
    let manifest = manifest(tree, base, |entry| {
        let location = locate(entry);
        absolute(&location).unwrap_or(location)
    })
    .context(doing)?;
    let output = OutputFile::create(path)?;
    output.as_file().write_all(&manifest.text).context(doing)?;
    let contents = match loose.is_empty() {
        true => None,
        false => Some(contents(&loose, &folder).context(doing)?),
    };
    interrupt::undisturbed(|| {
        contents.map_or(Ok(()), OutputFolder::commit)?;
        output.commit()
    })?;
    Ok(manifest.notices)
}

/// The folder of contents, numbered.
fn contents(loose: &[Entry<'_>], folder: &Path) -> Result<OutputFolder> {
    let output = OutputFolder::replace(folder, is_number)?;
    // Readable by all whatever the umask, as files are.
    std::fs::set_permissions(output.path(), Permissions::from_mode(0o755))?;
    for (number, entry) in loose.iter().enumerate() {
        if let Kind::File(content) = &entry.node.kind {
            let place = output.path().join(format!("{number:0DIGITS$}"));
            write_content(content, entry.node.metadata.mtime, &place)
                .context(|| format!("writing the content of `{}`", entry.path))?;
        }
    }
    Ok(output)
}

/// Whether a name in the folder is one of ours.
fn is_number(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.len() >= DIGITS && name.iter().all(u8::is_ascii_digit)
}
