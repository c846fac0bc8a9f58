//! `bootwright explain`: why a boot did not get further, from any console log.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;

use super::pieces::PieceArgs;
use super::{Answer, say_error, terminal};
use crate::compress;
use crate::diagnosis::explain::{Explanation, Outcome};
use crate::diagnosis::explain_reader;
use crate::diagnosis::symbols::Symbols;
use crate::error::{Context, Error, Result, shown};
use crate::volume::{stream, whole};

/// What `explain` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright explain serial.log
  dmesg | bootwright explain -
  bootwright explain --json first.log second.log
  bootwright explain serial.log --image disk.img
  bootwright explain oops.log --system-map /boot/System.map-6.1.0
  bootwright explain serial.log --kernel vmlinuz --initramfs initrd.img
  journalctl -k -b -1 | bootwright explain -
  virsh console VM | tee serial.log      # how to get a log; QEMU: -serial file:serial.log

Exit codes: 0 booted, 1 failed, 2 the log does not tell.")]
pub struct ExplainArgs {
    /// Console logs of any encoding, compressed or not; - is standard input
    #[arg(value_name = "LOG", required = true)]
    pub logs: Vec<PathBuf>,
    /// The disk image that was booted, of any format: the findings are held against its content
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kernel", "kernel_config", "initramfs", "cmdline", "disk"])]
    pub image: Option<PathBuf>,
    /// Or what was booted, file by file.
    #[command(flatten)]
    pub pieces: PieceArgs,
    /// The kernel's vmlinux, with symbols: raw addresses of a trace get the names of functions
    #[arg(long, value_name = "FILE", conflicts_with = "system_map")]
    pub vmlinux: Option<PathBuf>,
    /// The same from its System.map
    #[arg(long, value_name = "FILE")]
    pub system_map: Option<PathBuf>,
    /// Print one JSON object, or an array for several logs, null for what cannot be read (doc/explain.schema.json)
    #[arg(long)]
    pub json: bool,
}

/// Explains logs.
///
/// # Errors
/// Where the only one, or what was booted, cannot be read.
pub fn run(args: &ExplainArgs) -> Result<Answer> {
    let explained: Vec<_> = match &args.logs[..] {
        [log] => vec![Some(explain(log, args)?)],
        // One bad log does not lose the others' answers.
        logs => logs.iter().map(|log| explain(log, args).inspect_err(say_error).ok()).collect(),
    };
    match (args.json, &explained[..]) {
        (true, [one]) => terminal::say(serde_json::to_string_pretty(one)?)?,
        (true, all) => terminal::say(serde_json::to_string_pretty(all)?)?,
        (false, all) => {
            let named = all.iter().zip(&args.logs).filter_map(|(e, log)| Some((e.as_ref()?, log)));
            for (index, (explanation, log)) in named.enumerate() {
                if index > 0 {
                    terminal::say("")?;
                }
                if all.len() > 1 {
                    terminal::say(format_args!("{}:", shown(log)))?;
                }
                say(explanation)?;
            }
        }
    }
    let answer = |explained: &Option<_>| explained.as_ref().map_or(Answer::Unknown, answer);
    Ok(explained.iter().map(answer).max().unwrap_or(Answer::Unknown))
}

/// Says an explanation, for a person.
///
/// # Errors
/// Where it cannot be written.
pub(super) fn say(explanation: &Explanation) -> Result<()> {
    let text = match terminal::is_decorated() {
        true => format!("{explanation:#}"),
        false => explanation.to_string(),
    };
    terminal::say(text.trim_end())
}

fn explain(log: &Path, args: &ExplainArgs) -> Result<Explanation> {
    // First, so that a wrong name does not cost what comes through a pipe.
    let subject = args.pieces.subject(args.image.as_deref())?;
    let symbols = symbols(args)?;
    let reader: Box<dyn Read> = match log.as_os_str() == "-" {
        true => Box::new(io::stdin()),
        false => Box::new(stream(log)?),
    };
    let reading = || format!("reading {}", shown(log));
    let explanation = explain_reader(text(reader).context(reading)?).context(reading)?;
    let explanation = match symbols {
        Some(symbols) => explanation.named(&symbols),
        None => explanation,
    };
    Ok(match subject {
        Some(subject) => explanation.checked(subject),
        None => explanation,
    })
}

/// The text of a log, decompressed where it was compressed. An image that was given in its place holds
/// the words of many programs, and would be taken for a boot.
fn text<'a>(reader: impl Read + 'a) -> Result<impl Read + 'a> {
    let mut reader = compress::reader(reader)?;
    let mut start = Vec::new();
    reader.by_ref().take(START).read_to_end(&mut start)?;
    match is_image(&start) {
        true => Err(Error::new("it is no log but an image or a program").hint(
            "`bootwright lint` says whether an image boots, `bootwright boot` boots it and explains \
             its log, `bootwright inspect` shows what is in it",
        )),
        false => Ok(io::Cursor::new(start).chain(reader)),
    }
}

/// How much of a log is looked at to see whether it is one.
const START: u64 = 2048;

/// Whether these are the first bytes of a disk, a filesystem, an archive or a program.
fn is_image(start: &[u8]) -> bool {
    const MAGICS: [&[u8]; 8] =
        [b"\x7fELF", b"QFI\xfb", b"KDMV", b"vhdxfile", b"conectix", b"hsqs", b"070701", b"070702"];
    let at = |offset: usize, bytes: &[u8]| start.get(offset..offset + bytes.len()) == Some(bytes);
    let is_program = at(0, b"MZ") && start.iter().take(64).any(|&byte| byte == 0);
    // The end of a boot sector, ext4's magic, and VDI's.
    let is_disk =
        at(510, &[0x55, 0xaa]) || at(0x438, &[0x53, 0xef]) || at(0x40, &[0x7f, 0x10, 0xda, 0xbe]);
    is_program || is_disk || MAGICS.iter().any(|magic| at(0, magic))
}

/// The largest vmlinux; one with all debugging information has a GiB.
const SYMBOLS_MAX: u64 = 4 << 30;

fn symbols(args: &ExplainArgs) -> Result<Option<Symbols>> {
    let (path, read): (_, fn(&[u8]) -> _) = match (&args.vmlinux, &args.system_map) {
        (Some(path), _) => (path, Symbols::of_vmlinux),
        (None, Some(path)) => (path, Symbols::of_system_map),
        (None, None) => return Ok(None),
    };
    let reading = || format!("reading {}", shown(path));
    let bytes = whole(path, SYMBOLS_MAX)?;
    Ok(Some(read(&bytes).context(reading)?))
}

/// Of several logs, the worst answer counts.
fn answer(explanation: &Explanation) -> Answer {
    match explanation.outcome {
        Outcome::Booted => Answer::Yes,
        Outcome::Failed => Answer::No,
        Outcome::Unknown => Answer::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_logs_are_read_and_images_refused() {
        let read = |bytes: &[u8]| -> Result<String> {
            let mut out = String::new();
            text(bytes)?.read_to_string(&mut out)?;
            Ok(out)
        };
        assert_eq!(read(b"box login: ").expect("a log"), "box login: ");
        assert_eq!(read(&compress::gzip(6, b"box login: ")).expect("a log"), "box login: ");
        let mut disk = vec![0; 1024];
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        for image in [&disk[..], b"\x7fELF\x02", b"MZ\0\0", b"0707010000"] {
            assert!(read(image).expect_err("no log").to_string().contains("no log"));
        }
        assert!(read(b"MZ is no program").is_ok());
    }
}
