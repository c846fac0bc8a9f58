//! cloud-init itself as the judge of seeds: a Debian root from packages, as doc/cloud-init.toml describes it, takes
//! its host name and its users from a seed, and a password logs in on the serial console.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bootwright::assets::{Assets, Need, Options};
use bootwright::command::Command;

use crate::workbench::{bootwright, init, is_ready, run, scratch, stderr, text};

/// What [`debian`] is made of and run with.
const NEEDS: &[Need] =
    &[Need::Kernel, Need::GrubModules, Need::Ovmf, Need::Qemu, Need::CloudInitRoot];

const PASSWORD: &str = "correct horse";

/// How long a guest may take, on a machine that has others to run.
const SECONDS: &str = "1500";

/// The image that doc/cloud-init.toml describes, built once; nobody changes it.
fn debian() -> &'static Path {
    static DEBIAN: OnceLock<PathBuf> = OnceLock::new();
    DEBIAN.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cloud-init");
        fs::create_dir_all(&folder).expect("made");
        let options = Options { offline: true, ..Options::default() };
        let assets = Assets::resolve(&[Need::CloudInitRoot], &options, &mut |_| {});
        let assets = assets.expect("is_ready has looked");
        let packages = assets.get(Need::CloudInitRoot).expect("asked for").path();
        // The spec as it stands, beside a folder of packages as the page has one fetched.
        fs::remove_file(folder.join("packages")).ok();
        std::os::unix::fs::symlink(packages, folder.join("packages")).expect("linked");
        let spec = folder.join("cloud-init.toml");
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("doc/cloud-init.toml"), &spec)
            .expect("copied");
        bootwright(&["build", "--offline", "--init", text(&init()), text(&spec)])
            .run()
            .expect("it builds");
        folder.join("debian.img")
    })
}

/// A seed with a host name, and a user with a password.
fn seed(path: &Path, hostname: &str) {
    let password = path.with_extension("password");
    fs::write(&password, PASSWORD).expect("written");
    bootwright(&["seed", "--output", text(path), "--hostname", hostname, "--user", "ann"])
        .args(["--password-file", text(&password)])
        .run()
        .expect("a seed");
}

/// What the guest says to somebody who logs in, asks this, and switches it off.
fn session(hostname: &str, command: Command, run_folder: &Path, question: &str) -> String {
    let typed = [
        (format!("{hostname} login:"), "ann".to_owned()),
        ("Password:".to_owned(), PASSWORD.to_owned()),
        (format!("ann@{hostname}"), question.to_owned()),
        ("all was said".to_owned(), "sudo systemctl poweroff".to_owned()),
    ];
    let log = run_folder.join("serial.log");
    let mut script = String::new();
    for (wait, text) in typed {
        // A prompt is there a moment before the terminal is read.
        script += &format!(
            "until grep -aq '{wait}' '{}' 2>/dev/null; do sleep 1; done; sleep 2; printf '%s\\n' '{text}'\n",
            log.display()
        );
    }
    let off = format!("until grep -aq 'Power down' '{}'; do sleep 1; done", log.display());
    let script = format!("({script}{off}) | {command}");
    let output = run(&Command::new("timeout").args([SECONDS, "sh", "-c", &script]));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}\n{}", stderr(&output));
    said
}

/// Who it is, whether its user may become root, what cloud-init says of itself, and how much room there is.
const QUESTION: &str = "echo I am $(hostname) and $(sudo -n id -u); cloud-init status --wait; df -BM --output=size / | tail -1; \
                        echo all was $(echo said)";

#[test]
fn a_debian_root_takes_host_name_and_password_from_a_seed() {
    if !is_ready(NEEDS, &[]) {
        return;
    }
    let folder = scratch();
    for (file, hostname) in [("seed.img", "web1"), ("seed.iso", "web2")] {
        let (seed_path, run_folder) = (folder.path().join(file), folder.path().join(hostname));
        seed(&seed_path, hostname);
        let command = bootwright(&["run", text(debian()), "--seed", text(&seed_path), "--offline"])
            .args(["--accel", "tcg", "--memory", "1G", "--run-dir", text(&run_folder)]);
        let said = session(hostname, command, &run_folder, QUESTION);
        assert!(said.contains(&format!("I am {hostname} and 0")), "{file}: {said}");
        assert!(said.contains("status: done"), "{file}: {said}");
    }
}

/// doc/sandbox.md from the first command to the last.
#[test]
fn three_sandboxes_of_one_grown_image_run_at_once_with_their_own_host_names() {
    if !is_ready(NEEDS, &["sgdisk"]) {
        return;
    }
    let folder = scratch();
    let (image, boxes) = (folder.path().join("base.img"), folder.path().join("boxes"));
    let names = ["alice", "bob", "carol"];
    bootwright(&["disk", "convert", text(debian()), text(&image)]).run().expect("copied");
    bootwright(&["disk", "grow", text(&image), "+20G"]).run().expect("grown");
    names.iter().for_each(|name| seed(&folder.path().join(format!("{name}.seed")), name));
    let seeds = folder.path().join("{name}.seed");
    let sandboxes = ["--sandboxes", text(&boxes)];
    let overlay = bootwright(&["overlay", text(&image)]).args(names);
    overlay.args(["--seed", text(&seeds)]).args(sandboxes).run().expect("three overlays");
    let guest = |name: &'static str| {
        let command = bootwright(&["run", name, "--offline", "--accel", "tcg", "--memory", "1G"]);
        session(name, command.args(sandboxes), &boxes.join(name).join("run"), QUESTION)
    };
    std::thread::scope(|scope| {
        let guests = names.map(|name| scope.spawn(move || guest(name)));
        for (guest, name) in guests.into_iter().zip(names) {
            let said = guest.join().expect("it ran");
            assert!(said.contains(&format!("I am {name} and 0")), "{said}");
            let mib = |line: &str| line.trim().strip_suffix('M')?.parse::<u32>().ok();
            assert!(said.lines().filter_map(mib).any(|mib| mib > 20_000), "{said}");
        }
    });
    let list = bootwright(&["overlay", "list"]).args(sandboxes).run().expect("listed");
    let list = String::from_utf8_lossy(&list).into_owned();
    assert!(!list.contains("changed"), "{list}");
    let verified = crate::workbench::judge("sgdisk", &["-v", text(&image)]);
    assert!(verified.contains("No problems found"), "{verified}");
}
