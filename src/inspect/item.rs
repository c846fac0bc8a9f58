//! What was found: a tree of items, printed for people and serialised for programs.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::size::Size;

/// Something that was recognised, with what it holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// What it is, in kebab-case: stable, for programs.
    pub kind: &'static str,
    /// What it is called: a path, a section's or partition's name; empty where it has no name.
    pub name: String,
    /// Where it starts in what holds it, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// How long it is in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// What it says about itself.
    #[serde(serialize_with = "facts", skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// What is in it, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
}

/// A property: its name, and what it is.
pub type Fact = (&'static str, Value);

/// What a property can be.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A count, or bytes where the name says so.
    Number(u64),
    /// Words.
    Text(String),
    /// Several words.
    List(Vec<String>),
}

/// Every kind, with the words that people read.
pub(super) const KINDS: [(&str, &str); 41] = [
    ("boot-entry", "boot entry"),
    ("boot-image", "boot image (El Torito)"),
    ("certificate", "certificate"),
    ("cloud-init-seed", "cloud-init seed"),
    ("compressed", "compressed file"),
    ("config-file", "loader configuration"),
    ("deb", "Debian package"),
    ("device-tree", "device tree"),
    ("disk-image", "disk image"),
    ("efi-program", "EFI program"),
    ("elf", "ELF"),
    ("empty", "empty file"),
    ("ext2", "ext2 filesystem"),
    ("ext3", "ext3 filesystem"),
    ("ext4", "ext4 filesystem"),
    ("erofs", "erofs filesystem"),
    ("file", "file"),
    ("filesystem", "filesystem"),
    ("firmware-volume", "UEFI firmware volume"),
    ("gpt", "GUID partition table"),
    ("grub", "GRUB core image"),
    ("initramfs", "initramfs"),
    ("iso9660", "ISO 9660 filesystem"),
    ("kernel", "Linux kernel"),
    ("kernel-config", "kernel configuration"),
    ("mbr", "MBR partition table"),
    ("microcode", "early microcode"),
    ("module", "kernel module"),
    ("partition", "partition"),
    ("pe", "PE file"),
    ("picture", "picture"),
    ("script", "script"),
    ("section", "section"),
    ("segment", "segment"),
    ("signature", "signature"),
    ("squashfs", "squashfs filesystem"),
    ("text", "text"),
    ("uki", "unified kernel image"),
    ("unknown", "unknown"),
    ("vfat", "FAT filesystem"),
    ("volume", "volume"),
];

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Value::Number(number)
    }
}

impl From<bool> for Value {
    fn from(answer: bool) -> Self {
        Value::Bool(answer)
    }
}

impl From<Vec<String>> for Value {
    fn from(list: Vec<String>) -> Self {
        Value::List(list)
    }
}

impl Item {
    /// An item of a kind, with nothing in it.
    pub fn new(kind: &'static str) -> Self {
        Item {
            kind,
            name: String::new(),
            offset: None,
            size: None,
            facts: Vec::new(),
            problems: Vec::new(),
            items: Vec::new(),
        }
    }

    /// The same with a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The same at this place, in bytes.
    #[must_use]
    pub fn at(mut self, offset: u64, size: u64) -> Self {
        (self.offset, self.size) = (Some(offset), Some(size));
        self
    }

    /// The same with one more property; text that is empty says nothing and is left out.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let is_empty = match &value {
            Value::Text(text) => text.is_empty(),
            Value::List(list) => list.is_empty(),
            _ => false,
        };
        if !is_empty {
            self.facts.push((name, value));
        }
        self
    }

    /// The same with something that is wrong with it.
    #[must_use]
    pub fn problem(mut self, text: impl Into<String>) -> Self {
        self.problems.push(text.into());
        self
    }

    /// The same with one more item in it.
    #[must_use]
    pub fn child(mut self, item: Item) -> Self {
        self.items.push(item);
        self
    }

    /// The property of this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.facts.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// As lines of text, what is in it below it.
    pub fn render(&self) -> String {
        let mut text = String::new();
        self.lines("", "", &mut text);
        text
    }

    /// Its own line behind `first`, everything below it behind `rest`.
    fn lines(&self, first: &str, rest: &str, text: &mut String) {
        text.push_str(&format!("{first}{}\n", self.title()));
        let bar = if self.items.is_empty() { "   " } else { "│  " };
        for problem in &self.problems {
            text.push_str(&format!("{rest}{bar}! {problem}\n"));
        }
        let width = self.facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in &self.facts {
            let lines = match value {
                // What counts bytes says so.
                Value::Number(n) if name.contains("bytes") => vec![shown_size(*n)],
                value => value.lines(),
            };
            for (index, line) in lines.iter().enumerate() {
                let name = if index == 0 { name } else { "" };
                text.push_str(&format!("{rest}{bar}{name:width$}  {line}\n"));
            }
        }
        for (index, item) in self.items.iter().enumerate() {
            let (branch, below) = match index + 1 == self.items.len() {
                true => ("└─ ", "   "),
                false => ("├─ ", "│  "),
            };
            item.lines(&format!("{rest}{branch}"), &format!("{rest}{below}"), text);
        }
    }

    fn title(&self) -> String {
        let kind = KINDS.iter().find(|(id, _)| *id == self.kind).map_or(self.kind, |(_, k)| k);
        let mut title = match self.name.is_empty() {
            true => kind.to_owned(),
            false => format!("{}: {kind}", self.name),
        };
        if let Some(size) = self.size {
            title.push_str(&format!(", {}", Size(size)));
        }
        if let Some(offset) = self.offset {
            title.push_str(&format!(" at {offset}"));
        }
        title
    }
}

/// A number of bytes for people, and exactly.
pub(super) fn shown_size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes}"),
        _ => format!("{} ({bytes})", Size(bytes)),
    }
}

impl Value {
    fn lines(&self) -> Vec<String> {
        match self {
            Value::Bool(true) => vec!["yes".into()],
            Value::Bool(false) => vec!["no".into()],
            Value::Number(number) => vec![number.to_string()],
            Value::Text(text) => text.lines().map(str::to_owned).collect(),
            Value::List(list) => wrapped(list),
        }
    }
}

/// Words side by side, in lines that a terminal shows.
fn wrapped(words: &[String]) -> Vec<String> {
    const WIDTH: usize = 80;
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.clone()),
        }
    }
    lines
}

/// Facts as one object; names are in snake_case there.
fn facts<S: Serializer>(facts: &[Fact], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(facts.len()))?;
    for (name, value) in facts {
        map.serialize_entry(&name.replace([' ', '-'], "_").to_ascii_lowercase(), value)?;
    }
    map.end()
}
