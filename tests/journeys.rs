//! What happens to a log between the console and us: pages, mails, terminals, editors and log
//! collectors change its lines, and that must change neither the first cause nor the stage.
//!
//! Every labelled log of `tests/logs/` takes every journey in the long run; the default run takes a
//! part of the pairs, the same ones each time.

use std::collections::BTreeMap;
use std::path::Path;

use bootwright::boot::log::Log;
use bootwright::diagnosis::{Explanation, explain_reader};

/// A change of a log's text.
type Journey = fn(&str) -> Vec<u8>;

/// Each name says where the log has been.
const JOURNEYS: &[(&str, Journey)] = &[
    ("in a mail", |text| each(text, |line| format!("> {line}"))),
    ("in an answer to a mail", |text| each(text, |line| format!(">> > {line}"))),
    ("in a page", |text| format!("<pre>\n{}</pre>", entities(text)).into()),
    ("in a page with breaks", |text| {
        lines(text).map(|line| entities(line) + "<br/>").collect::<String>().into()
    }),
    ("in a question", |text| {
        format!("Help, it does not boot!\n\n```\n{text}\n```\n\nWhat could not syncing mean?\n")
            .into()
    }),
    ("indented", |text| each(text, |line| format!("    {line}"))),
    ("behind a tab", |text| each(text, |line| format!("\t{line}"))),
    ("double-spaced", |text| each(text, |line| format!("{line}\n"))),
    ("numbered by cat", |text| numbered(text, |n, line| format!("{n:6}\t{line}"))),
    ("numbered by grep", |text| numbered(text, |n, line| format!("{n}:{line}"))),
    ("numbered by an editor", |text| numbered(text, |n, line| format!("{n:5} | {line}"))),
    ("typeset", |text| text.replace("  ", "\u{a0} ").replace("...", "…").into()),
    ("wrapped at 80 columns", |text| {
        // As it is shown: sequences take no room.
        let log = Log::from_bytes(text.as_bytes());
        log.lines().map(|line| wrapped(line.text(), 80)).collect::<String>().into()
    }),
    ("in caret notation", |text| text.replace('\x1b', "^[").into()),
    ("with spaces to the edge", |text| each(text, |line| format!("{line:<130}"))),
    ("with line ends of Windows", |text| {
        lines(text).map(|line| format!("{line}\r\n")).collect::<String>().into()
    }),
    ("with two carriage returns", |text| {
        lines(text).map(|line| format!("{line}\r\r\n")).collect::<String>().into()
    }),
    ("in colour", |text| each(text, |line| format!("\x1b[0;1;39m{line}\x1b[0m"))),
    ("in UTF-16, little endian", |text| utf16(text, true, u16::to_le_bytes)),
    ("in UTF-16, big endian", |text| utf16(text, true, u16::to_be_bytes)),
    ("in UTF-16 without a mark", |text| utf16(text, false, u16::to_le_bytes)),
    ("as an escaped string", |text| {
        lines(text).map(|line| format!("{line}\\r\\n")).collect::<String>().into()
    }),
    ("from a container", |text| each(text, |line| format!("vm_1  | {line}"))),
    ("from a container's JSON", |text| each(text, json)),
    ("from a hypervisor", |text| each(text, |line| format!("[guest0/uart0] {line}"))),
    ("from the journal", |text| each(text, |line| format!("Nov 21 10:00:00 box kernel: {line}"))),
    ("from syslog", |text| {
        each(text, |line| format!("2026-11-21T10:00:00.000000+00:00 box kernel: {line}"))
    }),
    ("from ts", |text| each(text, |line| format!("Nov 21 10:00:00 {line}"))),
    ("from CI", |text| each(text, |line| format!("2026-11-21T10:00:00.1234567Z {line}"))),
    ("from dmesg -T", |text| stamped(text, |_| "[Sat Nov 21 10:00:00 2026] ".into())),
    ("from dmesg -x", |text| stamped(text, |stamp| format!("kern  :info  : {stamp}"))),
    ("from journalctl -o short-monotonic", |text| {
        stamped(text, |stamp| format!("{stamp}box kernel: "))
    }),
    ("without timestamps", |text| stamped(text, |_| String::new())),
    ("with callers", |text| stamped(text, |stamp| format!("{}[    T1] ", stamp.trim_end()))),
    ("with processors", |text| stamped(text, |stamp| stamp.replace(']', "@0]"))),
    ("with levels", |text| stamped(text, |stamp| format!("<6>{stamp}"))),
    ("from a console that two processors share", raced),
    ("from a terminal that drew a menu", drawn),
    ("without its first lines", beheaded),
    ("with what QEMU says at the end", |text| {
        format!("{text}\nqemu-system-x86_64: terminating on signal 15 from pid 4711 (timeout)\n")
            .into()
    }),
];

/// How many pairs of a log and a journey there are for each that the default run takes.
const SAMPLED: usize = 17;

#[test]
fn what_happens_to_a_log_on_its_way_does_not_matter() {
    let every = if env!("CARGO_CRATE_NAME") == "long" { 1 } else { SAMPLED };
    let logs = labelled();
    let pairs = logs.iter().flat_map(|log| JOURNEYS.iter().map(move |journey| (log, journey)));
    let mut wrong = Vec::new();
    for ((id, told, text), (name, journey)) in pairs.step_by(every) {
        let found = said(&explain_reader(journey(text).as_slice()).expect("readable"));
        if found != *told {
            wrong.push(format!("{id}, {name}: {found:?}, not {told:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The stage and the first cause.
fn said(found: &Explanation) -> (String, String) {
    let top = found.findings.first().map_or("none", |finding| finding.id);
    (found.stage.id().to_owned(), top.to_owned())
}

/// Each log's name, what it says as it is, and its text.
fn labelled() -> Vec<(String, (String, String), String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs");
    let entries = std::fs::read_dir(folder).expect("readable");
    let folders = entries.map(|entry| entry.expect("readable").path()).filter(|path| path.is_dir());
    let logs: BTreeMap<String, Vec<u8>> = folders
        .map(|path| {
            let id = path.file_name().expect("readable").to_string_lossy().into_owned();
            (id, std::fs::read(path.join("console.log")).expect("readable"))
        })
        .collect();
    assert!(logs.len() >= 300, "only {} logs", logs.len());
    let explained = logs.into_iter().map(|(id, bytes)| {
        let told = said(&explain_reader(bytes.as_slice()).expect("readable"));
        (id, told, String::from_utf8_lossy(&bytes).into_owned())
    });
    explained.collect()
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.trim_end_matches('\r'))
}

fn each(text: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
    lines(text).map(|line| change(line) + "\n").collect::<String>().into()
}

fn numbered(text: &str, change: impl Fn(usize, &str) -> String) -> Vec<u8> {
    (1..).zip(lines(text)).map(|(n, line)| change(n, line) + "\n").collect::<String>().into()
}

/// Changes the kernel's timestamp where a line begins with one.
fn stamped(text: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
    each(text, |line| match stamp(line) {
        Some(length) => change(&line[..length]) + &line[length..],
        None => line.to_owned(),
    })
}

/// The length of `[    1.234567] ` at the start of a line.
fn stamp(line: &str) -> Option<usize> {
    let (inner, _) = line.strip_prefix('[')?.split_once("] ")?;
    let (seconds, decimals) = inner.trim_start().split_once('.')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (is_number(seconds) && is_number(decimals)).then_some(inner.len() + 3)
}

fn entities(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn json(line: &str) -> String {
    let text = serde_json::to_string(&format!("{line}\n")).expect("sound");
    format!("{{\"log\":{text},\"stream\":\"stdout\"}}")
}

fn utf16(text: &str, mark: bool, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let mark = mark.then_some('\u{feff}');
    let units = mark.into_iter().chain(text.chars()).collect::<String>();
    units.encode_utf16().flat_map(bytes).collect()
}

fn wrapped(line: &str, columns: usize) -> String {
    let line: Vec<char> = line.chars().collect();
    let pieces = line.chunks(columns).map(|piece| piece.iter().chain(&['\n']).collect::<String>());
    pieces.collect()
}

/// At every fifth line of the kernel, its next line comes in the middle of it.
fn raced(text: &str) -> Vec<u8> {
    let lines: Vec<&str> = lines(text).collect();
    let mut out = String::new();
    let mut n = 0;
    while n < lines.len() {
        let pair = lines.get(n + 1).and_then(|next| Some((stamp(lines[n])?, stamp(next)?)));
        let middle = lines[n].len() / 2;
        match pair.filter(|_| n.is_multiple_of(5) && lines[n].is_char_boundary(middle)) {
            Some((start, _)) if middle > start => {
                let (first, rest) = lines[n].split_at(middle);
                out.extend([first, lines[n + 1], "\n", rest, "\n"]);
                n += 2;
            }
            _ => {
                out.extend([lines[n], "\n"]);
                n += 1;
            }
        }
    }
    out.into()
}

/// A menu with a countdown before the kernel, where it is the kernel that the log is about.
fn drawn(text: &str) -> Vec<u8> {
    let Some((before, kernel)) = text.split_once("Linux version ") else { return text.into() };
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let draw = |n: u8| {
        format!("\x1b[20;4H   The highlighted entry will be executed automatically in {n}s.   ")
    };
    let countdown: String = (0..5).rev().map(draw).collect();
    format!(
        "{}\x1b[2J\x1b[01;01H\x1b[0;37;40m                             GNU GRUB  version 2.06\n\n \
         +------------------------------+\n | *Linux                       |\n \
         +------------------------------+\n\n      Use the ^ and v keys to select which entry is \
         highlighted.\n      Press enter to boot the selected OS, `e' to edit the commands\n      \
         before booting or `c' for a command-line.\n{countdown}\x1b[0m\x1b[H\x1b[J  Booting `Linux'\n\n\
         {}Linux version {kernel}",
        &before[..start],
        &before[start..],
    )
    .into()
}

/// The log of somebody who began to record a little late; a short one would lose what it says.
fn beheaded(text: &str) -> Vec<u8> {
    let skip = if text.lines().count() > 100 { 5 } else { 0 };
    each(&lines(text).skip(skip).map(|line| format!("{line}\n")).collect::<String>(), str::to_owned)
}
