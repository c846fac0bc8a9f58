//! Machines whose QEMU is a script.

use super::*;
use crate::command::Command;
use crate::format::Format;
use crate::qemu::device::Flash;
use crate::qemu::firmware::Firmware;

/// Stands for QEMU: QMP on descriptor 0, a guest on descriptor 1 that greets and powers off.
const FAKE: &str = r#"
echo '{"QMP": {}}' >&0
while read -r line; do
case $line in
*cont*)
    echo '{"return": {}}' >&0
    echo hello
    echo '{"event": "SHUTDOWN", "data": {"guest": true}}' >&0
    echo 'a warning' >&2
    exit 3 ;;
*) echo '{"return": {}}' >&0 ;;
esac
done"#;

/// A machine whose QEMU is this shell script, in a folder with an odd name.
fn machine(folder: &Path, script: &str) -> (Machine, PathBuf) {
    let path = folder.join("flash.fd");
    std::fs::write(&path, b"variables").expect("written");
    let flash = Flash { path, format: Format::Raw };
    let firmware = Firmware { code: flash.clone(), vars: flash, description: "none".into() };
    let qemu = Command::new("/bin/sh").args(["-c", script]);
    (Machine::new(qemu, firmware), folder.join("a run,\n"))
}

#[test]
fn events_come_in_order_and_the_logs_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let (machine, run) = machine(folder.path(), FAKE);
    let mut vm = Vm::start(&machine, &run).expect("it starts");
    let (mut said, mut shutdown) = (Vec::new(), false);
    let (status, stderr) = loop {
        match vm.next(Duration::from_secs(30)).expect("it ends by itself") {
            Event::Serial { bytes, .. } => said.extend(bytes),
            Event::Qmp { event, .. } => shutdown |= event.name == "SHUTDOWN",
            Event::LogLost(error) => panic!("{error}"),
            Event::Exited { status, stderr, .. } => break (status, stderr),
        }
    };
    assert_eq!(said, b"hello\n");
    assert!(shutdown);
    assert_eq!((status.code(), stderr.as_str()), (Some(3), "a warning\n"));
    assert_eq!(std::fs::read(run.join("serial.log")).expect("it is there"), said);
    assert_eq!(std::fs::read(run.join("vars.fd")).expect("it is there"), b"variables");
    assert!(vm.next(Duration::from_secs(30)).is_none());
    assert_eq!(vm.quit(&mut |_| {}).expect("it has ended").code(), Some(3));
}

#[test]
fn what_the_guest_said_before_its_end_is_handed_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (machine, run) = machine(folder.path(), FAKE);
    let mut vm = Vm::start(&machine, &run).expect("it starts");
    let mut said = Vec::new();
    loop {
        match vm.next(Duration::from_secs(30)).expect("it ends by itself") {
            Event::Serial { bytes, .. } => said.extend(bytes),
            Event::Qmp { event, .. } if event.name == "SHUTDOWN" => break,
            _ => {}
        }
    }
    let status = vm.quit(&mut |event| {
        if let Event::Serial { bytes, .. } = event {
            said.extend(bytes);
        }
    });
    assert_eq!((status.expect("it ends").code(), &said[..]), (Some(3), &b"hello\n"[..]));
}

#[test]
fn a_qemu_that_does_not_start_is_quoted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (machine, run) = machine(folder.path(), "echo 'no such device' >&2; exit 1");
    let error = Vm::start(&machine, &run).err().expect("it ends");
    assert_eq!(error.to_string(), "starting QEMU: exit status: 1: no such device");
    assert!(error.downcast_ref::<NotStarted>().is_some());
    assert!(error.hint_text().is_some_and(|hint| hint.starts_with("the same by hand: ")));
}

#[test]
fn a_log_that_cannot_be_written_is_reported_and_the_run_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (machine, run) = machine(folder.path(), FAKE);
    std::fs::create_dir(&run).expect("made");
    std::os::unix::fs::symlink("/dev/full", run.join("serial.log")).expect("made");
    let mut vm = Vm::start(&machine, &run).expect("it starts");
    let events = std::iter::from_fn(|| vm.next(Duration::from_secs(30)));
    let events: Vec<_> = events.collect();
    let lost = events.iter().filter(|e| matches!(e, Event::LogLost(_))).count();
    assert_eq!(lost, 1, "{events:?}");
    assert!(matches!(events.last(), Some(Event::Exited { .. })), "{events:?}");
}
