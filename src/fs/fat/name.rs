//! Names: which are possible, the 8.3 alias of each, and the label (fatgen103, "Long Directory
//! Entries").

use std::collections::{BTreeMap, BTreeSet};

use super::error::FatError;
use crate::tree::TreePath;

/// UTF-16 units of one long-name entry.
pub(super) const UNITS_PER_ENTRY: usize = 13;
/// UTF-16 units of a name.
const NAME_UNITS: usize = 255;
/// What no name may have, beside control characters.
const FORBIDDEN: &str = "\"*/:<>?\\|";
/// What an alias may have, beside letters and digits.
const SHORT_SPECIAL: &[u8] = b"!#$%&'()-@^_`{}~";

/// An alias as it is stored: eight bytes and three, filled up with spaces, without the dot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ShortName(pub(super) [u8; 11]);

impl ShortName {
    fn new(stem: &[u8], extension: &[u8]) -> Self {
        let mut bytes = [b' '; 11];
        bytes[..stem.len()].copy_from_slice(stem);
        bytes[8..8 + extension.len()].copy_from_slice(extension);
        ShortName(bytes)
    }

    /// What ties the long-name entries to it.
    pub(super) fn checksum(&self) -> u8 {
        self.0.iter().fold(0u8, |sum, &byte| sum.rotate_right(1).wrapping_add(byte))
    }

    /// "NAME.EXT".
    fn text(&self) -> String {
        let part = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_string();
        let (stem, extension) = (part(&self.0[..8]), part(&self.0[8..]));
        if extension.is_empty() { stem } else { format!("{stem}.{extension}") }
    }
}

/// The volume's label: eleven bytes in upper case, filled up with spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label(pub(super) [u8; 11]);

impl Label {
    /// The label; `None` for an empty text.
    pub(super) fn new(text: &str) -> Result<Option<Label>, FatError> {
        let upper = text.to_ascii_uppercase();
        let allowed = |b: u8| is_short(b) || b == b' ';
        match upper.as_bytes() {
            [] => Ok(None),
            bytes if bytes.len() > 11 || bytes[0] == b' ' || !bytes.iter().all(|&b| allowed(b)) => {
                Err(FatError::Label(text.into()))
            }
            bytes => {
                let mut label = [b' '; 11];
                label[..bytes.len()].copy_from_slice(bytes);
                Ok(Some(Label(label)))
            }
        }
    }
}

/// The name of an entry, where FAT can hold it.
pub(super) fn check(path: &TreePath) -> Result<&str, FatError> {
    let name = std::str::from_utf8(path.name()).map_err(|_| FatError::NotUtf8(path.clone()))?;
    if let Some(c) = name.chars().find(|&c| c < ' ' || FORBIDDEN.contains(c)) {
        return Err(FatError::Character(path.clone(), c));
    }
    if let Some(c) = name.chars().last().filter(|c| ['.', ' '].contains(c)) {
        return Err(FatError::Trailing(path.clone(), c));
    }
    match name.encode_utf16().count() {
        units if units > NAME_UNITS => Err(FatError::NameTooLong(path.clone(), units)),
        _ => Ok(name),
    }
}

/// The name as FAT compares it: each character in upper case where that is one character too.
pub(super) fn folded(name: &str) -> String {
    let upper = |c: char| {
        let mut upper = c.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(one), None) => one,
            _ => c,
        }
    };
    name.chars().map(upper).collect()
}

/// How many long-name entries a name has beside an alias: none where the alias says it all.
pub(super) fn long_entries(name: &str) -> usize {
    match Basis::of(name).exact().is_some_and(|alias| alias.text() == name) {
        true => 0,
        false => name.encode_utf16().count().div_ceil(UNITS_PER_ENTRY),
    }
}

/// The alias of each name of a directory, no two the same; names that are aliases in themselves, but
/// for case, keep them.
pub(super) fn aliases(names: &[&str]) -> Vec<ShortName> {
    let bases: Vec<Basis> = names.iter().map(|name| Basis::of(name)).collect();
    let mut taken: BTreeSet<ShortName> = bases.iter().filter_map(Basis::exact).collect();
    // The last tail that was tried for names which get the same ones.
    let mut tails: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    let mut alias = |basis: &Basis| {
        if let Some(exact) = basis.exact() {
            return exact;
        }
        let tail = tails.entry(basis.tail_key()).or_default();
        loop {
            *tail += 1;
            let candidate = basis.with_tail(*tail);
            if taken.insert(candidate) {
                return candidate;
            }
        }
    };
    bases.iter().map(&mut alias).collect()
}

/// The basis name: what is left of a name in the characters of an alias.
struct Basis {
    stem: Vec<u8>,
    extension: Vec<u8>,
    /// Something was lost or replaced, other than case.
    lossy: bool,
}

impl Basis {
    fn of(name: &str) -> Self {
        let start = name.trim_start_matches(['.', ' ']);
        let (stem, extension) = start.rsplit_once('.').unwrap_or((start, ""));
        let mut lossy = start.len() < name.len();
        let mut kept = |part: &str, most: usize| -> Vec<u8> {
            let words = part.chars().filter(|c| ![' ', '.'].contains(c));
            let mut bytes: Vec<u8> = words.map(short_byte).collect();
            // A dropped, replaced or multi-byte character shows as a difference to the name.
            lossy |= part.to_ascii_uppercase().as_bytes() != bytes || bytes.len() > most;
            bytes.truncate(most);
            bytes
        };
        let (stem, extension) = (kept(stem, 8), kept(extension, 3));
        Basis { stem, extension, lossy }
    }

    /// The alias, where the name is one but for case.
    fn exact(&self) -> Option<ShortName> {
        (!self.lossy).then(|| ShortName::new(&self.stem, &self.extension))
    }

    /// The alias with `~n`.
    fn with_tail(&self, n: u32) -> ShortName {
        let tail = format!("~{n}");
        let kept = self.stem.len().min(8 - tail.len());
        ShortName::new(&[&self.stem[..kept], tail.as_bytes()].concat(), &self.extension)
    }

    /// The same for names whose aliases are the same with every tail.
    fn tail_key(&self) -> Vec<u8> {
        let kept = self.stem.len().min(6);
        [&self.stem[..kept], b".", &self.extension].concat()
    }
}

/// The character in an alias; `_` stands for one that it cannot have.
fn short_byte(c: char) -> u8 {
    match u8::try_from(c.to_ascii_uppercase()) {
        Ok(byte) if is_short(byte) => byte,
        _ => b'_',
    }
}

fn is_short(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || SHORT_SPECIAL.contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(names: &[&str]) -> Vec<String> {
        aliases(names).iter().map(ShortName::text).collect()
    }

    #[test]
    fn names_that_are_aliases_but_for_case_keep_them() {
        assert_eq!(
            texts(&["BOOTX64.EFI", "grub.cfg", "vmlinuz"]),
            ["BOOTX64.EFI", "GRUB.CFG", "VMLINUZ"]
        );
        assert_eq!(["BOOTX64.EFI", "grub.cfg", "EFI"].map(long_entries), [0, 1, 0]);
    }

    #[test]
    fn other_names_get_a_number() {
        for (name, alias) in [
            ("initramfs.img", "INITRA~1.IMG"),
            ("a b", "AB~1"),
            (".config", "CONFIG~1"),
            ("x.tar.gz", "XTAR~1.GZ"),
            ("a+b.c", "A_B~1.C"),
            ("ä", "_~1"),
            ("page.html", "PAGE~1.HTM"),
            ("🐧.efi", "_~1.EFI"),
            ("a\u{7f}", "A_~1"),
        ] {
            assert_eq!(texts(&[name]), [alias], "{name}");
        }
    }

    #[test]
    fn numbers_avoid_each_other_and_names_that_look_alike() {
        let names = ["longname1.txt", "longname2.txt", "LONGNA~1.TXT", "longna~2.txt"];
        assert_eq!(texts(&names), ["LONGNA~3.TXT", "LONGNA~4.TXT", "LONGNA~1.TXT", "LONGNA~2.TXT"]);
        let many: Vec<String> = (0..2000).map(|n| format!("a long name {n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let aliases = texts(&many);
        assert_eq!(
            (&*aliases[8], &*aliases[9], &*aliases[1999]),
            ("ALONGN~9", "ALONG~10", "ALO~2000")
        );
        assert_eq!(aliases.iter().collect::<BTreeSet<_>>().len(), 2000);
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        let check = |bytes: &[u8]| {
            let path = TreePath::new(&[b"EFI/", bytes].concat()).expect("a path");
            check(&path).map(String::from).map_err(|error| error.to_string())
        };
        assert_eq!(check(b"a:b"), Err("`/EFI/a:b` has ':', which no name on FAT may have".into()));
        assert!(check(b"a\nb").is_err_and(|e| e.contains("'\\n'")));
        assert!(check(b"a.").is_err_and(|e| e.contains("ends with '.'")));
        assert!(check(b"a ").is_err());
        assert!(check(b"\xff").is_err_and(|e| e.contains("not UTF-8")));
        assert!(check(&[b'a'; 256]).is_err_and(|e| e.contains("256 UTF-16 units")));
        assert_eq!(check(&[b'a'; 255]), Ok("a".repeat(255)));
    }

    #[test]
    fn labels_are_eleven_upper_case_characters() {
        assert_eq!(Label::new("esp"), Ok(Some(Label(*b"ESP        "))));
        assert_eq!(Label::new(""), Ok(None));
        for bad in [" x", "twelve chars", "ä", "a.b", "a\n"] {
            assert_eq!(Label::new(bad), Err(FatError::Label(bad.into())), "{bad}");
        }
    }

    #[test]
    fn case_is_folded_one_character_to_one() {
        assert_eq!(folded("grub.Äß"), "GRUB.Äß");
        assert_eq!(folded("é"), folded("É"));
    }
}
