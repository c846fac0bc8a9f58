//! What stands before a message: the kernel's timestamp, level and caller, and what syslog, the
//! journal, `dmesg -T` and capture tools put before that.
//!
//! Only the kernel's timestamp has a meaning here; wall clocks are recognised to be skipped.

use std::time::Duration;

/// The parsed start of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prefix {
    /// The kernel's `[    1.234567]`.
    pub kernel_time: Option<Duration>,
    /// The level of `<6>`, 0 to 7; a facility is masked out.
    pub level: Option<u8>,
    /// How many bytes to skip to the message.
    pub length: usize,
}

/// Parses all prefixes off the start of a line.
pub fn parse(text: &str) -> Prefix {
    let bytes = text.as_bytes();
    let mut prefix = Prefix::default();
    let mut dated = false;
    loop {
        let at = prefix.length + blanks(&bytes[prefix.length..]);
        let rest = &bytes[at..];
        prefix.length = at;
        prefix.length += match rest.first() {
            Some(b'<') => match level(rest) {
                Some((level, length)) => {
                    prefix.level = Some(level);
                    length
                }
                None => break,
            },
            Some(b'[') => {
                if let Some((time, length)) = kernel_time(rest) {
                    prefix.kernel_time = Some(time);
                    dated = true;
                    length
                } else if let Some(length) = caller(rest).or_else(|| guest(rest)) {
                    length
                } else if let Some(length) = bracketed_clock(rest) {
                    dated = true;
                    length
                } else {
                    break;
                }
            }
            Some(b'a'..=b'z') => match facility(rest) {
                Some(length) => length,
                None => break,
            },
            Some(b'0'..=b'9' | b'A'..=b'Z') => match wall_clock(rest) {
                Some(length) => {
                    dated = true;
                    length
                }
                None => break,
            },
            _ => break,
        };
    }
    if let Some(length) = origin(&bytes[prefix.length..], dated) {
        let inner = parse(&text[prefix.length + length..]);
        prefix.length += length + inner.length;
        prefix.kernel_time = inner.kernel_time.or(prefix.kernel_time);
        prefix.level = inner.level.or(prefix.level);
    }
    prefix
}

/// Where, after its own prefix, a kernel timestamp in a text begins a further message.
pub fn next_message(text: &str, prefix: &Prefix) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut from = prefix.length;
    loop {
        let at = from + memchr::memchr(b'[', bytes.get(from..)?)?;
        if is_printks(&bytes[at..]) && !begins_string(&bytes[..at]) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// A timestamp with six decimals, as printk writes it, or `mem [0.5]` would be cut.
fn is_printks(bytes: &[u8]) -> bool {
    let Some((_, length)) = kernel_time(bytes) else { return false };
    let inner = &bytes[..length - 1];
    let end = inner.iter().position(|&b| b == b'@').unwrap_or(inner.len());
    end >= 7 && inner[end - 7] == b'.'
}

/// Whether what stands before a timestamp is the start of a string of JSON.
fn begins_string(before: &[u8]) -> bool {
    let before = before.trim_ascii_end().strip_suffix(b"\"").map(<[u8]>::trim_ascii_end);
    before.is_some_and(|before| before.is_empty() || before.ends_with(b":"))
}

fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_digit()).count()
}

fn number(bytes: &[u8]) -> Option<u64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// `<6>`, or `<30>` with a syslog facility.
fn level(bytes: &[u8]) -> Option<(u8, usize)> {
    let n = digits(bytes.get(1..)?);
    let value = number(&bytes[1..1 + n]).filter(|_| (1..=3).contains(&n))?;
    (bytes.get(1 + n) == Some(&b'>')).then_some(((value & 7) as u8, n + 2))
}

/// `[    1.234567]`; printk always writes six decimals, journalctl too.
fn kernel_time(bytes: &[u8]) -> Option<(Duration, usize)> {
    let start = 1 + blanks(bytes.get(1..)?);
    let whole = digits(&bytes[start..]);
    let point = start + whole;
    if !(1..=7).contains(&whole) || bytes.get(point) != Some(&b'.') {
        return None;
    }
    let decimals = digits(&bytes[point + 1..]);
    let number_end = point + 1 + decimals;
    let end = number_end + processor(&bytes[number_end..]);
    if !(1..=9).contains(&decimals) || bytes.get(end) != Some(&b']') {
        return None;
    }
    let seconds = number(&bytes[start..point])?;
    let nanos = number(&bytes[point + 1..number_end])? * 10u64.pow(9 - decimals as u32);
    Some((Duration::new(seconds, nanos as u32), end + 1))
}

/// The `@0` of `[    1.234567@0]`, by which the kernels of some boards name the processor.
fn processor(bytes: &[u8]) -> usize {
    match bytes.first() {
        Some(b'@') => 1 + digits(&bytes[1..]),
        _ => 0,
    }
}

/// `[guest0/uart0]`: a hypervisor names the guest's port.
fn guest(bytes: &[u8]) -> Option<usize> {
    let end = bytes.iter().take(32).position(|&b| b == b']')?;
    let name = |b: &u8| b.is_ascii_alphanumeric() || b"/-_".contains(b);
    let inner = &bytes[1..end];
    (inner.contains(&b'/') && inner.iter().all(name)).then_some(end + 1)
}

/// The kinds of messages that `dmesg -x` names, and their levels.
const FACILITIES: [&[u8]; 4] = [b"kern", b"user", b"daemon", b"syslog"];

/// `kern  :info  : `.
fn facility(bytes: &[u8]) -> Option<usize> {
    let name = FACILITIES.iter().find(|name| bytes.starts_with(name))?.len();
    let colon = name + blanks(&bytes[name..]);
    let rest = bytes.get(colon..)?.strip_prefix(b":")?;
    let level = rest.iter().take_while(|b| b.is_ascii_lowercase()).count();
    let after = level + blanks(&rest[level..]);
    (level > 2 && rest.get(after) == Some(&b':')).then_some(colon + 1 + after + 1)
}

/// `[    T1]` or `[  C0]`: CONFIG_PRINTK_CALLER's thread or processor.
fn caller(bytes: &[u8]) -> Option<usize> {
    let start = 1 + blanks(bytes.get(1..)?);
    matches!(bytes.get(start), Some(b'T' | b'C')).then_some(())?;
    let n = digits(&bytes[start + 1..]);
    let end = start + 1 + n;
    (n > 0 && bytes.get(end) == Some(&b']')).then_some(end + 1)
}

/// `[Sat Nov 21 02:14:31 2026]`, `[2026-11-21 02:14:31]`, `[02:14:31]`.
fn bracketed_clock(bytes: &[u8]) -> Option<usize> {
    let end = bytes.iter().take(48).position(|&b| b == b']')?;
    let inner = &bytes[1..end];
    let clock = find_clock(inner)?;
    // Nothing but a date, a zone and decimals may stand beside the clock.
    let others = inner[..clock].iter().chain(&inner[clock + 8..]);
    let dated = others.clone().all(|&b| b.is_ascii_alphanumeric() || b" .-+:/,".contains(&b));
    let words = inner.split(|&b| b == b' ').filter(|w| w.iter().all(u8::is_ascii_alphabetic));
    (dated && words.clone().count() <= 3 && words.clone().all(|w| w.len() <= 4)).then_some(end + 1)
}

/// Where `hh:mm:ss` stands.
fn find_clock(bytes: &[u8]) -> Option<usize> {
    bytes.windows(8).position(is_clock)
}

fn is_clock(w: &[u8]) -> bool {
    w.len() >= 8
        && w[2] == b':'
        && w[5] == b':'
        && [0, 1, 3, 4, 6, 7].iter().all(|&i| w[i].is_ascii_digit())
}

const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// `Nov 21 02:14:31 `, `2026-11-21T02:14:31.123+00:00 `, `02:14:31.123 `.
fn wall_clock(bytes: &[u8]) -> Option<usize> {
    let clock = if MONTHS.iter().any(|month| bytes.starts_with(month)) {
        let day = 3 + blanks(&bytes[3..]);
        let after = day + digits(&bytes[day..]);
        after + blanks(&bytes[after..])
    } else if digits(bytes) == 4 && bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-') {
        matches!(bytes.get(10), Some(b'T' | b' ')).then_some(11)?
    } else {
        0
    };
    is_clock(bytes.get(clock..)?.get(..8)?).then_some(())?;
    let zone = bytes[clock + 8..].iter().take_while(|&&b| b != b' ' && b != b'\t');
    let zone: Vec<u8> = zone.copied().take(24).collect();
    let fits = zone.iter().all(|b| b.is_ascii_digit() || b".,+-:Z".contains(b));
    let end = clock + 8 + zone.len();
    (fits && bytes.get(end).is_none_or(|&b| b == b' ' || b == b'\t')).then_some(end)
}

/// `host kernel: ` after a time stamp, or `kernel: ` alone. Other tags (`systemd[1]:`) say who
/// speaks and stay; their host goes.
fn origin(bytes: &[u8], dated: bool) -> Option<usize> {
    if bytes.starts_with(b"kernel: ") {
        return Some(8);
    }
    let host = bytes.iter().take(64).position(|&b| b == b' ').filter(|&n| n > 0 && dated)?;
    let name = |b: &u8| b.is_ascii_alphanumeric() || b"-._".contains(b);
    bytes[..host].iter().all(name).then_some(())?;
    let tag = &bytes[host + 1..];
    if tag.starts_with(b"kernel: ") {
        return Some(host + 9);
    }
    let process = tag.iter().take(64).position(|&b| b == b' ')?;
    tag[..process].ends_with(b"]:").then_some(host + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_is_parsed_off() {
        for (line, millis, message) in [
            ("[    1.234000] Linux version", Some(1234), "Linux version"),
            ("[    1.5][    T1] text", Some(1500), "text"),
            ("[T1] text", None, "text"),
            ("[    1.500000@0] text", Some(1500), "text"),
            ("[guest0/uart0] [    1.500000] text", Some(1500), "text"),
            ("kern  :info  : [    1.500000] text", Some(1500), "text"),
            ("user text", None, "user text"),
            ("[   12.000000] [T1] text", Some(12000), "text"),
            ("<6>[    0.000000] text", Some(0), "text"),
            ("<30>text", None, "text"),
            ("Nov 21 02:14:31 box kernel: [    3.000000] text", Some(3000), "text"),
            ("Nov  1 02:14:31 box systemd[1]: Reached target", None, "systemd[1]: Reached target"),
            ("2026-11-21T02:14:31.123456+00:00 box kernel: text", None, "text"),
            ("[Sat Nov 21 02:14:31 2026] text", None, "text"),
            ("[2026-11-21 02:14:31.123] [    2.000000] text", Some(2000), "text"),
            ("[    5.000000] box kernel: text", Some(5000), "text"),
            ("00:01:02.345 text", None, "text"),
            ("  vda: vda1 vda2", None, "vda: vda1 vda2"),
            ("[  OK  ] Reached target", None, "[  OK  ] Reached target"),
            ("Decoding failed", None, "Decoding failed"),
            ("[    2.000000] usb 1-1: new device", Some(2000), "usb 1-1: new device"),
            ("[", None, "["),
            ("", None, ""),
        ] {
            let prefix = parse(line);
            assert_eq!(&line[prefix.length..], message, "{line}");
            assert_eq!(prefix.kernel_time, millis.map(Duration::from_millis), "{line}");
        }
    }

    #[test]
    fn a_timestamp_within_a_line_begins_a_message() {
        let next = |text: &str| next_message(text, &parse(text));
        assert_eq!(next("done[    2.500000] x"), Some(4));
        assert_eq!(next("[    2.500000] x"), None);
        assert_eq!(next("[    2.500000][    2.500000] x"), None);
        assert_eq!(next("gcc [1.5] x"), None);
    }
}
