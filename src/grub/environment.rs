//! GRUB's environment block, `grubenv`: names and values that GRUB loads and saves (GRUB manual, "The GRUB
//! environment block").

use std::collections::BTreeMap;

/// What GRUB's own tools begin the block with.
const SIGNATURE: &str = "# GRUB Environment Block\n";

/// The names and values of a block; none of what is no block.
pub fn parse(text: &str) -> BTreeMap<String, String> {
    let Some(body) = text.strip_prefix(SIGNATURE) else { return BTreeMap::new() };
    let lines = body.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), unescaped(value))).collect()
}

/// A backslash stands before a backslash; GRUB writes it before a line feed too, which nobody needs.
fn unescaped(value: &str) -> String {
    value.replace("\\\\", "\\")
}

/// A text in which `$name` and `${name}` stand for these values, as `blscfg` reads an entry's options;
/// what has no value is nothing.
pub fn expanded(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut parts = text.split('$');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let braced = part.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = part.find(|c| !is_name(c)).unwrap_or(part.len());
        let (name, rest) = braced.unwrap_or(part.split_at(end));
        out += values.get(name).map_or("", String::as_str);
        out += rest;
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_put_into_text() {
        let block = "# GRUB Environment Block\nsaved_entry=abc-6.1\nkernelopts=root=/dev/vda2 ro a\\\\b\n###";
        let values = parse(block);
        assert_eq!(values["kernelopts"], "root=/dev/vda2 ro a\\b");
        assert_eq!(values.len(), 2);
        assert_eq!(expanded("$kernelopts quiet $tuned", &values), "root=/dev/vda2 ro a\\b quiet");
        assert_eq!(expanded("x${saved_entry}y", &values), "xabc-6.1y");
        assert!(parse("no block").is_empty());
    }
}
