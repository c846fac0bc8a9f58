//! Which accelerator runs the guest: what was asked for, what was chosen, and why.
//!
//! Left out: the accelerators of other systems (hvf, whpx).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What executes the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accel {
    /// The host's CPU, through Linux.
    Kvm,
    /// QEMU itself, translating: slower, everywhere.
    Tcg,
}

impl Accel {
    /// QEMU's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Accel::Kvm => "kvm",
            Accel::Tcg => "tcg",
        }
    }
}

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wish {
    /// KVM where it works.
    #[default]
    Auto,
    /// This one, without a probe. Asking for KVM forgets what was remembered.
    Only(Accel),
}

impl FromStr for Wish {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Wish::Auto),
            "kvm" => Ok(Wish::Only(Accel::Kvm)),
            "tcg" => Ok(Wish::Only(Accel::Tcg)),
            _ => Err(Error::new(format!("`{text}` is no accelerator: use auto, kvm or tcg"))),
        }
    }
}

/// What KVM did instead of running the guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KvmFailure {
    /// KVM gave up on an instruction; QEMU's words.
    InternalError(String),
    /// The guest wrote nothing for this many seconds.
    Silent(u64),
    /// QEMU ended or did not start: a sentence with its words.
    Ended(String),
}

impl fmt::Display for KvmFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KvmFailure::InternalError(said) if said.is_empty() => {
                write!(f, "the guest stopped with an internal error")
            }
            KvmFailure::InternalError(said) => {
                write!(f, "the guest stopped with an internal error ({said})")
            }
            KvmFailure::Silent(seconds) => write!(f, "the firmware was silent for {seconds} s"),
            KvmFailure::Ended(said) => write!(f, "{said}"),
        }
    }
}

/// Why an accelerator was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The user said so.
    Asked,
    /// The firmware ran under KVM; `true` where that was in an earlier run.
    Works(bool),
    /// KVM is there and broken; `true` where that was seen in an earlier run.
    Broken(KvmFailure, bool),
    /// KVM cannot be used at all; the end of a sentence.
    Absent(String),
}

/// The accelerator to use, and why: prints as a sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The accelerator.
    pub accel: Accel,
    /// Why.
    pub reason: Reason,
}

impl Choice {
    /// What follows from what KVM did, `before` where that was in an earlier run.
    pub fn after(failure: Option<KvmFailure>, before: bool) -> Self {
        match failure {
            None => Choice { accel: Accel::Kvm, reason: Reason::Works(before) },
            Some(failure) => Choice { accel: Accel::Tcg, reason: Reason::Broken(failure, before) },
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const INSTEAD: &str = "QEMU emulates the CPU instead (TCG), which is slower";
        let earlier = |yes: bool| if yes { " (seen in an earlier run)" } else { "" };
        match &self.reason {
            Reason::Asked => write!(f, "accelerator {}, as asked", self.accel.name()),
            Reason::Works(before) => write!(f, "KVM runs the firmware{}", earlier(*before)),
            Reason::Absent(why) => write!(f, "no KVM: {why}; {INSTEAD}"),
            Reason::Broken(failure, before) => {
                write!(
                    f,
                    "KVM does not work on this host: {failure}{}; {INSTEAD}",
                    earlier(*before)
                )?;
                write!(f, "; `--accel kvm` tries KVM again")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_says_what_happened_and_what_is_used() {
        let said = "KVM internal error. Suberror: 1, emulation failure".into();
        let text = Choice::after(Some(KvmFailure::InternalError(said)), true).to_string();
        assert_eq!(
            text,
            "KVM does not work on this host: the guest stopped with an internal error (KVM internal \
             error. Suberror: 1, emulation failure) (seen in an earlier run); QEMU emulates the CPU \
             instead (TCG), which is slower; `--accel kvm` tries KVM again"
        );
    }

    #[test]
    fn wishes_parse() {
        assert_eq!("auto".parse::<Wish>().expect("a wish"), Wish::Auto);
        assert_eq!("tcg".parse::<Wish>().expect("a wish"), Wish::Only(Accel::Tcg));
        assert!("hvf".parse::<Wish>().is_err());
    }
}
