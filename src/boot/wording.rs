//! The words for an outcome: what happened, and what it usually means.

use bootwright_init::handoff;
use bootwright_init::step::Step;

use super::errno;
use super::milestone::{Milestone, Stage};
use super::outcome::Outcome;
use super::timeline::Timeline;

/// One sentence: what happened.
pub(super) fn what(outcome: &Outcome, timeline: &Timeline) -> String {
    let after = match timeline.last() {
        Some(entry) => format!("after \"{}\" (line {})", entry.milestone.title(), entry.line),
        None => "before its first sign of life".into(),
    };
    match outcome {
        Outcome::Booted => match timeline.reached(Milestone::UserspaceReady).and_then(|e| e.at) {
            Some(at) => {
                format!("The guest booted: userspace was ready after {:.2} s.", at.as_secs_f64())
            }
            None if timeline.is_handed_over() => handed_over(timeline),
            None => "The guest booted.".into(),
        },
        Outcome::QemuFailed { reason } => format!("QEMU could not run the guest: {reason}."),
        Outcome::NoLoader => "The firmware found no boot loader on the disk.".into(),
        Outcome::LoaderFailed { message } => format!("The boot loader failed: {message}"),
        Outcome::KernelPanicked { message } => format!("The kernel panicked: {message}"),
        Outcome::InitFailed { step, message, .. } if Step::ALL.iter().any(|s| s.word() == step) => {
            format!("Init failed {message}.")
        }
        Outcome::InitFailed { step, errno, message } => match errno {
            Some(errno) => {
                format!("Init failed at the step \"{step}\": {}.", errno::describe(*errno))
            }
            None => format!("Init failed at the step \"{step}\": {message}"),
        },
        Outcome::RootNotFound { message } => {
            format!("The root filesystem was not found: {message}.")
        }
        Outcome::Silent { stage, seconds } => {
            format!("The guest went silent for {seconds} s at the stage {}, {after}.", stage.name())
        }
        Outcome::TimedOut { stage, seconds } => {
            format!(
                "The boot was not done after {seconds} s: it was at the stage {}, {after}.",
                stage.name()
            )
        }
        Outcome::Ended { stage, how } => format!(
            "The guest {how} at the stage {}, {after}, without having proved that it was up.",
            stage.name()
        ),
        Outcome::Interrupted { stage } => {
            format!("The boot was interrupted at the stage {}, {after}.", stage.name())
        }
    }
}

/// The sentence for an init that never says that it is ready.
fn handed_over(timeline: &Timeline) -> String {
    let switched = timeline.reached(Milestone::SwitchRoot);
    let at =
        switched.and_then(|entry| entry.at).map(|at| format!(" after {:.2} s", at.as_secs_f64()));
    let said = switched.and_then(|entry| handoff::Parsed::find(&entry.text)?.field("init"));
    let init = String::from_utf8_lossy(
        &said.map(handoff::decode).into_iter().flatten().collect::<Vec<_>>(),
    )
    .into_owned();
    let how = match timeline.reached(Milestone::PoweredDown) {
        Some(_) => "ended in good order",
        None => "runs on; it said nothing that tells whether it is ready",
    };
    format!("The guest booted: its own init {init} took over{} and {how}.", at.unwrap_or_default())
}

/// One or two sentences: what it usually means, and what to do.
pub(super) fn advice(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Booted => "Nothing is to be done.",
        Outcome::QemuFailed { .. } => {
            "This says nothing about the image: mend the QEMU command, or choose --accel tcg, and run it again."
        }
        Outcome::NoLoader => {
            "Usually the ESP lacks EFI/BOOT/BOOTX64.EFI, is not FAT, or the disk is not attached: `bootwright inspect` shows what the image holds."
        }
        Outcome::LoaderFailed { message } if message.contains("out of memory") => {
            "The guest has too little memory for the kernel: `--memory` gives it more."
        }
        Outcome::LoaderFailed { message } if message.starts_with("!!!!") => {
            "A program crashed in the firmware: copy the loader and the kernel again, or use another version of them or of OVMF."
        }
        Outcome::LoaderFailed { message } if message.starts_with("grub") => {
            "It waits at its prompt, as it does where it finds no grub.cfg: that belongs beside the loader, into EFI/BOOT on the ESP."
        }
        Outcome::LoaderFailed { .. } => {
            "Usually grub.cfg names a file that is not there, or a file was cut short when it was copied: compare the paths in it with the ESP's content."
        }
        Outcome::KernelPanicked { .. } => {
            "The lines above the panic name the cause: `bootwright explain` looks it up in the catalogue of symptoms."
        }
        Outcome::InitFailed { step, .. } if step.contains("unpack") => {
            "The archive is damaged, cut short, or compressed in a way that this kernel cannot read."
        }
        Outcome::InitFailed { step, errno: Some(errno), .. } if our_step(step).is_some() => {
            our_step(step).map_or("", |step| step.meaning(*errno))
        }
        Outcome::InitFailed { .. } => {
            "Usually /init is missing, not executable, for another machine or lacks its interpreter, or a program that it needs is missing: `bootwright initramfs ls` shows the archive."
        }
        Outcome::RootNotFound { .. } => {
            "Usually root= names a disk, partition or UUID that is not there, or the driver for the disk or filesystem is a module that the initramfs lacks."
        }
        Outcome::Silent { stage, .. } | Outcome::TimedOut { stage, .. } => stuck(*stage),
        Outcome::Ended { .. } => {
            "Usually something before the end said why, or the console went elsewhere: read the last lines, and check that console=ttyS0 is the last console= argument."
        }
        Outcome::Interrupted { .. } => "Run it again to know.",
    }
}

/// The step of our own `/init` that has this word: it knows what its failures mean.
fn our_step(word: &str) -> Option<Step> {
    Step::ALL.into_iter().find(|step| step.word() == word)
}

/// What a guest usually waits for at this stage.
fn stuck(stage: Stage) -> &'static str {
    match stage {
        Stage::Firmware => {
            "Usually the firmware does not fit the machine (CODE and VARS of different sizes, Secure Boot firmware without smm=on, too little memory) or the accelerator cannot run it: try --accel tcg."
        }
        Stage::Loader => {
            "Usually the kernel runs but has no console=ttyS0, or the loader waits at its menu or for a key."
        }
        Stage::Kernel => {
            "Usually the kernel waits for a root device (rootwait) or its output goes to another console."
        }
        Stage::EarlyUserspace => {
            "Usually the initramfs waits for a device that never comes, or init writes to another console: make console=ttyS0 the last console= argument."
        }
        Stage::Userspace => {
            "Usually a service waits for something, or no login prompt is started on the serial console."
        }
    }
}
