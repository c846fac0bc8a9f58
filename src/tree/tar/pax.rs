//! pax extended records (POSIX.1-2024 `pax`, "pax Extended Header"): what a header has no room for, and
//! attributes (`SCHILY.xattr.`, as star, GNU tar and libarchive write them).

use std::collections::BTreeMap;

use crate::tree::Time;

/// The keys of attributes start so.
pub(super) const XATTR: &[u8] = b"SCHILY.xattr.";

/// What the records in front of a member say about it.
#[derive(Debug, Clone, Default)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<Time>,
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// An ACL is there, as text.
    pub(super) has_acl: bool,
    pub(super) sparse: Sparse,
}

/// GNU's records of sparse files (GNU tar, "Storing Sparse Files").
#[derive(Debug, Clone, Default)]
pub(super) struct Sparse {
    /// Format 1.x: the map is in front of the data.
    pub(super) is_1: bool,
    /// The file's real size.
    pub(super) size: Option<u64>,
    /// Formats 0.0 and 0.1: offsets and lengths, in turn.
    pub(super) map: Option<Vec<u64>>,
}

impl Records {
    /// Adds the records of an extended header; `None` where they are damaged.
    pub(super) fn add(&mut self, mut bytes: &[u8]) -> Option<()> {
        while !bytes.is_empty() {
            let (key, value, rest) = record(bytes)?;
            self.set(key, value)?;
            bytes = rest;
        }
        Some(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match key {
            b"path" | b"GNU.sparse.name" => self.path = Some(value.into()),
            b"linkpath" => self.link = Some(value.into()),
            b"size" => self.size = Some(decimal(value)?),
            b"uid" => self.uid = Some(decimal(value)?),
            b"gid" => self.gid = Some(decimal(value)?),
            b"mtime" => self.mtime = Some(time(value)?),
            b"SCHILY.acl.access" | b"SCHILY.acl.default" => self.has_acl = true,
            b"GNU.sparse.major" => self.sparse.is_1 = decimal(value)? == 1,
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => {
                self.sparse.size = Some(decimal(value)?);
            }
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                self.sparse.map.get_or_insert_default().push(decimal(value)?);
            }
            b"GNU.sparse.map" => {
                let numbers: Option<_> = value.split(|&b| b == b',').map(decimal).collect();
                self.sparse.map = Some(numbers?);
            }
            _ => {
                if let Some(name) = key.strip_prefix(XATTR) {
                    self.xattrs.insert(unescaped(name), value.into());
                }
            }
        }
        Some(())
    }
}

/// The first record, `LENGTH KEY=VALUE\n` where the length counts itself: key, value, and the rest.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let digits = bytes.iter().take(20).position(|&b| b == b' ')?;
    let length = usize::try_from(decimal(&bytes[..digits])?).ok()?;
    let (record, rest) = bytes.split_at_checked(length)?;
    let body = record.get(digits + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|&b| b == b'=')?;
    Some((&body[..equals], &body[equals + 1..], rest))
}

/// Appends a record.
pub(super) fn push(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let body = key.len() + value.len() + b" =\n".len();
    let mut length = body;
    while length != body + length.to_string().len() {
        length = body + length.to_string().len();
    }
    records.extend(format!("{length} ").bytes());
    records.extend([key, b"=", value, b"\n"].concat());
}

/// The key of an attribute; GNU tar escapes the two bytes that would end it early.
pub(super) fn xattr_key(name: &[u8]) -> Vec<u8> {
    let mut key = XATTR.to_vec();
    for &b in name {
        match b {
            b'%' => key.extend(b"%25"),
            b'=' => key.extend(b"%3D"),
            _ => key.push(b),
        }
    }
    key
}

fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&first, after)) = rest.split_first() {
        let (byte, left) = match rest {
            [b'%', b'2', b'5', left @ ..] => (b'%', left),
            [b'%', b'3', b'D', left @ ..] => (b'=', left),
            _ => (first, after),
        };
        plain.push(byte);
        rest = left;
    }
    plain
}

pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    is_number.then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

/// Seconds with any number of decimals, perhaps negative.
fn time(text: &[u8]) -> Option<Time> {
    let (is_negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = match digits.iter().position(|&b| b == b'.') {
        Some(dot) => (&digits[..dot], &digits[dot + 1..]),
        None => (digits, &b""[..]),
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = i64::try_from(decimal(whole)?).ok()?;
    let digit = |i: usize| u32::from(fraction.get(i).map_or(0, |b| b - b'0'));
    let nanoseconds = (0..9).fold(0, |n, i| n * 10 + digit(i));
    Some(match (is_negative, nanoseconds) {
        (false, _) => Time { seconds, nanoseconds },
        (true, 0) => Time { seconds: -seconds, nanoseconds },
        (true, _) => Time { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_they_are_written() {
        let mut bytes = Vec::new();
        push(&mut bytes, b"path", "ä".repeat(99).as_bytes());
        push(&mut bytes, &xattr_key(b"user.a=b%"), b"binary\n\0=");
        push(&mut bytes, b"size", b"9999999999");
        let mut records = Records::default();
        records.add(&bytes).expect("sound");
        assert_eq!(records.path, Some("ä".repeat(99).into_bytes()));
        assert_eq!(records.xattrs[&b"user.a=b%"[..]], b"binary\n\0=");
        assert_eq!(records.size, Some(9_999_999_999));
        assert!(Records::default().add(&bytes[..bytes.len() - 1]).is_none());
    }

    #[test]
    fn a_length_counts_its_own_digits() {
        for n in 80..120 {
            let mut bytes = Vec::new();
            push(&mut bytes, b"k", &vec![b'x'; n]);
            assert!(Records::default().add(&bytes).is_some(), "{n}");
        }
    }

    #[test]
    fn times_keep_their_nanoseconds_on_both_sides_of_1970() {
        for (text, seconds, nanoseconds) in
            [("12.5", 12, 500_000_000), ("-1.25", -2, 750_000_000), ("-3", -3, 0), ("0", 0, 0)]
        {
            let expected = Time { seconds, nanoseconds };
            assert_eq!(time(text.as_bytes()), Some(expected), "{text}");
            assert_eq!(expected.to_string(), text);
        }
        assert_eq!(time(b"1.1234567899"), Some(Time { seconds: 1, nanoseconds: 123_456_789 }));
        for bad in ["", "-", "1.x", "1e5", "99999999999999999999"] {
            assert_eq!(time(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn damaged_records_are_refused() {
        for bad in [&b"5"[..], b"0 a=b\n", b"999 a=b\n", b"6 a=bc", b"6 abc\n", b"x a=b\n", b"2 \n"]
        {
            assert!(Records::default().add(bad).is_none(), "{}", String::from_utf8_lossy(bad));
        }
    }
}
