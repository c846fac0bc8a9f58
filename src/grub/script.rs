//! Reads `grub.cfg` as far as the questions go that are asked before a boot: which commands it has, in
//! which menu entry, and with which words.
//!
//! Syntax: GRUB manual, "Shell-like scripting". Words, quotes, comments, `;`, `{ }` are read; nothing is
//! run: both branches of an `if` are seen, and `$variables` stay as they are written except where a
//! plain `set name=word` before them gives their value.

use std::collections::BTreeMap;

/// The largest configuration that is read; real ones have a few dozen KiB.
pub const CONFIG_MAX: u64 = 1 << 20;

/// The most variables that are kept, and the longest word that they make: a hostile file could double
/// a value with every line.
const VARIABLES_MAX: usize = 1000;
const EXPANDED_MAX: usize = 8192;

/// The deepest blocks inside each other that are told apart.
const DEPTH_MAX: usize = 64;

/// A configuration: its commands in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Script {
    /// Every command, those inside menu entries and both branches of an `if` too.
    pub commands: Vec<Command>,
    /// What does not fit together, with its line.
    pub complaints: Vec<(usize, Complaint)>,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its line, from 1.
    pub line: usize,
    /// Its words as they are written, quotes removed; the first is its name.
    pub words: Vec<String>,
    /// The menu entry that it is in: an index of [`Script::entries`].
    pub entry: Option<usize>,
}

/// A menu entry with what it boots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The line of its `menuentry`.
    pub line: usize,
    /// What the menu calls it.
    pub title: String,
    /// The file of its `linux` command, with the variables that are known.
    pub kernel: Option<String>,
    /// The words behind it: the kernel's arguments.
    pub arguments: Vec<String>,
    /// The files of its `initrd` command.
    pub initramfs: Vec<String>,
    /// The file of its `chainloader` command.
    pub chainloader: Option<String>,
}

/// Why GRUB would not take a configuration as it was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Complaint {
    /// A quote that is not closed.
    #[error("a quote is not closed")]
    Quote,
    /// `{` without `}`.
    #[error("a block is not closed with `}}`")]
    Unclosed,
    /// `}` without `{`.
    #[error("`}}` closes nothing")]
    Unopened,
    /// `if` without `fi`, `for` or `while` without `done`, or the other way round.
    #[error("`{0}` has no counterpart")]
    Keyword(&'static str),
}

/// What the words are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String, bool),
    End,
}

impl Script {
    /// Reads a configuration; it never fails, see [`Script::complaints`].
    pub fn parse(text: &str) -> Script {
        let mut script = Script::default();
        let tokens = tokens(text, &mut script.complaints);
        let mut blocks: Vec<(usize, Option<usize>)> = Vec::new();
        let (mut words, mut line_of, mut entries) = (Vec::new(), 0, 0);
        for (line, token) in tokens {
            let is_bare = |text: &str| token == Token::Word(text.into(), true);
            let entry = blocks.iter().rev().find_map(|(_, entry)| *entry);
            if is_bare("{") && !words.is_empty() && blocks.len() < DEPTH_MAX {
                let opens = words.first().is_some_and(|name| name == "menuentry");
                script.push(line_of, &mut words, entry);
                blocks.push((line, opens.then_some(entries)));
                entries += usize::from(opens);
            } else if is_bare("}") && words.is_empty() {
                if blocks.pop().is_none() {
                    script.complaints.push((line, Complaint::Unopened));
                }
            } else if let Token::Word(word, _) = token {
                if words.is_empty() {
                    line_of = line;
                }
                words.push(word);
            } else {
                script.push(line_of, &mut words, entry);
            }
        }
        script.complaints.extend(blocks.iter().map(|(line, _)| (*line, Complaint::Unclosed)));
        script.check_keywords();
        script.complaints.sort_by_key(|(line, _)| *line);
        script
    }

    /// Takes the words of a command that ended; keywords that stand before a command are left out.
    fn push(&mut self, line: usize, words: &mut Vec<String>, entry: Option<usize>) {
        let words = std::mem::take(words);
        if !words.is_empty() {
            self.commands.push(Command { line, words, entry });
        }
    }

    fn check_keywords(&mut self) {
        for (opening, closing) in [(&["if"][..], "fi"), (&["for", "while", "until"], "done")] {
            let mut open = Vec::new();
            for command in &self.commands {
                let name = command.words[0].as_str();
                if let Some(keyword) = opening.iter().find(|keyword| **keyword == name) {
                    open.push((command.line, *keyword));
                } else if name == closing && open.pop().is_none() {
                    self.complaints.push((command.line, Complaint::Keyword(closing)));
                }
            }
            self.complaints
                .extend(open.into_iter().map(|(line, word)| (line, Complaint::Keyword(word))));
        }
    }

    /// The commands by name, keywords that stand before them skipped.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Command> {
        self.commands.iter().filter(move |command| command.name() == name)
    }

    /// The menu entries, with what `linux`, `initrd` and `chainloader` in them name.
    pub fn entries(&self) -> Vec<Entry> {
        let mut variables: BTreeMap<&str, String> = BTreeMap::new();
        let mut entries: Vec<Entry> = Vec::new();
        for command in &self.commands {
            let words = command.plain();
            let expanded = || words[1..].iter().map(|word| expand(word, &variables));
            match (words[0].as_str(), command.entry) {
                ("menuentry", _) => {
                    let title = expanded().next().unwrap_or_default();
                    entries.push(Entry::new(command.line, title));
                }
                ("set", _) => {
                    if let Some((name, value)) = words.get(1).and_then(|word| word.split_once('='))
                    {
                        let value = expand(value, &variables);
                        if variables.len() < VARIABLES_MAX {
                            variables.insert(name, value);
                        }
                    }
                }
                (name, Some(index)) => {
                    let words: Vec<String> = expanded().collect();
                    if let Some(entry) = entries.get_mut(index) {
                        entry.take(name, words);
                    }
                }
                _ => {}
            }
        }
        entries
    }
}

impl Command {
    /// Its name: the first word that is no keyword.
    pub fn name(&self) -> &str {
        &self.plain()[0]
    }

    /// Its words without the keywords before it (`if`, `then`, `else`, `!`); never empty.
    pub fn plain(&self) -> &[String] {
        const KEYWORDS: [&str; 7] = ["if", "then", "else", "elif", "do", "while", "!"];
        let skip = self.words.iter().take_while(|word| KEYWORDS.contains(&word.as_str())).count();
        &self.words[skip.min(self.words.len() - 1)..]
    }
}

impl Entry {
    fn new(line: usize, title: String) -> Self {
        Entry {
            line,
            title,
            kernel: None,
            arguments: Vec::new(),
            initramfs: Vec::new(),
            chainloader: None,
        }
    }

    fn take(&mut self, command: &str, words: Vec<String>) {
        let mut words = words.into_iter();
        match command {
            "linux" | "linuxefi" | "linux16" => {
                self.kernel = words.next();
                self.arguments = words.collect();
            }
            "initrd" | "initrdefi" | "initrd16" => self.initramfs = words.collect(),
            "chainloader" => self.chainloader = words.find(|word| !word.starts_with('-')),
            _ => {}
        }
    }
}

/// Puts in the variables that are known; `$other` stays.
fn expand(word: &str, variables: &BTreeMap<&str, String>) -> String {
    let mut text = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        text.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, tail) = braced.unwrap_or_else(|| after.split_at(end.unwrap_or(after.len())));
        match variables.get(name) {
            Some(value) => text.push_str(value),
            None => text.push_str(&rest[at..rest.len() - tail.len()]),
        }
        if text.len() > EXPANDED_MAX {
            return word.into();
        }
        rest = tail;
    }
    text.push_str(rest);
    text
}

/// The words with their lines; a word is bare where nothing of it was quoted.
fn tokens(text: &str, complaints: &mut Vec<(usize, Complaint)>) -> Vec<(usize, Token)> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    let (mut line, mut word, mut bare) = (1, None::<String>, true);
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => {
                bare = false;
                let opened = line;
                let word = word.get_or_insert_default();
                if !quoted(c, &mut chars, word, &mut line) {
                    complaints.push((opened, Complaint::Quote));
                }
            }
            '\\' => match chars.next() {
                Some('\n') => line += 1,
                Some(c) => {
                    bare = false;
                    word.get_or_insert_default().push(c);
                }
                None => {}
            },
            '#' if word.is_none() => while chars.next_if(|&c| c != '\n').is_some() {},
            c if c.is_whitespace() || c == ';' => {
                if let Some(word) = word.take() {
                    tokens.push((line, Token::Word(word, bare)));
                }
                bare = true;
                if c == '\n' || c == ';' {
                    tokens.push((line, Token::End));
                }
                line += usize::from(c == '\n');
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    tokens.extend(word.map(|word| (line, Token::Word(word, bare))));
    tokens.push((line, Token::End));
    tokens
}

/// Reads up to the closing quote; whether there was one.
fn quoted(
    quote: char,
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    word: &mut String,
    line: &mut usize,
) -> bool {
    while let Some(c) = chars.next() {
        *line += usize::from(c == '\n');
        match c {
            c if c == quote => return true,
            // Inside double quotes only these three are escaped (GRUB manual, "Quoting").
            '\\' if quote == '"' => match chars.next_if(|c| ['$', '"', '\\'].contains(c)) {
                Some(c) => word.push(c),
                None => word.push('\\'),
            },
            c => word.push(c),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEBIAN: &str = r#"
# Written by grub-mkconfig.
set root='hd0,gpt1'
if [ x$feature_platform_search_hint = xy ]; then
  search --no-floppy --fs-uuid --set=root 1234-ABCD
fi
set prefix=/boot/grub
menuentry 'Debian "12"' --class debian {
	load_video; insmod gzio
	linux	/boot/vmlinuz root=UUID=5 ro \
	   quiet "a=b c"
	initrd	$prefix/microcode.img /boot/initrd.img
}
submenu 'Advanced' {
  menuentry "old" { linux ${prefix}/old; }
  menuentry chain { chainloader --force /EFI/BOOT/$unknown.efi
  }
}
"#;

    #[test]
    fn entries_say_what_they_boot() {
        let script = Script::parse(DEBIAN);
        assert_eq!(script.complaints, []);
        let entries = script.entries();
        let titles: Vec<_> = entries.iter().map(|e| (e.line, e.title.as_str())).collect();
        assert_eq!(titles, [(8, "Debian \"12\""), (15, "old"), (16, "chain")]);
        assert_eq!(entries[0].kernel.as_deref(), Some("/boot/vmlinuz"));
        assert_eq!(entries[0].arguments, ["root=UUID=5", "ro", "quiet", "a=b c"]);
        assert_eq!(entries[0].initramfs, ["/boot/grub/microcode.img", "/boot/initrd.img"]);
        assert_eq!(entries[1].kernel.as_deref(), Some("/boot/grub/old"));
        assert_eq!(entries[2].chainloader.as_deref(), Some("/EFI/BOOT/$unknown.efi"));
        let search = script.named("search").next().expect("inside the if");
        assert_eq!((search.line, search.words[2].as_str()), (5, "--fs-uuid"));
        assert!(script.named("insmod").any(|c| c.entry == Some(0)));
    }

    #[test]
    fn our_own_configuration_comes_back() {
        use crate::grub::config::{Config, MenuEntry};
        let entry = MenuEntry {
            title: "it's Linux".into(),
            kernel: "/EFI/BOOT/vmlinuz".into(),
            initramfs: Some("/EFI/BOOT/initramfs.img".into()),
            arguments: "root=PARTUUID=1 ro".parse().expect("arguments"),
        };
        let console = "ttyS0,115200".parse().expect("a console");
        let config = Config { console, timeout: 0, entries: vec![entry] };
        let script = Script::parse(&config.to_string());
        assert_eq!(script.complaints, []);
        let entries = script.entries();
        assert_eq!(entries[0].title, "it's Linux");
        assert_eq!(entries[0].arguments[..2], ["root=PARTUUID=1", "ro"]);
        assert_eq!(entries[0].initramfs, ["/EFI/BOOT/initramfs.img"]);
    }

    #[test]
    fn what_does_not_fit_together_is_said_with_its_line() {
        let complaints = |text: &str| Script::parse(text).complaints;
        assert_eq!(complaints("echo 'a\nb"), [(1, Complaint::Quote)]);
        assert_eq!(complaints("menuentry a {\n linux /b\n"), [(1, Complaint::Unclosed)]);
        assert_eq!(complaints("set a=b\n}\n"), [(2, Complaint::Unopened)]);
        assert_eq!(complaints("if true; then\necho\n"), [(1, Complaint::Keyword("if"))]);
        assert_eq!(complaints("done"), [(1, Complaint::Keyword("done"))]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[a-z'\"\\\\{};#$= \n]{0,200}", other in any::<String>()) {
            Script::parse(&text).entries();
            Script::parse(&other).entries();
        }
    }
}
