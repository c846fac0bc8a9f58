//! The flags that say where ingredients come from, and the progress of fetching them.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::terminal;
use crate::assets::{Assets, Need, Options, Progress};
use crate::error::Result;
use crate::size::Size;

/// Where kernel, GRUB, OVMF, QEMU and busybox come from: a given path, what is installed, or
/// packages that are fetched without root into a per-user store.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Where things come from")]
pub struct AssetArgs {
    /// Kernel image (bzImage)
    #[arg(long, value_name = "FILE")]
    pub kernel: Option<PathBuf>,
    /// The kernel's modules: its lib/modules/RELEASE
    #[arg(long, value_name = "DIR")]
    pub modules: Option<PathBuf>,
    /// GRUB's modules for x86_64-efi
    #[arg(long, value_name = "DIR")]
    pub grub_modules: Option<PathBuf>,
    /// A static busybox
    #[arg(long, value_name = "FILE")]
    pub busybox: Option<PathBuf>,
    /// Where the machine comes from.
    #[command(flatten)]
    pub machine: MachineAssetArgs,
}

/// As [`AssetArgs`], of what boots an image that is there.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Where things come from")]
pub struct MachineAssetArgs {
    /// The program qemu-system-x86_64
    #[arg(long, value_name = "FILE")]
    pub qemu: Option<PathBuf>,
    /// OVMF's CODE, together with --ovmf-vars
    #[arg(long, value_name = "FILE", requires = "ovmf_vars")]
    pub ovmf_code: Option<PathBuf>,
    /// OVMF's VARS, together with --ovmf-code
    #[arg(long, value_name = "FILE", requires = "ovmf_code")]
    pub ovmf_vars: Option<PathBuf>,
    /// Folder of fetched packages [default: bootwright in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Fetch nothing: what is missing is an error
    #[arg(long)]
    pub offline: bool,
}

impl AssetArgs {
    /// The same, as the library takes it.
    pub fn options(&self) -> Options {
        let args = self.clone();
        Options {
            kernel: args.kernel,
            modules: args.modules,
            grub_modules: args.grub_modules,
            busybox: args.busybox,
            ..args.machine.options()
        }
    }
}

impl MachineAssetArgs {
    /// The same, as the library takes it.
    pub fn options(&self) -> Options {
        let args = self.clone();
        Options {
            store: args.store,
            offline: args.offline,
            ovmf_code: args.ovmf_code,
            ovmf_vars: args.ovmf_vars,
            qemu: args.qemu,
            ..Options::default()
        }
    }
}

/// Finds these assets; what has to be fetched is shown while it is.
///
/// # Errors
/// As [`Assets::resolve`].
pub fn resolve(needs: &[Need], options: &Options) -> Result<Assets> {
    let mut show = Show::default();
    Assets::resolve(needs, options, &mut |progress| show.progress(progress))
}

/// The bar of a download on a terminal, a line a step elsewhere.
#[derive(Default)]
struct Show {
    bar: Option<ProgressBar>,
    said: Option<String>,
}

impl Show {
    fn progress(&mut self, progress: Progress) {
        match progress {
            Progress::Waiting => self.step("waiting: another bootwright is fetching packages"),
            Progress::Updating => self.step("updating the private list of packages"),
            Progress::Resolving => self.step("finding out which packages are missing"),
            Progress::Downloading { done, total, packages } => {
                self.step(&format!("fetching {packages} packages, {}", Size(total)));
                self.download(done, total);
            }
            Progress::Unpacking { packages } => {
                self.finish();
                self.step(&format!("unpacking {packages} packages"));
            }
            Progress::Fetched => self.finish(),
        }
    }

    /// Says a step once.
    fn step(&mut self, text: &str) {
        if self.said.as_deref() != Some(text) {
            terminal::note(text);
            self.said = Some(text.into());
        }
    }

    fn download(&mut self, done: u64, total: u64) {
        if !std::io::stderr().is_terminal() {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let template = "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
            let style = ProgressStyle::with_template(template);
            ProgressBar::new(total)
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_length(total);
        bar.set_position(done);
    }

    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
