//! Whether KVM really works on this host.
//!
//! A `/dev/kvm` that can be opened proves nothing: on some nested hosts the guest stops with an
//! internal error or hangs. So the firmware is run under KVM without a disk, once; the answer is
//! remembered in a file until QEMU, the host's kernel, its CPU or the firmware is another.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::accel::{Accel, Choice, KvmFailure, Reason, Wish};
use super::machine::Machine;
use super::vm::{Event, NotStarted, Vm};
use crate::command::find_in_path;
use crate::error::{Context, Error, Result, shown};

/// The file in the state folder.
const REMEMBERED: &str = "kvm-probe.json";

/// How long firmware may be silent under KVM; it takes a second or two to the first byte.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// The number of the signal that nothing can hold up.
const SIGKILL: i32 = rustix::process::Signal::KILL.as_raw();

/// What is remembered: the answer, and of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    identity: Vec<String>,
    failure: Option<KvmFailure>,
}

/// Chooses the accelerator for machines with one QEMU and one firmware.
pub struct AccelProbe<'a> {
    machine: &'a Machine,
    state: &'a Path,
    device: PathBuf,
}

impl<'a> AccelProbe<'a> {
    /// For machines like this one; the answer is remembered in the folder `state`.
    pub fn new(machine: &'a Machine, state: &'a Path) -> Self {
        AccelProbe { machine, state, device: "/dev/kvm".into() }
    }

    /// Whether [`AccelProbe::choose`] would start a guest, which takes seconds: time for a word.
    pub fn would_probe(&self, wish: Wish) -> bool {
        wish == Wish::Auto && self.absent().is_none() && self.recall().is_none()
    }

    /// Chooses. Running the firmware under KVM is done in a folder below `state`.
    ///
    /// # Errors
    /// Where the state folder cannot be written, or QEMU is missing.
    pub fn choose(&self, wish: Wish) -> Result<Choice> {
        if let Wish::Only(accel) = wish {
            if accel == Accel::Kvm {
                self.forget()?;
            }
            return Ok(Choice { accel, reason: Reason::Asked });
        }
        if let Some(why) = self.absent() {
            return Ok(Choice { accel: Accel::Tcg, reason: Reason::Absent(why) });
        }
        if let Some(memory) = self.recall() {
            return Ok(Choice::after(memory.failure, true));
        }
        let failure = self.try_kvm()?;
        self.remember(failure.clone())?;
        Ok(Choice::after(failure, false))
    }

    /// Remembers that a guest failed under KVM after all, and gives the choice to fall back to.
    ///
    /// # Errors
    /// Where the state folder cannot be written.
    pub fn fall_back(&self, failure: KvmFailure) -> Result<Choice> {
        self.remember(Some(failure.clone()))?;
        Ok(Choice::after(Some(failure), false))
    }

    /// Forgets what was remembered.
    ///
    /// # Errors
    /// Where the file is there and cannot be removed.
    pub fn forget(&self) -> Result<()> {
        let path = self.state.join(REMEMBERED);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::from(error).context(format!("removing {}", shown(&path))))
            }
            _ => Ok(()),
        }
    }

    /// Why KVM cannot even be tried.
    fn absent(&self) -> Option<String> {
        let (host, guest) = (std::env::consts::ARCH, self.machine.arch.name);
        if host != guest {
            return Some(format!("the host is {host}, the guest {guest}"));
        }
        let device = shown(&self.device);
        let error = OpenOptions::new().read(true).write(true).open(&self.device).err()?;
        Some(match error.kind() {
            io::ErrorKind::NotFound => format!("{device} is not there"),
            io::ErrorKind::PermissionDenied => {
                format!("{device} may not be opened (is this user in the group kvm?)")
            }
            _ => format!("opening {device}: {error}"),
        })
    }

    /// Runs the firmware under KVM until it says something or fails.
    fn try_kvm(&self) -> Result<Option<KvmFailure>> {
        std::fs::create_dir_all(self.state)
            .context(|| format!("making the folder {}", shown(self.state)))?;
        // Two runs may probe at once; the name is theirs alone, and reused when the id is.
        let run = self.state.join(format!("kvm-probe.{}", std::process::id()));
        let mut machine = Machine::new(self.machine.qemu.clone(), self.machine.firmware.clone());
        machine.arch = self.machine.arch;
        machine.accel = Accel::Kvm;
        let failure = match Vm::start(&machine, &run) {
            Ok(vm) => Ok(watch(vm)),
            Err(error) => match error.downcast_ref::<NotStarted>() {
                Some(_) => Ok(Some(KvmFailure::Ended(error.to_string()))),
                // A full disk or a missing QEMU says nothing about KVM.
                None => Err(error),
            },
        };
        // Its logs were needed for the answer only.
        let _ = std::fs::remove_dir_all(&run);
        failure.context(|| "trying KVM")
    }

    fn recall(&self) -> Option<Memory> {
        let text = std::fs::read(self.state.join(REMEMBERED)).ok()?;
        let memory: Memory = serde_json::from_slice(&text).ok()?;
        (memory.identity == self.identity()).then_some(memory)
    }

    fn remember(&self, failure: Option<KvmFailure>) -> Result<()> {
        let path = self.state.join(REMEMBERED);
        let text = serde_json::to_vec_pretty(&Memory { identity: self.identity(), failure })?;
        let fresh = path.with_extension(format!("{}.tmp", std::process::id()));
        std::fs::create_dir_all(self.state)
            .and_then(|()| std::fs::write(&fresh, text))
            .and_then(|()| std::fs::rename(&fresh, &path))
            .inspect_err(|_| drop(std::fs::remove_file(&fresh)))
            .context(|| format!("writing {}", shown(&path)))
    }

    /// What the answer depends on. QEMU's file stands for its version: asking it would start it.
    fn identity(&self) -> Vec<String> {
        let named = self.machine.qemu.program();
        let program = named.to_str().and_then(find_in_path).unwrap_or_else(|| named.into());
        let kernel = rustix::system::uname();
        vec![
            identity_of(&program),
            self.machine.firmware.as_ref().map_or("BIOS".into(), |f| identity_of(&f.code.path)),
            kernel.release().to_string_lossy().into_owned(),
            cpu_model(),
        ]
    }
}

/// Waits for the firmware's first byte.
fn watch(mut vm: Vm) -> Option<KvmFailure> {
    let deadline = Instant::now() + PROBE_TIMEOUT;
    loop {
        let event = vm.next(deadline.saturating_duration_since(Instant::now()));
        match event {
            Some(Event::Serial { .. }) => return None,
            Some(event) => {
                if let Some(failure) = failure(&mut vm, &event) {
                    return Some(failure);
                }
            }
            None => return Some(KvmFailure::Silent(PROBE_TIMEOUT.as_secs())),
        }
    }
}

/// Whether this event of a machine under KVM means that KVM failed. A guest that never says
/// anything gives no event: that is the caller's clock to see.
pub fn failure(vm: &mut Vm, event: &Event) -> Option<KvmFailure> {
    match event {
        // The event has no reason, so QEMU is asked.
        Event::Qmp { event, .. } if event.name == "STOP" => {
            let status = vm.qmp().execute("query-status").ok()?;
            let broken = status["status"] == "internal-error";
            broken.then(|| KvmFailure::InternalError(kvm_words(&vm.stderr())))
        }
        // Whoever kills it (the kernel without memory left) says nothing of KVM.
        Event::Exited { status, .. } if status.signal() == Some(SIGKILL) => None,
        Event::Exited { status, stderr, .. } if !status.success() => {
            let last = stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no word");
            Some(KvmFailure::Ended(format!("QEMU ended with {status}: {last}")))
        }
        _ => None,
    }
}

/// The line in which QEMU says what KVM reported, among its dump of registers.
fn kvm_words(stderr: &str) -> String {
    let telling = |line: &&str| line.starts_with("KVM") || line.contains("emulation failure");
    let lines: Vec<_> = stderr.lines().map(str::trim).filter(telling).collect();
    lines.join(", ")
}

/// A file as it is now: another build of it differs.
fn identity_of(path: &Path) -> String {
    match path.metadata() {
        Ok(m) => format!("{} {} {}.{:09}", shown(path), m.len(), m.mtime(), m.mtime_nsec()),
        Err(error) => format!("{} {error}", shown(path)),
    }
}

/// The host's CPU, as Linux names it.
fn cpu_model() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(String::new, |(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::format::Format;
    use crate::qemu::device::Flash;
    use crate::qemu::firmware::Firmware;

    /// A machine whose QEMU fails.
    fn machine() -> Machine {
        let flash = || Flash { path: "/dev/null".into(), format: Format::Raw };
        let firmware = Firmware { code: flash(), vars: flash(), description: "none".into() };
        let qemu = Command::new("/bin/sh").args(["-c", "echo 'no KVM today' >&2; exit 1"]);
        let mut machine = Machine::new(qemu, firmware);
        machine.arch.name = std::env::consts::ARCH;
        machine
    }

    /// Any file that can be opened stands for the device.
    fn probe<'a>(machine: &'a Machine, state: &'a Path) -> AccelProbe<'a> {
        AccelProbe { machine, state, device: state.join("kvm") }
    }

    #[test]
    fn a_device_that_is_missing_or_of_another_architecture_is_no_kvm() {
        let state = tempfile::tempdir().expect("a folder");
        let mut machine = machine();
        let missing = |machine: &Machine| {
            let mut probe = AccelProbe::new(machine, state.path());
            probe.device = "/nowhere/kvm".into();
            probe.choose(Wish::Auto).expect("it needs no state").to_string()
        };
        assert!(missing(&machine).starts_with("no KVM: /nowhere/kvm is not there; QEMU emulates"));
        machine.arch.name = "pdp11";
        assert!(missing(&machine).contains("the guest pdp11"));
    }

    #[test]
    fn a_failure_is_remembered_until_something_changes_or_kvm_is_asked_for() {
        let state = tempfile::tempdir().expect("a folder");
        let machine = machine();
        let state = state.path();
        std::fs::write(state.join("kvm"), b"").expect("written");
        let first = probe(&machine, state).choose(Wish::Auto).expect("it can be remembered");
        let said = "starting QEMU: exit status: 1: no KVM today";
        assert_eq!(first.reason, Reason::Broken(KvmFailure::Ended(said.into()), false));
        let again = probe(&machine, state).choose(Wish::Auto).expect("it is remembered");
        assert!(matches!(&again.reason, Reason::Broken(_, true)), "{again}");
        assert_eq!(again.accel, Accel::Tcg);
        probe(&machine, state).fall_back(KvmFailure::Silent(10)).expect("it can be remembered");
        assert!(!probe(&machine, state).would_probe(Wish::Auto));
        let mut other = machine.clone();
        other.firmware = None;
        assert!(probe(&other, state).would_probe(Wish::Auto));
        let asked = probe(&machine, state).choose(Wish::Only(Accel::Kvm)).expect("nothing to do");
        assert_eq!((asked.accel, probe(&machine, state).recall()), (Accel::Kvm, None));
        let left: Vec<_> = std::fs::read_dir(state).expect("it is there").collect();
        assert_eq!(left.len(), 1, "only the stand-in for the device: {left:?}");
    }

    #[test]
    fn a_missing_qemu_says_nothing_about_kvm() {
        let state = tempfile::tempdir().expect("a folder");
        std::fs::write(state.path().join("kvm"), b"").expect("written");
        let mut machine = machine();
        machine.qemu = Command::new("/nowhere/qemu");
        let probe = probe(&machine, state.path());
        let error = probe.choose(Wish::Auto).expect_err("there is none").to_string();
        assert!(error.starts_with("trying KVM: starting /nowhere/qemu: "), "{error}");
        assert!(probe.would_probe(Wish::Auto));
    }

    #[test]
    fn the_telling_lines_of_qemu_are_found_among_its_dump() {
        let said =
            "x\nKVM internal error. Suberror: 1\nextra data[0]: 1\nemulation failure\nEAX=0\n";
        assert_eq!(kvm_words(said), "KVM internal error. Suberror: 1, emulation failure");
    }
}
