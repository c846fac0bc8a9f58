//! Machines of which little or nothing is heard: the console is elsewhere, or they wait or end before they speak.

use std::fs;

use super::early::{damaged, packed};
use super::grub::configure;
use super::{Boot, Direct, Ends, Fault, Kit};

const fn fails(name: &'static str, lint: &'static str, boot: fn(&Kit) -> Boot) -> Fault {
    Fault { name, lint, boot, ends: Ends::Fails }
}

const fn warned(name: &'static str, lint: &'static str, boot: fn(&Kit) -> Boot) -> Fault {
    Fault { name, lint, boot, ends: Ends::Warned }
}

/// A kernel whose compressed part is damaged, which it says where it was told to speak early.
fn damaged_kernel(kit: &Kit) -> Boot {
    let kernel = damaged(fs::read(kit.kernel()).expect("readable"));
    Direct::with_line(packed(kit), "earlyprintk=ttyS0").with(|direct| direct.kernel = Some(kernel))
}

/// A sound boot with this command line alone.
fn on_line(kit: &Kit, line: &str) -> Boot {
    Direct::early(packed(kit)).with(|direct| direct.cmdline = line.into())
}

pub(crate) const FAULTS: &[Fault] = &[
    fails("kernel damaged", "kernel-payload-corrupt", damaged_kernel),
    warned("no console on a port", "console-missing", |kit| {
        on_line(kit, "panic=-1 no_timer_check")
    }),
    warned("no console on a port, behind GRUB", "console-missing", |_| {
        Boot::Disk(|image| {
            configure(image, |text| text.replace("console=tty0 console=ttyS0,115200", "quiet"))
        })
    }),
    warned("console on a port that is not there", "console-wrong", |kit| {
        on_line(kit, "console=ttyS1 panic=-1 no_timer_check")
    }),
    warned("console is the null device", "no-console", |kit| {
        on_line(kit, "earlyprintk=ttyS0,keep console=null panic=-1 no_timer_check")
    }),
    warned("a menu that waits for a key", "grub-menu-waiting", |_| {
        Boot::Disk(|image| configure(image, |text| text.replace("timeout=0", "timeout=-1")))
    }),
];
