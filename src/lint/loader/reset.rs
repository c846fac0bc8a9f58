//! Commands by which a configuration resets the machine instead of starting a kernel.
//!
//! `grub-mkconfig` of GRUB 2.12 asks `fwsetup --is-supported` whether the firmware has a setup. Older
//! versions do not know the question: they take it for the command itself and reset into the setup.

use memchr::memmem;

use super::{Config, Embedded, Loader, Sight, Subject, module_files, parts};

/// The argument of the question.
const QUESTION: &str = "--is-supported";

/// Questions to a `fwsetup` that does not know them.
pub(super) fn resets(subject: &Subject) -> Vec<Sight> {
    let Some((loader, grub, config)) = parts(subject) else { return Vec::new() };
    let Some(line) = asks(config).filter(|_| is_older(subject, loader, grub)) else {
        return Vec::new();
    };
    let saw = format!(
        "line {line} asks `fwsetup {QUESTION}`, and GRUB's fwsetup is older than the question: it resets the machine"
    );
    vec![Sight::new(&config.path, saw)]
}

/// The line of the question, outside of the menu's entries.
fn asks(config: &Config) -> Option<usize> {
    let asks = |words: &[String]| {
        let mut rest = words.iter().skip_while(|word| *word != "fwsetup").skip(1);
        rest.next().is_some_and(|word| word == QUESTION)
    };
    let outside = config.script.commands.iter().filter(|command| command.entry.is_none());
    outside.filter(|command| asks(&command.words)).map(|command| command.line).next()
}

/// Whether there is a `fwsetup`, and none that has a word of the question.
fn is_older(subject: &Subject, loader: &Loader, grub: &Embedded) -> bool {
    let knows = |bytes: &[u8]| memmem::find(bytes, QUESTION.as_bytes()).is_some();
    match grub.has("efifwsetup") {
        true => !knows(&loader.bytes),
        false => {
            let files = module_files(subject, grub, "efifwsetup");
            !files.is_empty() && !files.iter().any(|file| knows(file))
        }
    }
}
