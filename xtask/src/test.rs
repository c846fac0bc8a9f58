//! `cargo xtask test`: fetches what the tests need, without root, and runs them all.

use bootwright::assets::Need;
use bootwright::cli::{Answer, assets};
use bootwright::error::Result;

use crate::{init, oracles};

/// Which tests.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask test
  cargo xtask test boot
  cargo xtask test --all")]
pub(crate) struct TestArgs {
    /// Also the long ones
    #[arg(long)]
    all: bool,
    /// Only tests whose name contains this
    filter: Option<String>,
    /// Where QEMU, OVMF and the judges of our output come from.
    #[command(flatten)]
    assets: assets::AssetArgs,
}

/// The integration binary with the long tests, which `cargo test` does not run by itself.
const LONG: &str = "long";

pub(crate) fn run(args: &TestArgs) -> Result<Answer> {
    oracles::check_path()?;
    let mut needs: Vec<_> = [Need::IMAGE, Need::ISO, Need::BOOT, Need::ORACLES].concat();
    if args.all {
        needs.extend_from_slice(Need::LONG_TESTS);
    }
    let assets = assets::resolve(&needs, &args.assets.options())?;
    let path = oracles::path(&assets)?;
    // The tests find it there.
    init::build()?;
    let cargo = init::cargo()
        .arg("test")
        .arg("--manifest-path")
        .arg(crate::root().join("Cargo.toml"))
        .env("PATH", path);
    let mut runs = vec![cargo.clone().arg("--workspace").args(args.filter.clone())];
    if args.all {
        let long = cargo.args(["--package", "bootwright", "--test", LONG]);
        runs.push(long.args(args.filter.clone()));
    }
    for run in runs {
        if !run.attached()?.success() {
            return Ok(Answer::No);
        }
    }
    Ok(Answer::Yes)
}
