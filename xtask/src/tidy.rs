//! `cargo xtask tidy`: the house rules, run as a test. Each rule is a row with its reason.

use std::fs;
use std::path::{Path, PathBuf};

use bootwright::cli::{Answer, terminal};
use bootwright::error::{Context, Error, Result, shown};

/// A text file of the repository.
struct Source {
    /// Relative to the repository's root, with `/`.
    path: String,
    text: String,
}

/// One house rule: what it is called, why it is there, and how a file breaks it.
struct Rule {
    id: &'static str,
    reason: &'static str,
    check: fn(&Source) -> Vec<String>,
}

const RULES: &[Rule] = &[
    Rule {
        id: "file-header",
        reason: "a reader should learn from the first line what a file is",
        check: file_header,
    },
    Rule {
        id: "file-length",
        reason: "a file over 400 lines usually holds two nouns",
        check: file_length,
    },
    Rule {
        id: "named-by-noun",
        reason: "a room without a noun on its door collects everything",
        check: named_by_noun,
    },
    Rule {
        id: "module-order",
        reason: "a module uses only modules that lib.rs declares above it",
        check: module_order,
    },
    Rule {
        id: "unfinished",
        reason: "unfinished work belongs into an issue, where it is seen",
        check: unfinished,
    },
    Rule {
        id: "no-addresses",
        reason: "packages come from the machine's own configuration, never from a host that we name",
        check: no_addresses,
    },
    Rule {
        id: "dependency-reason",
        reason: "a dependency without a reason cannot be judged later",
        check: dependency_reason,
    },
    Rule {
        id: "link-target",
        reason: "a link to a file that is not there sends the reader nowhere",
        check: link_target,
    },
];

/// Checks every tracked file against every rule.
///
/// # Errors
/// Where the repository cannot be read.
pub(crate) fn run() -> Result<Answer> {
    let mut broken = 0;
    for source in sources()? {
        for rule in RULES {
            for complaint in (rule.check)(&source) {
                terminal::say(format_args!(
                    "{}: {} [{}: {}]",
                    source.path, complaint, rule.id, rule.reason
                ))?;
                broken += 1;
            }
        }
    }
    match broken {
        0 => terminal::say(format_args!("tidy: {} rules hold", RULES.len()))?,
        _ => terminal::say(format_args!("tidy: {broken} complaints"))?,
    }
    Ok(if broken == 0 { Answer::Yes } else { Answer::No })
}

/// Every text file that git tracks or would track.
fn sources() -> Result<Vec<Source>> {
    let root = crate::root();
    let list = bootwright::command::Command::new("git")
        .arg("-C")
        .arg(&root)
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .run()?;
    let list = String::from_utf8(list).context(|| "reading the list of tracked files")?;
    let mut sources = Vec::new();
    for path in list.lines().filter(|path| is_checked(path)) {
        let full = root.join(path);
        match fs::read(&full) {
            Ok(bytes) => {
                sources.push(Source {
                    path: path.into(),
                    text: String::from_utf8_lossy(&bytes).into(),
                });
            }
            // Deleted, but not yet committed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Error::from(error).context(format!("reading {}", shown(&full))));
            }
        }
    }
    Ok(sources)
}

/// Captured logs are evidence, and licences are law: neither is ours to word.
fn is_checked(path: &str) -> bool {
    !path.starts_with("tests/logs/") && !path.starts_with("LICENSE") && !path.ends_with(".lock")
}

fn is_rust(source: &Source) -> bool {
    source.path.ends_with(".rs")
}

fn file_header(source: &Source) -> Vec<String> {
    let has = source.text.starts_with("//!");
    if is_rust(source) && !has { vec!["no `//!` header".into()] } else { Vec::new() }
}

fn file_length(source: &Source) -> Vec<String> {
    // Tests stand below or beside the code that they judge, and do not make it harder to read.
    if !is_rust(source) || source.path.contains("/tests/") || source.path.ends_with("/tests.rs") {
        return Vec::new();
    }
    let code = source.text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
    match code.lines().count() {
        lines if lines > 400 => vec![format!("{lines} lines of code")],
        _ => Vec::new(),
    }
}

fn named_by_noun(source: &Source) -> Vec<String> {
    let vague = ["util", "utils", "common", "helper", "helpers", "types", "misc"];
    let names = Path::new(&source.path).iter().filter_map(|part| part.to_str());
    let stems = names.map(|name| name.split('.').next().unwrap_or_default());
    stems.filter(|stem| vague.contains(stem)).map(|stem| format!("called `{stem}`")).collect()
}

fn module_order(source: &Source) -> Vec<String> {
    let Some(module) = module_of(&source.path) else { return Vec::new() };
    let Ok(library) = fs::read_to_string(crate::root().join("src/lib.rs")) else {
        return vec!["src/lib.rs is unreadable".into()];
    };
    let order: Vec<_> = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let place = |name: &str| order.iter().position(|m| *m == name);
    let used = source.text.lines().flat_map(|line| line.split("crate::").skip(1));
    let used = used.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next());
    used.flatten()
        .filter(|name| place(name) > place(&module) && place(&module).is_some())
        .map(|name| format!("`{module}` uses `{name}`, which comes after it"))
        .collect()
}

/// The top-level module of the library that a file belongs to.
fn module_of(path: &str) -> Option<String> {
    let below = path.strip_prefix("src/")?;
    let first = below.split('/').next()?;
    Some(first.strip_suffix(".rs").unwrap_or(first).to_owned())
}

fn unfinished(source: &Source) -> Vec<String> {
    // Spelt apart so that this table does not find itself.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];
    let lines = source.text.lines().enumerate();
    let found = lines.filter(|(_, line)| {
        line.split(|c: char| !c.is_alphanumeric()).any(|word| marks.contains(&word))
    });
    found.map(|(i, line)| format!("line {}: {}", i + 1, line.trim())).collect()
}

fn no_addresses(source: &Source) -> Vec<String> {
    // `.invalid` is the name that no host has (RFC 6761 §6.4): tests may write it.
    // What an XML namespace or a disk format of OVF is called looks like an address; nobody goes there.
    let is_name = |line: &str| line.contains("xmlns") || line.contains("vmdk.html#");
    let is_address = |line: &str| {
        line.contains(concat!(":", "//")) && !line.contains(".invalid/") && !is_name(line)
    };
    let lines = source.text.lines().enumerate();
    let found = lines.filter(|(_, line)| is_address(line) && !is_quoted_log(source));
    found.map(|(i, _)| format!("line {} has an address", i + 1)).collect()
}

/// Symptoms and fixtures quote what consoles print, addresses included.
fn is_quoted_log(source: &Source) -> bool {
    source.path.starts_with("src/diagnosis/") || source.path.ends_with(".schema.json")
}

fn dependency_reason(source: &Source) -> Vec<String> {
    if !source.path.ends_with("Cargo.toml") {
        return Vec::new();
    }
    let (mut complaints, mut inside, mut explained) = (Vec::new(), false, false);
    for line in source.text.lines().map(str::trim) {
        match line {
            _ if line.starts_with('[') => inside = line.ends_with("dependencies]"),
            _ if line.starts_with('#') => explained = true,
            "" => explained = false,
            // A dependency on another package of this repository needs no defence.
            _ if inside && !explained && line.contains('=') && !line.contains("path =") => {
                complaints.push(format!("no reason above `{line}`"));
            }
            _ => explained = explained && !inside,
        }
    }
    complaints
}

fn link_target(source: &Source) -> Vec<String> {
    if !source.path.ends_with(".md") {
        return Vec::new();
    }
    let folder = crate::root().join(&source.path).parent().map(PathBuf::from).unwrap_or_default();
    let links = source.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = links.map(|link| link.split('#').next().unwrap_or_default());
    files
        .filter(|file| !file.is_empty() && !file.contains(':') && !folder.join(file).exists())
        .map(|file| format!("links to `{file}`, which is not there"))
        .collect()
}
