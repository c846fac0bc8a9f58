//! Identifiers: what the two directory hierarchies call a file.
//!
//! ECMA-119 7.5 (levels 2 and 3): capital letters, digits and `_`, thirty of them with the extension,
//! then `;1`. Joliet: 64 UCS-2 characters but six. A name that has to be changed, and is then another's,
//! gets a number; entries come sorted, so it is always the same.

use std::collections::BTreeMap;

/// Which hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// The primary one.
    Iso,
    /// The supplementary one.
    Joliet,
}

/// Characters of a file's name and its extension, without dot and version.
const ISO_FILE_MAX: usize = 30;
/// Characters of a directory's name.
const ISO_DIRECTORY_MAX: usize = 31;
/// UCS-2 characters, version included.
const JOLIET_MAX: usize = 64;
/// The version of every file.
const VERSION: &str = ";1";
/// What Joliet allows in no name.
const JOLIET_FORBIDDEN: &str = "*/:;?\\";

/// The identifiers of the entries of one directory, which come as name and whether it is a directory.
pub(super) fn identifiers<'a>(
    naming: Naming,
    entries: impl Iterator<Item = (&'a [u8], bool)>,
) -> Vec<Vec<u8>> {
    // Each identifier that was given, and the number to try next where another wants it.
    let mut taken: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    let mut identify = |name: &[u8], is_directory| {
        let candidate = |number| match naming {
            Naming::Iso => iso(name, is_directory, number),
            Naming::Joliet => joliet(name, is_directory, number),
        };
        let wanted = candidate(None);
        let mut identifier = wanted.clone();
        let mut number = taken.get(&wanted).copied().unwrap_or(0);
        while taken.contains_key(&identifier) {
            identifier = candidate(Some(number));
            number += 1;
        }
        taken.insert(wanted, number);
        taken.entry(identifier.clone()).or_insert(0);
        identifier
    };
    entries.map(|(name, is_directory)| identify(name, is_directory)).collect()
}

fn iso(name: &[u8], is_directory: bool, number: Option<u32>) -> Vec<u8> {
    let mapped: String = String::from_utf8_lossy(name).chars().map(d_character).collect();
    let suffix = number.map_or_else(String::new, |n| format!("{n:03}"));
    if is_directory {
        let flat = mapped.replace('.', "_");
        return [cut(&flat, ISO_DIRECTORY_MAX - suffix.len()), &suffix].concat().into_bytes();
    }
    let (base, extension) = match mapped.rsplit_once('.') {
        Some((base, extension)) => (base.replace('.', "_"), extension),
        None => (mapped.clone(), ""),
    };
    let extension = cut(extension, ISO_FILE_MAX / 2);
    let base = cut(&base, ISO_FILE_MAX - extension.len() - suffix.len());
    [base, &suffix, ".", extension, VERSION].concat().into_bytes()
}

/// A d-character, or the dot.
fn d_character(c: char) -> char {
    match c.to_ascii_uppercase() {
        c if c.is_ascii_uppercase() || c.is_ascii_digit() || c == '.' => c,
        _ => '_',
    }
}

/// The start of an ASCII text.
fn cut(text: &str, max: usize) -> &str {
    text.get(..max).unwrap_or(text)
}

fn joliet(name: &[u8], is_directory: bool, number: Option<u32>) -> Vec<u8> {
    let text = String::from_utf8_lossy(name);
    let allowed = |c: char| match c {
        c if c.is_control() || JOLIET_FORBIDDEN.contains(c) => '_',
        // Beyond the first plane: UCS-2 has no surrogates.
        c if c.len_utf16() > 1 => '_',
        c => c,
    };
    let suffix = number.map_or_else(String::new, |n| format!("{n:03}"));
    let version = if is_directory { "" } else { VERSION };
    let mut units: Vec<u16> = text.chars().map(|c| allowed(c) as u16).collect();
    let room = JOLIET_MAX - version.len() - suffix.len();
    if units.len() > room {
        // The extension says what a file is: it is kept, where it is one.
        let dot = units.iter().rposition(|&unit| unit == u16::from(b'.'));
        let extension =
            units.split_off(dot.filter(|at| units.len() - at <= 8).unwrap_or(units.len()));
        units.truncate(room - extension.len());
        units.extend(suffix.encode_utf16().chain(extension));
    } else {
        units.extend(suffix.encode_utf16());
    }
    units.extend(version.encode_utf16());
    units.into_iter().flat_map(u16::to_be_bytes).collect()
}

/// What identifiers are sorted by (ECMA-119 9.3): all but the version, which all have.
pub(super) fn sort_key(naming: Naming, identifier: &[u8]) -> &[u8] {
    let version: &[u8] = match naming {
        Naming::Iso => b";1",
        Naming::Joliet => b"\0;\x001",
    };
    identifier.strip_suffix(version).unwrap_or(identifier)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn named(naming: Naming, names: &[(&str, bool)]) -> Vec<String> {
        let entries = names.iter().map(|(name, directory)| (name.as_bytes(), *directory));
        let text = |bytes: Vec<u8>| match naming {
            Naming::Iso => String::from_utf8_lossy(&bytes).into_owned(),
            Naming::Joliet => {
                let units = bytes.chunks_exact(2).map(|c| u16::from_be_bytes([c[0], c[1]]));
                String::from_utf16_lossy(&units.collect::<Vec<_>>())
            }
        };
        identifiers(naming, entries).into_iter().map(text).collect()
    }

    #[test]
    fn iso_names_are_d_characters_and_differ() {
        let names = [
            ("user-data", false),
            ("user.data", false),
            ("user_data", false),
            ("a.tar.gz", false),
            ("conf.d", true),
            (&"x".repeat(40), false),
            (&"x".repeat(41), true),
        ];
        assert_eq!(
            named(Naming::Iso, &names),
            [
                "USER_DATA.;1",
                "USER.DATA;1",
                "USER_DATA000.;1",
                "A_TAR.GZ;1",
                "CONF_D",
                &format!("{}.;1", "X".repeat(30)),
                &"X".repeat(31),
            ]
        );
    }

    #[test]
    fn joliet_names_keep_what_ucs_2_has() {
        let long = format!("{}.conf", "l".repeat(80));
        let names = [("user-data", false), ("a:b", false), ("a;b", false), ("Ümlaut 🐧", true)];
        assert_eq!(named(Naming::Joliet, &names), ["user-data;1", "a_b;1", "a_b000;1", "Ümlaut _"]);
        let cut = named(Naming::Joliet, &[(&long, false), (&format!("{long}.conf"), false)]);
        assert_eq!(cut[0], format!("{}.conf;1", "l".repeat(57)));
        assert_eq!(cut[1], format!("{}000.conf;1", "l".repeat(54)));
    }

    #[test]
    fn numbers_go_on_where_a_thousand_do_not_suffice() {
        let names: Vec<_> = (0..1100).map(|n| format!("{}{n:04}", "n".repeat(40))).collect();
        let entries: Vec<_> = names.iter().map(|name| (&name[..], false)).collect();
        for naming in [Naming::Iso, Naming::Joliet] {
            let all: BTreeSet<_> = named(naming, &entries).into_iter().collect();
            assert_eq!(all.len(), names.len());
        }
    }
}
