//! The command line: one verb a file, for people and with `--json` for programs.
//!
//! The library above never prints; here is where answers reach the terminal.

pub mod assets;
pub mod boot;
pub mod build;
pub mod completions;
pub mod disk;
pub mod doctor;
pub mod edit;
pub mod explain;
pub mod image;
pub mod initramfs;
mod input;
pub mod inspect;
pub mod interrupt;
pub mod libvirt;
pub mod lint;
pub mod machine;
pub mod overlay;
pub mod seed;
pub mod pieces;
pub mod progress;
pub mod run;
pub mod terminal;
pub mod tree;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::{Error, Result};

/// `SOURCE_DATE_EPOCH` where it is set: whole seconds since 1970.
fn source_date_epoch() -> Result<Option<i64>> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH") else { return Ok(None) };
    let seconds = text.to_str().and_then(|text| text.parse().ok()).filter(|s| *s >= 0);
    seconds.map(Some).ok_or_else(|| {
        let shown = crate::error::shown_bytes(text.as_encoded_bytes());
        Error::new(format!("SOURCE_DATE_EPOCH is `{shown}`, not a number of seconds since 1970"))
    })
}

/// The image's name where nobody gave one.
const DEFAULT_IMAGE: &str = "bootwright.img";

/// Builds, boots, inspects and explains minimal UEFI virtual-machine images, without root.
#[derive(Debug, Parser)]
#[command(name = "bootwright", version, max_term_width = 100)]
#[command(after_help = "\
Examples:
  bootwright image --root debian.tar.xz --boot    build an image and boot it
  bootwright lint disk.img                        will it boot?
  bootwright explain serial.log                   why did it not boot?
  bootwright inspect initrd.img                   what is in it?
  bootwright disk convert disk.img disk.vmdk      hand it to another hypervisor
  bootwright overlay base.img alice bob           throw-away copies

Every verb has examples of its own: bootwright VERB --help. \
Exit codes: 0 yes, 1 the answer is no (did not boot, has errors, differs), 2 it could not be found out.")]
pub struct Bootwright {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What bootwright can do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Build a UEFI disk image, and boot it if asked
    Image(Box<image::ImageArgs>),
    /// Build the image that a spec describes
    Build(Box<build::BuildArgs>),
    /// Boot an image and judge how far it came
    Boot(Box<boot::BootArgs>),
    /// Make throw-away copies of an image by name; list, reset, commit and remove them
    Overlay(overlay::OverlayArgs),
    /// Run a copy or an image on the terminal, with a network
    Run(Box<run::RunArgs>),
    /// Describe an image as a machine of other programs
    #[command(subcommand)]
    Export(libvirt::ExportVerb),
    /// Say why a boot did not get further, from its console log
    Explain(explain::ExplainArgs),
    /// Show what is in a file: a disk, an initramfs, a kernel, an EFI program, a package
    Inspect(inspect::InspectArgs),
    /// List, read, weigh, compare, unpack and pack initramfs archives
    #[command(subcommand)]
    Initramfs(initramfs::InitramfsVerb),
    /// Convert disk images between formats, show what is in them, make them larger
    #[command(subcommand)]
    Disk(disk::DiskVerb),
    /// Say whether an image will boot, without booting it
    Lint(Box<lint::LintArgs>),
    /// Write a cloud-init seed, or say why cloud-init would ignore one
    Seed(Box<seed::SeedArgs>),
    /// Show where kernel, GRUB, OVMF, QEMU and busybox come from
    Doctor(Box<doctor::DoctorArgs>),
    /// List, compare and convert trees of files: directories, archives, packages, images
    Tree(Box<tree::TreeArgs>),
    /// Print what lets a shell complete verbs and flags
    Completions(completions::CompletionsArgs),
}

/// Reads the command line; what it says where it cannot, or was asked for help, was said.
///
/// # Errors
/// The exit code.
pub fn parse() -> Result<Bootwright, ExitCode> {
    Bootwright::try_parse().map_err(|error| match error.use_stderr() {
        // Without clap's colours: among them would be whatever controls a terminal in an argument.
        true => {
            let text = error.to_string();
            say_refusal(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
            ExitCode::from(2)
        }
        false => {
            // Nobody is left to be told that the help could not be written.
            let _ = error.print();
            ExitCode::SUCCESS
        }
    })
}

/// Runs a verb.
///
/// # Errors
/// Where the answer could not be found out.
pub fn run(command: &Bootwright) -> Result<Answer> {
    interrupt::install()?;
    match &command.verb {
        Verb::Image(args) => image::run(args),
        Verb::Build(args) => build::run(args),
        Verb::Boot(args) => boot::run(args),
        Verb::Overlay(args) => overlay::run(args),
        Verb::Run(args) => run::run(args),
        Verb::Export(verb) => libvirt::run(verb),
        Verb::Explain(args) => explain::run(args),
        Verb::Inspect(args) => inspect::run(args),
        Verb::Initramfs(verb) => initramfs::run(verb),
        Verb::Disk(verb) => disk::run(verb),
        Verb::Lint(args) => lint::run(args),
        Verb::Seed(args) => seed::run(args),
        Verb::Doctor(args) => doctor::run(args),
        Verb::Tree(args) => tree::run(args),
        Verb::Completions(args) => completions::run(args),
    }
}

/// What a verb found out; not having found out is an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// Built, booted, clean: exit code 0.
    Yes,
    /// Did not boot, differs, has errors: exit code 1.
    No,
    /// It was said why it could not be found out: exit code 2.
    Unknown,
}

/// Turns the result of a verb into the exit code, and says the error: one sentence, then its hint.
pub fn conclude(result: Result<Answer>) -> ExitCode {
    match result {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Ok(Answer::Unknown) => ExitCode::from(2),
        Err(error) => {
            say_error(&error);
            ExitCode::from(2)
        }
    }
}

fn say_error(error: &Error) {
    say_refusal(&error.to_string());
    if let Some(hint) = error.hint_text() {
        let (bold, plain) = decorated((terminal::BOLD, terminal::PLAIN));
        terminal::note(format_args!("{bold}hint:{plain} {hint}"));
    }
}

fn say_refusal(sentence: &str) {
    let (red, plain) = decorated((terminal::RED, terminal::PLAIN));
    terminal::note(format_args!("{red}error:{plain} {sentence}"));
}

/// A decoration and its end, where standard error may have them.
fn decorated(pair: (&'static str, &'static str)) -> (&'static str, &'static str) {
    match std::io::stderr().is_terminal() && !terminal::is_plain() {
        true => pair,
        false => ("", ""),
    }
}

#[cfg(test)]
mod tests;
