//! How the machine of a boot came to its end, as far as that can be seen from outside.

use std::time::Duration;

/// How the machine came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The guest powered itself off.
    GuestPoweredOff,
    /// The guest reset itself (and was told not to start again).
    Reset,
    /// QEMU ended by itself with this exit status; `None` where a signal ended it.
    QemuExited(Option<i32>),
    /// QEMU could not be started, and said why.
    QemuNotStarted(String),
    /// The guest's processor stopped in a way that it cannot leave (KVM internal error, triple
    /// fault), as QEMU tells it.
    InternalError(String),
    /// The console said nothing for this long.
    Silent(Duration),
    /// The time that the boot was given is over.
    TimedOut(Duration),
    /// A [`super::watch::Watch`] had seen enough.
    Stopped,
    /// The user ended it.
    Interrupted,
    /// A saved log ends here; how the guest ended is not known.
    LogEnds,
}
