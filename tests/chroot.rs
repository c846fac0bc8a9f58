//! A folder that packages were unpacked into, by our own `deb` source, in which their programs run as an
//! ordinary user: in a user namespace of their own, where whoever runs the tests is root and the folder is `/`.

use std::path::PathBuf;

use bootwright::assets::{Assets, Need, Options};
use bootwright::command::Command;

use crate::workbench::{bootwright, is_ready, run, scratch, skip, stderr, text};

/// `/dev` and `/proc` are the host's, of which an ordinary user may bind only the whole.
const INSIDE: &str = "mount --rbind /dev \"$1/dev\" && mount --rbind /proc \"$1/proc\" && \
    exec env -i PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C TZ=UTC chroot \"$1\" sh -ec \"$2\"";

/// Whether there are the packages, and a kernel that gives an ordinary user a namespace.
pub(crate) fn is_possible(need: Need) -> bool {
    if !is_ready(&[need], &["unshare"]) {
        return false;
    }
    let output =
        run(&Command::new("unshare").args(["--user", "--map-root-user", "--mount", "true"]));
    output.status.success() || skip(&stderr(&output))
}

/// Where the packages are.
pub(crate) fn packages(need: Need) -> PathBuf {
    let options = Options { offline: true, ..Options::default() };
    let assets = Assets::resolve(&[need], &options, &mut |_| {}).expect("is_possible has looked");
    assets.get(need).expect("asked for").path().to_owned()
}

/// The folder, which goes with the value.
pub(crate) struct Chroot {
    folder: tempfile::TempDir,
}

impl Chroot {
    /// Unpacks packages; `more` are flags of `tree convert`.
    pub(crate) fn of(need: Need, more: &[&str]) -> Chroot {
        let folder = scratch();
        let source = format!("deb:{}", text(&packages(need)));
        bootwright(&["tree", "convert", &source, text(&folder.path().join("root"))])
            .args(more.iter().copied())
            .run()
            .expect("unpacked");
        Chroot { folder }
    }

    /// A path inside, seen from outside.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join("root").join(inside)
    }

    /// Runs a script inside; what it says.
    pub(crate) fn run(&self, script: &str) -> String {
        let root = self.path("");
        let command = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", INSIDE, "sh"])
            .args([text(&root), script]);
        let output = run(&command);
        assert!(output.status.success(), "{script}: {}", stderr(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
