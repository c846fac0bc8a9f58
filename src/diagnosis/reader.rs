//! A log of any size, in constant memory: one thread reads, decodes and cleans it, another
//! explains its lines.
//!
//! Both cost about the same, so that a log of a gigabyte takes half the time. Lines go from one to
//! the other in batches, whose buffers come back to be used again.

use std::io::{ErrorKind, Read};
use std::panic::resume_unwind;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread;

use super::clean::Cleaner;
use super::explain::{Explainer, Explanation};
use crate::boot::log::{Decoder, Line};
use crate::error::{Context, Result};

/// How many bytes are read at once.
const CHUNK: usize = 1 << 18;
/// A batch is handed over with so many lines, or so many bytes of text.
const BATCH_LINES: usize = 2048;
const BATCH_BYTES: usize = 1 << 18;
/// How many batches wait at most.
const WAITING: usize = 4;

/// Explains a log of any size and encoding while it is read, in constant memory.
///
/// # Errors
/// Where reading fails.
pub fn explain_reader(reader: impl Read) -> Result<Explanation> {
    thread::scope(|scope| {
        let (full, batches) = mpsc::sync_channel(WAITING);
        let (back, used) = mpsc::channel();
        let explained = scope.spawn(move || explain_batches(&batches, &back));
        let read = Feeder { batch: Batch::default(), full, used }.feed(reader);
        let explanation = explained.join().unwrap_or_else(|panic| resume_unwind(panic));
        read.map(|()| explanation)
    })
}

fn explain_batches(batches: &Receiver<Batch>, back: &Sender<Batch>) -> Explanation {
    let mut explainer = Explainer::default();
    for batch in batches {
        batch.lines[..batch.count].iter().for_each(|line| explainer.take(line));
        // At the end of the log nobody wants it back.
        let _ = back.send(batch);
    }
    explainer.finish()
}

/// Some lines; those beyond the count are of an earlier use.
#[derive(Debug, Default)]
struct Batch {
    lines: Vec<Line>,
    count: usize,
    bytes: usize,
}

impl Batch {
    fn add(&mut self, line: &Line) {
        match self.lines.get_mut(self.count) {
            Some(old) => old.copy(line),
            None => self.lines.push(line.clone()),
        }
        self.count += 1;
        self.bytes += line.text().len();
    }

    fn is_full(&self) -> bool {
        self.count >= BATCH_LINES || self.bytes >= BATCH_BYTES
    }
}

/// Reads, decodes, cleans and hands over.
struct Feeder {
    batch: Batch,
    full: SyncSender<Batch>,
    used: Receiver<Batch>,
}

impl Feeder {
    fn feed(mut self, mut reader: impl Read) -> Result<()> {
        let (mut decoder, mut cleaner) = (Decoder::default(), Cleaner::default());
        let mut chunk = vec![0; CHUNK];
        loop {
            let n = match reader.read(&mut chunk) {
                Ok(0) => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                read => read.context(|| "reading the log")?,
            };
            let mut clean = |line: &Line| cleaner.take(line, &mut |line| self.take(line));
            decoder.push(&chunk[..n], None, &mut clean);
        }
        decoder.finish(&mut |line| cleaner.take(line, &mut |line| self.take(line)));
        cleaner.finish(&mut |line| self.take(line));
        self.hand_over();
        Ok(())
    }

    fn take(&mut self, line: &Line) {
        self.batch.add(line);
        if self.batch.is_full() {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let mut next = self.used.try_recv().unwrap_or_default();
        (next.count, next.bytes) = (0, 0);
        // It fails only where the other thread has panicked, which joining it tells.
        let _ = self.full.send(std::mem::replace(&mut self.batch, next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::log::Log;
    use crate::diagnosis::explain::explain;

    #[test]
    fn a_log_of_many_batches_is_explained_as_one_that_is_at_hand() {
        let lines = (0..3 * BATCH_LINES).map(|n| format!("[    1.000000] line {n}\n"));
        let text = lines.collect::<String>()
            + "ALERT!  UUID=12-34 does not exist.  Dropping to a shell!\n";
        let (read, at_hand) = (
            explain_reader(text.as_bytes()).expect("readable"),
            explain(&Log::from_bytes(text.as_bytes())),
        );
        assert_eq!(read.findings[0].evidence[0].line, 3 * BATCH_LINES as u64 + 1);
        assert_eq!(read.findings, at_hand.findings);
    }

    #[test]
    fn a_reader_that_fails_is_an_error() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(ErrorKind::PermissionDenied.into())
            }
        }
        assert!(explain_reader(Fails).unwrap_err().to_string().contains("reading the log"));
    }
}
