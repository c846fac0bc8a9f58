//! From the kernel to the root filesystem: one sequence, which never returns.

use bootwright_init::cmdline::Options;
use bootwright_init::handoff::Milestone;
use bootwright_init::step::Step;
use bootwright_init::text::Text;

use core::convert::Infallible;

use super::console::{self, Console};
use super::failed::Failed;
use super::runtime::exec::{self, Environment, Given, Words};
use super::{cmdline, halt, modules, mounts, overlay, root, switch_root};

/// Runs the sequence; where it fails, the failure is explained and the machine halts.
pub(super) fn run(given: &Given) -> ! {
    let mounted = mounts::mount_all();
    if mounted.is_err() {
        console::make_nodes();
    }
    console::attach_streams();
    let mut line = [0; cmdline::LEN_MAX];
    let options = Options::parse(cmdline::read(&mut line));
    let console = Console::open(&options);
    let Err(failed) = mounted.and_then(|()| hand_over(&options, &console, given));
    halt::after(&failed, &options, &console)
}

/// The way from `/init` to the init of the root filesystem.
fn hand_over(
    options: &Options<'_>,
    console: &Console<'_>,
    given: &Given,
) -> Result<Infallible, Failed> {
    let kernel = rustix::system::uname();
    console.milestone(
        Milestone::InitAlive,
        &[("kernel", kernel.release().to_bytes()), ("machine", kernel.machine().to_bytes())],
    );
    modules::load_all(console);

    let source = root::find(options, console)?;
    console.milestone(Milestone::RootFound, &[("source", source.as_bytes())]);

    let (mut fstype, mut read_only) = root::mount(&source, options)?;
    match options.root_image {
        Some(image) => overlay::over_image(image)?,
        None if options.overlay => overlay::over_root()?,
        None => {}
    }
    if options.root_image.is_some() || options.overlay {
        (fstype, read_only) = (Text::from(b"overlay".as_slice()), false);
    }
    let mode: &[u8] = if read_only { b"ro" } else { b"rw" };
    console.milestone(
        Milestone::RootMounted,
        &[("source", source.as_bytes()), ("fstype", fstype.as_bytes()), ("mode", mode)],
    );

    // Before the switch, while everything is still there to explain a failure with.
    let init = root::find_init(options, console)?;
    let speaks = root::speaks_handoff(init.as_c_str());

    switch_root::switch(console)?;
    console::attach_streams();
    let fields: [(&str, &[u8]); 2] = [("init", init.as_bytes()), ("speaks", b"handoff")];
    console.milestone(Milestone::SwitchRoot, &fields[..if speaks { 2 } else { 1 }]);
    let errno = exec::execute(init.as_c_str(), Words::Inherited(given), Environment::Given(given));
    Err(Failed { step: Step::ExecInit, errno, about: ("init", init) })
}
