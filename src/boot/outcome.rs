//! What became of a boot: one of a few outcomes, each with what is known of it.

use serde::Serialize;

use super::end::End;
use super::milestone::Stage;
use super::timeline::Timeline;
use super::trouble::{Kind, Trouble};

/// What became of the boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// It is up, as expected.
    Booted,
    /// QEMU could not start, or died: nothing is known of the image.
    QemuFailed {
        /// What QEMU said.
        reason: String,
    },
    /// The firmware found nothing to start.
    NoLoader,
    /// The boot loader could not start the kernel.
    LoaderFailed {
        /// What it said.
        message: String,
    },
    /// The kernel stopped.
    KernelPanicked {
        /// The panic's text.
        message: String,
    },
    /// A step of init failed.
    InitFailed {
        /// Which.
        step: String,
        /// Why, as a positive error number.
        errno: Option<i32>,
        /// The line that says so.
        message: String,
    },
    /// The root filesystem was not found, or could not be mounted by the kernel.
    RootNotFound {
        /// The line that says so.
        message: String,
    },
    /// The guest stopped talking.
    Silent {
        /// Where.
        stage: Stage,
        /// For how long, in seconds.
        seconds: u64,
    },
    /// It took too long.
    TimedOut {
        /// Where it was.
        stage: Stage,
        /// After how long, in seconds.
        seconds: u64,
    },
    /// The guest ended without having proved that it was up, and without saying why.
    Ended {
        /// Where it was.
        stage: Stage,
        /// `powered off`, `reset` or what QEMU said.
        how: String,
    },
    /// The user ended it.
    Interrupted {
        /// Where it was.
        stage: Stage,
    },
}

impl Outcome {
    /// Of a failure that the console tells.
    pub fn of_trouble(trouble: &Trouble) -> Self {
        let message = trouble.text.clone();
        match &trouble.kind {
            Kind::NoLoader => Outcome::NoLoader,
            Kind::Loader => Outcome::LoaderFailed { message },
            Kind::Panic => Outcome::KernelPanicked { message },
            Kind::Root => Outcome::RootNotFound { message },
            Kind::Init { step, errno } => {
                Outcome::InitFailed { step: step.clone(), errno: *errno, message }
            }
        }
    }

    /// Of the end alone, where the console told neither a success nor a failure.
    pub fn of_end(end: End, timeline: &Timeline) -> Self {
        let stage = timeline.stage();
        let ended = |how: &str| Outcome::Ended { stage, how: how.into() };
        match end {
            End::QemuNotStarted(reason) | End::InternalError(reason) => {
                Outcome::QemuFailed { reason }
            }
            End::QemuExited(Some(0)) => ended("ended"),
            End::QemuExited(Some(code)) => {
                Outcome::QemuFailed { reason: format!("QEMU ended with status {code}") }
            }
            End::QemuExited(None) => Outcome::QemuFailed { reason: "a signal ended QEMU".into() },
            End::GuestPoweredOff => ended("powered off"),
            End::Reset => ended("reset"),
            End::Stopped => ended("was stopped"),
            End::LogEnds => ended("is last seen in its log"),
            End::Interrupted => Outcome::Interrupted { stage },
            End::Silent(time) => Outcome::Silent { stage, seconds: time.as_secs() },
            End::TimedOut(time) => Outcome::TimedOut { stage, seconds: time.as_secs() },
        }
    }

    /// 0 where it booted, 1 where it did not, 2 where that could not be found out.
    pub fn exit_code(&self) -> u8 {
        match self {
            Outcome::Booted => 0,
            Outcome::QemuFailed { .. } | Outcome::Interrupted { .. } => 2,
            _ => 1,
        }
    }
}
