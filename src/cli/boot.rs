//! `bootwright boot`: boots an image, shows the milestones as they come, and judges.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::assets::{self, AssetArgs};
use super::image::DEFAULT_NAME;
use super::machine::{Limits, MachineArgs};
use super::{Answer, interrupt};
use crate::assets::{Assets, Need};
use crate::boot::log::Log;
use crate::boot::timeline::{Entry, Expectation, Timeline};
use crate::boot::verdict::{End, Outcome, Verdict, judge};
use crate::boot::watch::{Decision, Watch};
use crate::diagnosis::explain::explain;
use crate::error::{Context, Error, Result, shown};
use crate::qemu::accel::{self, Accel, AccelProbe, KvmFailure};
use crate::qemu::machine::Machine;
use crate::qemu::vm::{Event, NotStarted, Vm};
use bootwright_init::handoff;

/// What `boot` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright boot demo.img
  bootwright boot demo.img --interactive
  bootwright boot debian.qcow2 --memory 1G --expect console --json

Exit codes: 0 booted, 1 did not boot, 2 could not find out.")]
pub struct BootArgs {
    /// The image: raw, or another format that QEMU reads [default: bootwright.img]
    #[arg(value_name = "IMAGE")]
    pub image: Option<PathBuf>,
    /// Hand over the terminal: the guest's serial console, with a shell where there is one
    #[arg(long, conflicts_with = "json")]
    pub interactive: bool,
    /// What counts as booted: handoff (this boot's token), console (a login prompt or the like),
    /// or auto (handoff where the kernel was given the token)
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
    pub assets: AssetArgs,
}

/// What counts as booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Expect {
    /// Handoff where the kernel was given the token, else console.
    Auto,
    /// `userspace-ready` with this boot's token.
    Handoff,
    /// What a console shows after a boot.
    Console,
}

/// Boots an image.
///
/// # Errors
/// Where the image, QEMU or the firmware cannot be used.
pub fn run(args: &BootArgs) -> Result<Answer> {
    // Before anything is fetched: a wrong name should not cost a download.
    let image = args.image.as_deref().unwrap_or(Path::new(DEFAULT_NAME));
    image.metadata().context(|| format!("reading {}", shown(image)))?;
    let assets = assets::resolve(Need::BOOT, &args.assets)?;
    let mut boot = Boot::prepare(image, &args.machine, &args.assets, &assets, args.expect)?;
    if args.dry_run {
        println!("{}", boot.machine.reproduce());
        return Ok(Answer::Yes);
    }
    boot.choose_accel(args.json)?;
    match args.interactive {
        true => boot.interactive(),
        false => boot.judged(args.json),
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
        asset_args: &AssetArgs,
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
            eprintln!("trying whether KVM runs the firmware (once; the answer is remembered)");
        }
        let choice = probe.choose(self.args.accel)?;
        if !quiet {
            eprintln!("{choice}");
        }
        self.machine.accel = choice.accel;
        Ok(())
    }

    /// Hands over the terminal until the machine ends.
    fn interactive(mut self) -> Result<Answer> {
        self.machine.oem_string = Some(format!("{}:shell", self.token));
        println!("Ctrl-A x ends the machine, Ctrl-A h shows more keys; Ctrl-C goes to the guest.");
        let status = Vm::interactive(&self.machine, &self.run)?;
        println!("\nthe machine has ended; the console is in {}", shown(&self.serial_log()));
        Ok(if status.success() { Answer::Yes } else { Answer::Unknown })
    }

    /// Boots, shows, judges; under TCG again where KVM turns out to be broken.
    pub(super) fn judged(mut self, json: bool) -> Result<Answer> {
        let mut ran = self.once(json)?;
        if let Some(failure) = ran.kvm_failure.take() {
            let choice = AccelProbe::new(&self.machine, &self.state).fall_back(failure)?;
            eprintln!("{choice}");
            self.machine.accel = choice.accel;
            ran = self.once(json)?;
        }
        match json {
            true => println!("{}", serde_json::to_string_pretty(&self.as_json(&ran))?),
            false => self.report(&ran),
        }
        Ok(match ran.verdict.exit_code() {
            0 => Answer::Yes,
            1 => Answer::No,
            _ => Answer::Unknown,
        })
    }

    fn once(&self, quiet: bool) -> Result<Ran> {
        let mut run = Run::new(self.expectation(), self.expect == Expect::Auto, &self.token, quiet);
        let _watched = interrupt::watch();
        let end = match Vm::start(&self.machine, &self.run) {
            Ok(vm) => run.follow(vm, self.args.limits(), self.machine.accel),
            Err(error) if error.downcast_ref::<NotStarted>().is_some() => {
                End::QemuNotStarted(error.to_string())
            }
            Err(error) => return Err(error),
        };
        Ok(run.finish(end))
    }

    fn expectation(&self) -> Expectation {
        match self.expect {
            Expect::Console => Expectation::Console,
            Expect::Auto | Expect::Handoff => Expectation::Handoff { token: self.token.clone() },
        }
    }

    fn serial_log(&self) -> PathBuf {
        self.run.join("serial.log")
    }

    fn report(&self, ran: &Ran) {
        println!("\n{}", ran.timeline);
        print!("{}", ran.verdict);
        let explanation = explain(&ran.log);
        // Where the catalogue knows nothing better, the verdict has said it all.
        if ran.verdict.outcome != Outcome::Booted && !explanation.findings.is_empty() {
            println!("\n{explanation}");
        }
        println!("\nserial log   {}", shown(&self.serial_log()));
        println!("by hand      {}", self.machine.reproduce());
    }

    fn as_json(&self, ran: &Ran) -> serde_json::Value {
        json!({
            "verdict": ran.verdict,
            "timeline": ran.timeline,
            "explanation": (ran.verdict.outcome != Outcome::Booted).then(|| explain(&ran.log)),
            "accelerator": self.machine.accel.name(),
            "serial_log": shown(&self.serial_log()),
            "lines": ran.log.count(),
            "command": self.machine.reproduce().to_string(),
        })
    }
}

/// A run while it goes on.
struct Run {
    log: Log,
    watch: Watch,
    expectation: Expectation,
    /// The console will do once the kernel's command line is seen to lack this token.
    may_relax: Option<String>,
    quiet: bool,
    kvm_failure: Option<KvmFailure>,
}

impl Run {
    fn new(expectation: Expectation, relax: bool, token: &str, quiet: bool) -> Self {
        Run {
            log: Log::new(),
            watch: Watch::new(&expectation),
            may_relax: relax.then(|| token.to_owned()),
            expectation,
            quiet,
            kvm_failure: None,
        }
    }

    /// Follows the machine to its end, or to the point where there is no more need to wait.
    fn follow(&mut self, mut vm: Vm, limits: Limits, accel: Accel) -> End {
        let clock = Instant::now();
        let end = loop {
            if let Some(event) = vm.next(Duration::from_millis(100))
                && let Some(end) = self.take(&mut vm, event, accel)
            {
                break end;
            }
            let now = clock.elapsed();
            if let Some(end) = self.look(now, limits) {
                break end;
            }
        };
        // A machine that does not end is killed when it is dropped.
        let _ = vm.quit();
        end
    }

    fn take(&mut self, vm: &mut Vm, event: Event, accel: Accel) -> Option<End> {
        if accel == Accel::Kvm {
            self.kvm_failure = self.kvm_failure.take().or_else(|| accel::failure(vm, &event));
            if let Some(failure) = &self.kvm_failure {
                return Some(End::InternalError(failure.to_string()));
            }
        }
        match event {
            Event::Serial { at, bytes } => self.log.push(&bytes, Some(at)),
            Event::Qmp { event, .. } if event.name == "SHUTDOWN" => {
                let is_reset = event.data["reason"] == "guest-reset";
                return Some(if is_reset { End::Reset } else { End::GuestPoweredOff });
            }
            Event::Qmp { .. } => {}
            Event::LogLost(error) => eprintln!("warning: {error}"),
            Event::Exited { status, .. } => return Some(End::QemuExited(status.code())),
        }
        None
    }

    /// What the console has by now, and whether that is enough.
    fn look(&mut self, now: Duration, limits: Limits) -> Option<End> {
        let decision = self.watch.observe(&self.log, now);
        for entry in self.watch.news() {
            if !self.quiet {
                println!("{entry}");
            }
            self.relax(&entry, now);
        }
        let silent = now.saturating_sub(self.watch.last_news());
        match decision {
            Decision::Ready | Decision::Failed => Some(End::Stopped),
            Decision::Continue if interrupt::is_wished() => Some(End::Interrupted),
            Decision::Continue if now >= limits.total => Some(End::TimedOut(now)),
            Decision::Continue if silent >= limits.silence => Some(End::Silent(silent)),
            Decision::Continue => None,
        }
    }

    /// An image that does not hand our token to its kernel cannot prove its boot with it.
    fn relax(&mut self, entry: &Entry, now: Duration) {
        let is_command_line = entry.text.contains("ommand line: ");
        let Some(token) = self.may_relax.take_if(|_| is_command_line) else { return };
        if !entry.text.contains(&format!("{}={token}", handoff::ARGUMENT)) {
            self.expectation = Expectation::Console;
            self.watch = Watch::new(&self.expectation);
            // What was shown is not shown again.
            self.watch.observe(&self.log, now);
            self.watch.news();
        }
    }

    fn finish(mut self, end: End) -> Ran {
        self.log.finish();
        let timeline = Timeline::of(&self.log, &self.expectation);
        let verdict = judge(&self.log, &timeline, end, &self.expectation);
        Ran { log: self.log, timeline, verdict, kvm_failure: self.kvm_failure }
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
