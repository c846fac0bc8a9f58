//! `bootwright boot`: boots an image, shows the milestones as they come, and judges.

mod follow;

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use self::follow::Run;
use super::assets::{self, MachineAssetArgs};
use super::machine::MachineArgs;
use super::{Answer, DEFAULT_IMAGE, interrupt, terminal};
use crate::assets::{Assets, Need};
use crate::boot::end::End;
use crate::boot::expectation::Expectation;
use crate::boot::log::Log;
use crate::boot::outcome::Outcome;
use crate::boot::timeline::Timeline;
use crate::boot::verdict::Verdict;
use crate::diagnosis::explain::{Explanation, explain};
use crate::error::{Context, Error, Result, shown};
use crate::image::Image;
use crate::kernel::modules::Bus;
use crate::lint::Subject;
use crate::qemu::accel::KvmFailure;
use crate::qemu::accel_probe::AccelProbe;
use crate::qemu::device::Drive;
use crate::qemu::machine::Machine;
use crate::qemu::run_folder;
use crate::qemu::vm::{NotStarted, Vm};

/// What `boot` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright boot demo.img
  bootwright boot demo.img --interactive
  bootwright boot debian.qcow2 --memory 1G --expect console --json
  bootwright boot demo.iso --cdrom --bios
  bootwright boot demo.iso --usb

Exit codes: 0 booted, 1 did not boot, 2 could not find out.")]
pub struct BootArgs {
    /// The image: raw, or another format that QEMU reads [default: bootwright.img]
    #[arg(value_name = "IMAGE")]
    pub image: Option<PathBuf>,
    /// Hand over the terminal: the guest's serial console, with a shell where there is one
    #[arg(long, conflicts_with = "json")]
    pub interactive: bool,
    /// What counts as booted: handoff (this boot's token from userspace), own-init (from our /init as it
    /// hands over, then the console of another init), console (a login prompt or the like), or auto
    #[arg(long, value_enum, default_value_t = Expect::Auto)]
    pub expect: Expect,
    /// Print the timeline and the verdict as one JSON object
    #[arg(long)]
    pub json: bool,
    /// Show the QEMU command and start nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Where QEMU and OVMF come from.
    #[command(flatten)]
    pub assets: MachineAssetArgs,
}

/// What counts as booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Expect {
    /// Console where the kernel was given no token; own-init where our `/init` hands over to an init that
    /// does not speak the protocol; else handoff.
    Auto,
    /// `userspace-ready` with this boot's token.
    Handoff,
    /// `switch-root` with this boot's token, and then an init that runs.
    OwnInit,
    /// What a console shows after a boot.
    Console,
}

/// Boots an image.
///
/// # Errors
/// Where the image, QEMU or the firmware cannot be used.
pub fn run(args: &BootArgs) -> Result<Answer> {
    // Before anything is fetched: a wrong name should not cost a download.
    let image = args.image.as_deref().unwrap_or(Path::new(DEFAULT_IMAGE));
    image.metadata().context(|| format!("reading {}", shown(image)))?;
    let assets = assets::resolve(Need::BOOT, &args.assets.options())?;
    let mut boot = Boot::prepare(image, &args.machine, &args.assets, &assets, args.expect)?;
    if args.dry_run {
        let command = boot.machine.reproduce().to_string();
        terminal::say(match args.json {
            true => serde_json::to_string_pretty(&json!({ "command": command }))?,
            false => command,
        })?;
        return Ok(Answer::Yes);
    }
    boot.choose_accel(args.json)?;
    match args.interactive {
        true => boot.interactive(),
        false => {
            let judged = boot.judged(args.json)?;
            match args.json {
                true => terminal::say(serde_json::to_string_pretty(&judged.as_json())?)?,
                false => judged.report()?,
            }
            Ok(judged.answer())
        }
    }
}

/// One boot: the machine, and what is expected of it.
#[derive(Debug)]
pub(super) struct Boot<'a> {
    args: &'a MachineArgs,
    machine: Machine,
    /// Where serial log and variable store of the run go.
    run: PathBuf,
    /// Where it is remembered whether KVM works.
    state: PathBuf,
    token: String,
    expect: Expect,
}

/// How a run went.
struct Ran {
    log: Log,
    timeline: Timeline,
    verdict: Verdict,
    kvm_failure: Option<KvmFailure>,
}

impl<'a> Boot<'a> {
    pub(super) fn prepare(
        image: &Path,
        args: &'a MachineArgs,
        asset_args: &MachineAssetArgs,
        assets: &Assets,
        expect: Expect,
    ) -> Result<Self> {
        let mut machine = args.machine(image, assets)?;
        let token = new_token()?;
        machine.oem_string = Some(format!("{token}:poweroff"));
        let state = asset_args.options().store_folder()?;
        let run = args.run_folder(image);
        Ok(Boot { args, machine, run, state, token, expect })
    }

    /// Chooses the accelerator, and says why where that is of interest.
    pub(super) fn choose_accel(&mut self, quiet: bool) -> Result<()> {
        let probe = AccelProbe::new(&self.machine, &self.state);
        if probe.would_probe(self.args.accel) && !quiet {
            terminal::note("trying whether KVM runs the firmware (once; the answer is remembered)");
        }
        let choice = probe.choose(self.args.accel)?;
        if !quiet {
            terminal::note(&choice);
        }
        self.machine.accel = choice.accel;
        Ok(())
    }

    /// The machine, for what a verb adds to it.
    pub(super) fn machine_mut(&mut self) -> &mut Machine {
        &mut self.machine
    }

    /// Hands over the terminal until the machine ends.
    pub(super) fn interactive(mut self) -> Result<Answer> {
        self.machine.oem_string = Some(format!("{}:shell", self.token));
        terminal::say(
            "Ctrl-A x ends the machine, Ctrl-A h shows more keys; Ctrl-C goes to the guest.",
        )?;
        // Not ended at once by a signal, so that the terminal is put back.
        let _watched = interrupt::watch();
        let status = Vm::interactive(&self.machine, &self.run, interrupt::is_wished)?;
        terminal::say(format_args!(
            "\nthe machine has ended; the console is in {}",
            shown(&self.serial_log())
        ))?;
        let by_itself = status.success() && !interrupt::is_wished();
        Ok(if by_itself { Answer::Yes } else { Answer::Unknown })
    }

    /// Boots, shows what comes, judges; under TCG again where KVM turns out to be broken.
    pub(super) fn judged(mut self, quiet: bool) -> Result<Judged<'a>> {
        let mut ran = self.once(quiet)?;
        if let Some(failure) = ran.kvm_failure.take() {
            let choice = AccelProbe::new(&self.machine, &self.state).fall_back(failure)?;
            terminal::note(&choice);
            self.machine.accel = choice.accel;
            ran = self.once(quiet)?;
        }
        Ok(Judged { boot: self, ran })
    }

    fn once(&self, quiet: bool) -> Result<Ran> {
        let mut run = Run::new(self.expectation(), self.expect == Expect::Auto, quiet);
        let _watched = interrupt::watch();
        let end = match Vm::start(&self.machine, &self.run) {
            Ok(vm) => run.follow(vm, self.args.limits(), self.machine.accel),
            // Ctrl-C on a terminal reaches QEMU as well as us.
            Err(_) if interrupt::is_wished() => End::Interrupted,
            Err(error) if error.downcast_ref::<NotStarted>().is_some() => {
                End::QemuNotStarted(error.to_string())
            }
            Err(error) => return Err(error),
        };
        Ok(run.finish(end))
    }

    /// What this boot begins by expecting.
    pub(super) fn expectation(&self) -> Expectation {
        match self.expect {
            Expect::Console => Expectation::Console,
            Expect::OwnInit => Expectation::OwnInit { token: self.token.clone() },
            Expect::Auto | Expect::Handoff => Expectation::Handoff { token: self.token.clone() },
        }
    }

    /// What was booted; `None` where it is of a format that is not read.
    fn subject(&self) -> Option<Subject> {
        let disk = self.machine.disks.first()?;
        let mut subject = Subject::of_image(Image::open(&disk.path).ok()?).ok()?;
        subject.memory = Some(self.machine.memory.0);
        subject.bus = Some(match disk.drive {
            Drive::Virtio => Bus::Virtio,
            Drive::Cd => Bus::VirtioScsi,
            Drive::Usb => Bus::Usb,
        });
        Some(subject)
    }

    fn serial_log(&self) -> PathBuf {
        self.run.join("serial.log")
    }
}

/// A boot with its verdict.
pub(super) struct Judged<'a> {
    boot: Boot<'a>,
    ran: Ran,
}

impl Judged<'_> {
    pub(super) fn answer(&self) -> Answer {
        match self.ran.verdict.outcome.exit_code() {
            0 => Answer::Yes,
            1 => Answer::No,
            _ => Answer::Unknown,
        }
    }

    pub(super) fn report(&self) -> Result<()> {
        let Judged { boot, ran } = self;
        terminal::say(format_args!("\n{}", ran.timeline))?;
        terminal::say(&ran.verdict)?;
        if let Some(explanation) = self.explanation() {
            terminal::say("")?;
            super::explain::say(&explanation)?;
            terminal::say("")?;
        }
        terminal::say(format_args!("serial log   {}", shown(&boot.serial_log())))?;
        terminal::say(format_args!("by hand      {}", shown(&boot.run.join(run_folder::SCRIPT))))?;
        // Long, but it is what a report of a failure needs.
        match ran.verdict.outcome {
            Outcome::Booted => Ok(()),
            _ => terminal::say(format_args!("which is     {}", boot.machine.reproduce())),
        }
    }

    /// Why it did not boot, where the catalogue of symptoms knows better than the verdict; held
    /// against the image, where that can be read.
    fn explanation(&self) -> Option<Explanation> {
        (self.ran.verdict.outcome != Outcome::Booted).then_some(())?;
        let explanation = explain(&self.ran.log);
        let explanation = match self.boot.subject() {
            Some(subject) => explanation.checked(subject),
            None => explanation,
        };
        (!explanation.findings.is_empty()).then_some(explanation)
    }

    pub(super) fn as_json(&self) -> serde_json::Value {
        let Judged { boot, ran } = self;
        json!({
            "verdict": ran.verdict,
            "timeline": ran.timeline,
            "explanation": self.explanation(),
            "accelerator": boot.machine.accel.name(),
            "serial_log": shown(&boot.serial_log()),
            "lines": ran.log.count(),
            "command": boot.machine.reproduce().to_string(),
        })
    }
}

/// A token that no other boot has.
fn new_token() -> Result<String> {
    let mut bytes = [0; 16];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(Error::from)
        .context(|| "making a token for the boot")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
