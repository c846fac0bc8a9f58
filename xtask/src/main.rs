//! The repository's workflow: `cargo xtask VERB`. It knows the repository; all knowledge of images
//! is in the library.

mod bench;
mod docs;
mod fuzz;
mod init;
mod install;
mod oracles;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bootwright::cli::{self, Answer, boot, doctor, image, terminal};
use bootwright::error::Result;
use clap::{Parser, Subcommand};

/// Build, boot and check bootwright.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Xtask {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Build the demo image with our own /init, and boot it if asked
    Image(Box<image::ImageArgs>),
    /// Boot what was built, or any image
    Boot(Box<boot::BootArgs>),
    /// Show where kernel, GRUB, OVMF, QEMU and busybox come from
    Doctor(Box<doctor::DoctorArgs>),
    /// Build the guest's tiny PID 1 and say where it is
    Init,
    /// Install `bootwright`, with the guest's /init beside it
    Install(install::InstallArgs),
    /// Run all tests, after fetching what they need
    Test(Box<test::TestArgs>),
    /// Measure the image build against a shell script that does the same
    Bench(Box<bench::BenchArgs>),
    /// Give readers damaged input for a while, with libFuzzer
    Fuzz(fuzz::FuzzArgs),
    /// Write the pages of doc/ that come from tables
    Docs,
    /// Check the house rules
    Tidy,
}

fn main() -> ExitCode {
    cli::conclude(run(Xtask::parse().verb))
}

fn run(verb: Verb) -> Result<Answer> {
    cli::interrupt::install()?;
    match verb {
        Verb::Image(mut args) => {
            if args.init.is_none() {
                args.init = Some(init::build()?);
            }
            let ending = if args.is_iso_alone() { "iso" } else { "img" };
            args.output.get_or_insert(demo_image()?.with_extension(ending));
            image::run(&args)
        }
        Verb::Boot(mut args) => {
            args.image.get_or_insert(demo_image()?);
            boot::run(&args)
        }
        Verb::Doctor(args) => doctor::run(&args),
        Verb::Init => {
            terminal::say(init::build()?.display())?;
            Ok(Answer::Yes)
        }
        Verb::Install(args) => install::run(&args),
        Verb::Test(args) => test::run(&args),
        Verb::Bench(args) => bench::run(&args),
        Verb::Fuzz(args) => fuzz::run(&args),
        Verb::Docs => docs::run(),
        Verb::Tidy => tidy::run(),
    }
}

/// Where the demo image is; from where one stands, if that is at or above it.
fn demo_image() -> Result<PathBuf> {
    let folder = root().join("target/image");
    std::fs::create_dir_all(&folder)?;
    let image = folder.join("bootwright.img");
    let here = std::env::current_dir()?;
    Ok(image.strip_prefix(&here).map_or(image.clone(), Path::to_path_buf))
}

/// The repository's root folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).unwrap_or_default()
}
