//! What counts as a boot: the handoff protocol, another init's start, or the console alone.

use std::fmt;

/// What counts as a boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// `userspace-ready` of the handoff protocol, with this token.
    Handoff {
        /// The token that was put on the kernel's command line.
        token: String,
    },
    /// Our `/init` hands over to an init that does not speak the protocol: `switch-root` with this
    /// token, and from there on the console has to look as after a boot, or the init to run on.
    OwnInit {
        /// The token that was put on the kernel's command line.
        token: String,
    },
    /// An image that does not speak the protocol: its console has to look as after a boot.
    Console,
}

impl Expectation {
    /// The token whose lines count.
    pub fn token(&self) -> Option<&str> {
        match self {
            Expectation::Handoff { token } | Expectation::OwnInit { token } => Some(token),
            Expectation::Console => None,
        }
    }
}

impl fmt::Display for Expectation {
    /// What has to be seen, as a person reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Expectation::Handoff { .. } => "`userspace-ready` with this boot's token",
            Expectation::OwnInit { .. } => {
                "`switch-root` with this boot's token, then a login prompt, or an init that runs on"
            }
            Expectation::Console => "a login prompt or the like on the console",
        })
    }
}
