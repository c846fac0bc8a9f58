//! QMP, QEMU's control protocol: one JSON value a line (QEMU `docs/interop/qmp-spec`).
//!
//! One command is under way at a time; events go to whoever connected. Left out: out-of-band
//! commands, command ids, file descriptors.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

/// How long QEMU may take to answer: it answers from its main loop, in milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// What went wrong with a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QmpError {
    /// A line that is no message of the protocol.
    #[error("QEMU wrote `{0}`, which is no QMP message")]
    Protocol(String),
    /// QEMU's own refusal.
    #[error("QEMU refused the command `{command}`: {reason}")]
    Refused {
        /// The command.
        command: String,
        /// QEMU's description.
        reason: String,
    },
    /// QEMU has closed the connection: it ends, or has ended.
    #[error("QEMU closed its control connection")]
    Closed,
    /// No answer.
    #[error("QEMU did not answer the command `{0}`")]
    Silent(String),
}

/// Something that happened to the machine (`STOP`, `SHUTDOWN`, `RESET` …).
#[derive(Debug, Clone, PartialEq)]
pub struct QmpEvent {
    /// QEMU's name of it.
    pub name: String,
    /// Its details; null where it has none.
    pub data: Value,
}

/// A line from QEMU.
#[derive(Debug, Clone, PartialEq)]
enum Message {
    Greeting,
    Event(QmpEvent),
    /// The answer to a command, or QEMU's description of why it was refused.
    Answer(Result<Value, String>),
}

impl Message {
    fn parse(line: &[u8]) -> Result<Self, QmpError> {
        let error = || QmpError::Protocol(String::from_utf8_lossy(line).trim().into());
        let mut value: Value = serde_json::from_slice(line).map_err(|_| error())?;
        if let Some(name) = value.get("event").and_then(Value::as_str) {
            let name = name.into();
            return Ok(Message::Event(QmpEvent { name, data: value["data"].take() }));
        }
        if let Some(answer) = value.get_mut("return") {
            return Ok(Message::Answer(Ok(answer.take())));
        }
        if let Some(refusal) = value.pointer("/error/desc").and_then(Value::as_str) {
            return Ok(Message::Answer(Err(refusal.into())));
        }
        value.get("QMP").map(|_| Message::Greeting).ok_or_else(error)
    }
}

/// A connection in command mode.
#[derive(Debug)]
pub struct Qmp {
    stream: UnixStream,
    answers: Receiver<Result<Message, QmpError>>,
    reader: Option<JoinHandle<()>>,
}

impl Qmp {
    /// Waits for QEMU's greeting and leaves negotiation mode. Events from then on are given to
    /// `event`, on a thread that ends when QEMU closes the connection.
    ///
    /// # Errors
    /// Where the other side closes, is silent, or does not speak QMP.
    pub fn connect(
        stream: UnixStream,
        event: impl Fn(QmpEvent) + Send + 'static,
    ) -> Result<Self, QmpError> {
        let (sender, answers) = mpsc::channel();
        let reading = stream.try_clone().map_err(|_| QmpError::Closed)?;
        let reader = thread::spawn(move || read(reading, &sender, event));
        let mut qmp = Qmp { stream, answers, reader: Some(reader) };
        match qmp.answer("greeting")? {
            Message::Greeting => qmp.execute("qmp_capabilities")?,
            other => return Err(QmpError::Protocol(format!("{other:?}"))),
        };
        Ok(qmp)
    }

    /// Executes a command without arguments and returns its answer.
    ///
    /// # Errors
    /// Where QEMU refuses it, is gone, or does not answer.
    pub fn execute(&mut self, command: &str) -> Result<Value, QmpError> {
        self.send(command, json!({}))?;
        match self.answer(command)? {
            Message::Answer(Ok(value)) => Ok(value),
            Message::Answer(Err(reason)) => {
                Err(QmpError::Refused { command: command.into(), reason })
            }
            other => Err(QmpError::Protocol(format!("{other:?}"))),
        }
    }

    /// Asks QEMU to end, without waiting for an answer: one that hangs gives none.
    pub(super) fn quit(&mut self) -> Result<(), QmpError> {
        self.send("quit", json!({}))
    }

    /// The thread that reads, for who has to know that the last event was delivered.
    pub(super) fn take_reader(&mut self) -> Option<JoinHandle<()>> {
        self.reader.take()
    }

    fn send(&mut self, command: &str, arguments: Value) -> Result<(), QmpError> {
        let line = format!("{}\n", json!({"execute": command, "arguments": arguments}));
        self.stream.write_all(line.as_bytes()).map_err(|_| QmpError::Closed)
    }

    fn answer(&self, command: &str) -> Result<Message, QmpError> {
        match self.answers.recv_timeout(ANSWER_TIMEOUT) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => Err(QmpError::Silent(command.into())),
            Err(RecvTimeoutError::Disconnected) => Err(QmpError::Closed),
        }
    }
}

/// Sorts QEMU's lines into events and answers until the connection ends; a reset is an end too:
/// QEMU exits without reading what it was last sent.
fn read(stream: UnixStream, answers: &Sender<Result<Message, QmpError>>, event: impl Fn(QmpEvent)) {
    let mut lines = BufReader::new(stream);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        match Message::parse(&line) {
            Ok(Message::Event(happened)) => event(happened),
            // Nobody waits any more: the events still count.
            other => drop(answers.send(other)),
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A QEMU that greets, then answers each line with the next of these.
    fn qemu(answers: &'static [&'static str]) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        thread::spawn(move || {
            let mut writer = theirs.try_clone().expect("a clone");
            writeln!(writer, r#"{{"QMP": {{"version": {{}}, "capabilities": []}}}}"#)?;
            let mut lines = BufReader::new(theirs).lines();
            for answer in answers {
                lines.next();
                writeln!(writer, "{answer}")?;
            }
            Ok::<_, std::io::Error>(())
        });
        ours
    }

    #[test]
    fn events_between_answers_are_delivered_and_refusals_are_errors() {
        let (sender, events) = mpsc::channel();
        let stream = qemu(&[
            r#"{"return": {}}"#,
            "{\"event\": \"RESUME\", \"timestamp\": {}}\n{\"return\": {\"status\": \"running\"}}",
            r#"{"error": {"class": "CommandNotFound", "desc": "no such command"}}"#,
        ]);
        let mut qmp = Qmp::connect(stream, move |e| drop(sender.send(e))).expect("it greets");
        assert_eq!(qmp.execute("query-status").expect("it answers")["status"], "running");
        assert_eq!(events.recv().expect("an event").name, "RESUME");
        let refused = qmp.execute("nonsense").expect_err("it is refused");
        assert_eq!(refused.to_string(), "QEMU refused the command `nonsense`: no such command");
        assert_eq!(qmp.execute("quit"), Err(QmpError::Closed));
    }

    #[test]
    fn what_is_no_qmp_is_an_error() {
        for line in ["", "{", "[]", "{}", "42", "hello", "{\"event\": 1}", "{\"error\": {}}"] {
            assert!(Message::parse(line.as_bytes()).is_err(), "{line}");
        }
    }
}
