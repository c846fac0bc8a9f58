//! `bootwright build` from each source of a root, by somebody who has no mkfs, and a boot of each.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use bootwright::assets::{Assets, Need, Options};
use bootwright::command::Command;

use crate::workbench::{bootwright, init, is_ready, run, scratch, stderr, text};

const NEEDS: &[Need] = &[
    Need::Kernel,
    Need::GrubModules,
    Need::Busybox,
    Need::Ovmf,
    Need::Qemu,
    Need::CloudInitRoot,
    Need::Umoci,
];

/// How long a guest may take, on a machine that has others to run.
const SECONDS: &str = "1500";

/// A source, the spec's table of it, and what shows on the console that it was that root that ran.
const ROWS: &[(&str, &str, &str)] = &[
    ("a directory", "sources = ['system']", "login:"),
    (
        "a tar of a Debian root",
        "sources = ['debian.tar.gz']\nrun = ['/bin/cat', '/usr/lib/os-release']",
        "PRETTY_NAME=\"Debian",
    ),
    ("an OCI archive by umoci", "sources = ['container.tar']", "I am 33:33 in /srv, hello"),
    (
        "a list of debs",
        "sources = ['deb:packages']\nsize = 'auto+64M'\n\
         changes = [{ write = { path = '/etc/machine-id', text = '' } }]",
        "systemd[1]",
    ),
    ("a dynamic program", "sources = ['elf:/usr/bin/env']\nrun = ['env']", "HOME=/"),
];

/// A directory whose init is busybox's, with a getty on the serial console.
pub(super) fn system(root: &Path) {
    let options = Options { offline: true, ..Options::default() };
    let assets = Assets::resolve(Need::IMAGE, &options, &mut |_| {}).expect("is_ready has looked");
    for folder in ["bin", "sbin", "etc"] {
        fs::create_dir_all(root.join(folder)).expect("made");
    }
    fs::copy(assets.busybox().expect("resolved"), root.join("bin/busybox")).expect("copied");
    symlink("/bin/busybox", root.join("sbin/init")).expect("linked");
    symlink("busybox", root.join("bin/sh")).expect("linked");
    let getty = "ttyS0::respawn:/bin/busybox getty -L 115200 ttyS0 vt100\n";
    fs::write(root.join("etc/inittab"), getty).expect("written");
}

/// Makes what the rows name.
fn prepare(folder: &Path, assets: &Assets) {
    system(&folder.join("system"));
    let packages = assets.get(Need::CloudInitRoot).expect("resolved").path();
    symlink(packages, folder.join("packages")).expect("linked");
    let umoci = assets.command(Need::Umoci).expect("resolved");
    let script = format!(
        "cd \"$1\" && \"$2\" tree convert deb:packages debian/ >/dev/null 2>&1\n\
         tar --owner 0 --group 0 -C debian -czf debian.tar.gz . && rm -r debian\n\
         {umoci} init --layout layout && {umoci} new --image layout:x\n\
         {umoci} insert --rootless --image layout:x system /\n\
         {umoci} config --image layout:x --config.user 33:33 --config.workingdir /srv \\\n\
         --config.env GREETING=hello --config.entrypoint /bin/busybox --config.entrypoint sh \\\n\
         --config.entrypoint -c --config.cmd 'echo \"I am $(/bin/busybox id -u):$(/bin/busybox id -g) in \
         $PWD, $GREETING\"'\n\
         tar -C layout -cf container.tar .\n"
    );
    let program = env!("CARGO_BIN_EXE_bootwright");
    Command::new("sh").args(["-ec", &script, "sh", text(folder), program]).run().expect("made");
}

#[test]
fn a_spec_boots_from_every_source() {
    if !is_ready(NEEDS, &["tar"]) {
        return;
    }
    let folder = scratch();
    let options = Options { offline: true, ..Options::default() };
    let assets = Assets::resolve(NEEDS, &options, &mut |_| {}).expect("is_ready has looked");
    prepare(folder.path(), &assets);
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).expect("made");
    for (source, table, shown) in ROWS {
        let spec = folder.path().join("spec.toml");
        fs::write(&spec, format!("output = 'x.img'\n[root]\n{table}\n")).expect("written");
        let build = bootwright(&["build", "--offline", "--init", text(&init())])
            .args(["--boot", "--accel", "tcg", "--silence", "600", "--timeout", SECONDS])
            .arg(&spec)
            .env("PATH", &empty);
        let output = run(&build);
        assert_eq!(output.status.code(), Some(0), "{source}: {}", stderr(&output));
        let log = fs::read(folder.path().join("x.img.boot/serial.log")).expect("kept");
        assert!(String::from_utf8_lossy(&log).contains(shown), "{source}: no `{shown}` in its log");
    }
}
