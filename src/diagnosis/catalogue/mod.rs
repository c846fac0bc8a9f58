//! The table of symptoms: what consoles say when a boot fails, and why.
//!
//! One file a stage, one entry a cause. A symptom has rules; the weightiest rule that holds counts.
//! A rule looks for words (patterns, see `pattern.rs`) or for a condition over the facts of the log, or both.
//! Weights: 90 and more, the words leave no doubt; 80, they and the facts do; 60 and less, other
//! causes say the same and this one is less usual; under 45, only that something is missing.
//!
//! The words are the programs' own format strings: Linux 3.x to 6.x (`init/`, `fs/`, `kernel/`, `arch/`),
//! GRUB 2, shim, EDK II, U-Boot, syslinux, systemd, dracut, initramfs-tools, BusyBox, util-linux,
//! glibc and musl.

mod bootloader;
mod firmware;
mod grub;
mod init;
mod initramfs;
mod kernel;
mod root;
mod userspace;

use std::fmt;

use serde::Serialize;

use super::facts::Facts;

/// Where a boot ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Before a loader ran.
    Firmware,
    /// In the loader or the EFI stub.
    Bootloader,
    /// While the kernel unpacked itself.
    KernelDecompress,
    /// While the kernel started.
    KernelInit,
    /// While the kernel unpacked the initramfs.
    InitramfsUnpack,
    /// When the kernel executed the first init.
    InitExec,
    /// In the initramfs.
    InitramfsRun,
    /// When the root filesystem was looked for or mounted.
    RootMount,
    /// On the way from the initramfs to the root filesystem.
    SwitchRoot,
    /// In init, or the init of the root filesystem.
    RealInit,
    /// It booted.
    Booted,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Stage; 11] = [
        Stage::Firmware,
        Stage::Bootloader,
        Stage::KernelDecompress,
        Stage::KernelInit,
        Stage::InitramfsUnpack,
        Stage::InitExec,
        Stage::InitramfsRun,
        Stage::RootMount,
        Stage::SwitchRoot,
        Stage::RealInit,
        Stage::Booted,
    ];

    /// Its id.
    pub const fn id(self) -> &'static str {
        match self {
            Stage::Firmware => "firmware",
            Stage::Bootloader => "bootloader",
            Stage::KernelDecompress => "kernel-decompress",
            Stage::KernelInit => "kernel-init",
            Stage::InitramfsUnpack => "initramfs-unpack",
            Stage::InitExec => "init-exec",
            Stage::InitramfsRun => "initramfs-run",
            Stage::RootMount => "root-mount",
            Stage::SwitchRoot => "switch-root",
            Stage::RealInit => "real-init",
            Stage::Booted => "booted",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A cause of failed boots and how its logs look.
#[derive(Debug, Clone, Copy)]
pub struct Symptom {
    /// The cause's id.
    pub id: &'static str,
    /// Where the boot mostly ends.
    pub stage: Stage,
    /// One line.
    pub title: &'static str,
    /// Why, in one or two sentences; `{name}` is what a pattern captured, `{root}` the root device.
    pub cause: &'static str,
    /// What to do, one step each, commands where there are some, with names as in the cause.
    pub remedy: &'static [&'static str],
    pub(super) rules: &'static [Rule],
    pub(super) stage_of: Option<fn(&Facts) -> Stage>,
}

/// One way in which a cause shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) weight: u8,
    /// Any of these; none where the facts alone show it.
    pub(super) any: &'static [&'static str],
    /// And this.
    pub(super) when: Option<fn(&Facts) -> bool>,
    /// A pattern has to stand this often.
    pub(super) times: u64,
}

impl Symptom {
    const fn new(id: &'static str, stage: Stage, title: &'static str) -> Self {
        Symptom { id, stage, title, cause: "", remedy: &[], rules: &[], stage_of: None }
    }

    const fn cause(mut self, cause: &'static str) -> Self {
        self.cause = cause;
        self
    }

    const fn remedy(mut self, remedy: &'static [&'static str]) -> Self {
        self.remedy = remedy;
        self
    }

    const fn rules(mut self, rules: &'static [Rule]) -> Self {
        self.rules = rules;
        self
    }

    /// Where the boot ended depends on the facts.
    const fn stage_of(mut self, stage_of: fn(&Facts) -> Stage) -> Self {
        self.stage_of = Some(stage_of);
        self
    }

    /// The words that are looked for, in the pattern language.
    pub fn words(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.rules.iter().flat_map(|rule| rule.any.iter().copied())
    }
}

/// Puts values into a cause: `{name}`, or `{name|words where the name is not known}`.
pub(super) fn fill(cause: &str, mut value: impl FnMut(&str, Option<&str>) -> String) -> String {
    let mut text = String::with_capacity(cause.len());
    let mut rest = cause;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else { break };
        // `${name}` is a variable of a shell or of U-Boot.
        if before.ends_with('$') {
            let end = rest.len() - behind.len();
            text.push_str(&rest[..end]);
            rest = behind;
            continue;
        }
        let (name, otherwise) = match name.split_once('|') {
            Some((name, otherwise)) => (name, Some(otherwise)),
            None => (name, None),
        };
        text.push_str(before);
        text.push_str(&value(name, otherwise));
        rest = behind;
    }
    text + rest
}

/// The words are enough.
const fn says(weight: u8, any: &'static [&'static str]) -> Rule {
    Rule { weight, any, when: None, times: 1 }
}

/// The words count under a condition.
const fn says_when(weight: u8, any: &'static [&'static str], when: fn(&Facts) -> bool) -> Rule {
    Rule { weight, any, when: Some(when), times: 1 }
}

/// The words count where they are repeated.
const fn repeats(weight: u8, any: &'static [&'static str], times: u64) -> Rule {
    Rule { weight, any, when: None, times }
}

/// The words count where they are repeated, under a condition.
const fn repeats_when(
    weight: u8,
    any: &'static [&'static str],
    times: u64,
    when: fn(&Facts) -> bool,
) -> Rule {
    Rule { weight, any, when: Some(when), times }
}

/// The facts show it.
const fn shows(weight: u8, when: fn(&Facts) -> bool) -> Rule {
    Rule { weight, any: &[], when: Some(when), times: 1 }
}

const TABLES: [&[Symptom]; 8] = [
    firmware::SYMPTOMS,
    grub::SYMPTOMS,
    bootloader::SYMPTOMS,
    kernel::SYMPTOMS,
    initramfs::SYMPTOMS,
    init::SYMPTOMS,
    root::SYMPTOMS,
    userspace::SYMPTOMS,
];

/// Every symptom, by stage.
pub fn symptoms() -> impl Iterator<Item = &'static Symptom> {
    TABLES.into_iter().flatten()
}

/// The symptom of a cause.
pub fn symptom(id: &str) -> Option<&'static Symptom> {
    symptoms().find(|symptom| symptom.id == id)
}

/// Every pattern, each once.
pub(super) fn patterns() -> impl Iterator<Item = &'static str> {
    let all: std::collections::BTreeSet<&'static str> =
        symptoms().flat_map(Symptom::words).collect();
    all.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_symptom_is_complete_and_its_id_unique() {
        let mut ids = BTreeSet::new();
        for symptom in symptoms() {
            assert!(ids.insert(symptom.id), "{} is there twice", symptom.id);
            assert!(!symptom.title.is_empty() && symptom.cause.ends_with('.'), "{}", symptom.id);
            assert!(!symptom.remedy.is_empty() && !symptom.rules.is_empty(), "{}", symptom.id);
            for step in symptom.remedy {
                let named = fill(step, |_, otherwise| otherwise.unwrap_or("{").to_owned());
                let named = named.replace("${", "");
                assert!(!named.contains('{'), "a name without other words: {step}");
            }
            for words in symptom.words() {
                assert!(words.trim_start_matches('^').len() >= 5, "{words}");
                assert!(!words.contains(['`', '"']), "quotes are written ': {words}");
            }
        }
    }
}
