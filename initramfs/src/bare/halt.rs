//! The end of a boot that failed: which step, which error, what it means, and what happens now.

use bootwright_init::cmdline::Options;
use bootwright_init::errno;
use bootwright_init::handoff::Milestone;
use bootwright_init::step::Step;
use bootwright_init::text::Text;

use rustix::system::RebootCommand;

use super::cmdline;
use super::console::Console;
use super::devices::Devices;
use super::failed::Failed;
use super::sleep::sleep;

/// As [`after`], where nothing but the failure is at hand.
pub(super) fn explain(failed: &Failed) -> ! {
    let mut line = [0; cmdline::LEN_MAX];
    let options = Options::parse(cmdline::read(&mut line));
    after(failed, &options, &Console::open(&options))
}

/// Explains the failure, and does what `panic=` says: nothing, or a reboot now or later.
pub(super) fn after(failed: &Failed, options: &Options<'_>, console: &Console<'_>) -> ! {
    tell(failed, console);
    match options.panic {
        0 => console.say(format_args!("The machine is halted and can be powered off.")),
        ..0 => {
            console.say(format_args!("The machine restarts, as panic={} says.", options.panic));
            restart()
        }
        seconds => {
            console.say(format_args!("The machine restarts in {seconds} s, as panic= says."));
            sleep(u64::from(seconds.unsigned_abs()) * 1000);
            restart()
        }
    }
    stop()
}

fn tell(failed: &Failed, console: &Console<'_>) {
    let Failed { step, errno, about: (key, value) } = failed;
    let number = errno.raw_os_error();
    let digits = Text::<8>::of(format_args!("{number}"));
    let fields = [
        ("step", step.word().as_bytes()),
        ("errno", errno::name(number).as_bytes()),
        ("number", digits.as_bytes()),
        (key, value.as_bytes()),
    ];
    console.milestone(Milestone::Failed, &fields);
    console.say(format_args!(
        "{} ({key}={value}): {} ({number}).",
        step.doing(),
        errno::name(number)
    ));
    console.say(format_args!("{}", step.meaning(number)));
    if matches!(step, Step::RootArgument | Step::RootWait | Step::RootMount) {
        Devices::list().tell(console);
    }
}

/// Restarts the machine, or stays where the kernel cannot.
fn restart() -> ! {
    rustix::fs::sync();
    let _ = rustix::system::reboot(RebootCommand::Restart);
    stop()
}

/// Powers the machine off, or halts it where the kernel cannot.
pub(super) fn power_off() -> ! {
    rustix::fs::sync();
    let _ = rustix::system::reboot(RebootCommand::PowerOff);
    let _ = rustix::system::reboot(RebootCommand::Halt);
    stop()
}

/// Sleeps for ever: a PID 1 that ends is a kernel panic.
fn stop() -> ! {
    loop {
        sleep(3_600_000);
    }
}
