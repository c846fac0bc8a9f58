//! Following a boot live: new milestones as they come, and when there is no more need to wait.

use std::time::Duration;

use super::expectation::Expectation;
use super::log::{Line, Log};
use super::milestone::Milestone;
use super::timeline::{Entry, Timeline};
use super::trouble::{Kind, Trouble, Troubles};

/// Whether to go on reading the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing is decided yet.
    Continue,
    /// The expectation is met; the guest may be stopped.
    Ready,
    /// The boot has failed and nothing will change that; the guest may be stopped.
    Failed,
}

/// How long the guest may go on after the deciding line, so that the rest of what it says is kept:
/// a panic's registers, a power-off that it does itself.
const GRACE: Duration = Duration::from_secs(1);
/// How long the guest may take to power itself off once it is ready.
const POWER_OFF_GRACE: Duration = Duration::from_secs(3);
/// How long a loader that complained, or a firmware shell, has to be silent to be given up. Loading
/// a kernel is silent too, and slow without hardware acceleration.
const SILENCE: Duration = Duration::from_secs(6);

/// How long an init that does not say when it is ready has to be silent to count as running; systemd
/// without hardware acceleration is silent for half of that when it reads its units.
const SETTLED: Duration = Duration::from_secs(30);
/// How long it has to run where it goes on talking.
const LASTING: Duration = Duration::from_secs(120);

/// What is known of a boot that goes on.
#[derive(Debug, Clone)]
pub struct Watch {
    timeline: Timeline,
    troubles: Troubles,
    /// How many lines of the log have been looked at.
    seen: u64,
    /// The last prompt that was looked at.
    partial: Option<Line>,
    is_partial_taken: bool,
    news: Vec<Entry>,
    last_news: Duration,
    ready_at: Option<Duration>,
    handed_over_at: Option<Duration>,
    failed_at: Option<Duration>,
}

impl Watch {
    /// Begins with an empty log.
    pub fn new(expectation: &Expectation) -> Self {
        Watch {
            timeline: Timeline::new(expectation),
            troubles: Troubles::new(expectation),
            seen: 0,
            partial: None,
            is_partial_taken: false,
            news: Vec::new(),
            last_news: Duration::ZERO,
            ready_at: None,
            handed_over_at: None,
            failed_at: None,
        }
    }

    /// Looks at what the log has gained, and decides. `now` is counted as the log's arrival times
    /// are, from the start of the machine; call it also when nothing has come, a few times a second.
    pub fn observe(&mut self, log: &Log, now: Duration) -> Decision {
        if log.count() > self.seen {
            self.last_news = now;
        }
        for line in log.since(self.seen) {
            self.take(line);
        }
        self.seen = log.count();
        let partial = log.partial();
        if partial != self.partial {
            self.last_news = now;
            self.is_partial_taken = false;
            self.partial = partial;
        } else if let (Some(line), false) = (&partial, self.is_partial_taken) {
            // A prompt stays; a line whose rest is still on its way is not looked at by halves.
            self.take(line);
            self.is_partial_taken = true;
        }
        self.decide(now)
    }

    fn take(&mut self, line: &Line) {
        self.news.extend(self.timeline.observe(line).cloned());
        self.troubles.observe(line);
    }

    fn decide(&mut self, now: Duration) -> Decision {
        if self.timeline.reached(Milestone::UserspaceReady).is_some() {
            let since = *self.ready_at.get_or_insert(now);
            return after(now, since, POWER_OFF_GRACE, Decision::Ready);
        }
        match self.troubles.worst() {
            Some(Trouble { is_final: true, .. }) => {
                let since = *self.failed_at.get_or_insert(now);
                after(now, since, GRACE, Decision::Failed)
            }
            Some(Trouble { kind: Kind::Loader | Kind::NoLoader, .. }) => {
                after(now, self.last_news, SILENCE, Decision::Failed)
            }
            None if self.timeline.is_handed_over() => {
                let since = *self.handed_over_at.get_or_insert(now);
                match after(now, since.max(self.last_news), SETTLED, Decision::Ready) {
                    Decision::Continue => after(now, since, LASTING, Decision::Ready),
                    decision => decision,
                }
            }
            _ => Decision::Continue,
        }
    }

    /// The milestones that have come since this was last called, in order of their proof.
    pub fn news(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.news)
    }

    /// When the console last said something new.
    pub fn last_news(&self) -> Duration {
        self.last_news
    }

    /// The timeline so far.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }
}

fn after(now: Duration, since: Duration, grace: Duration, then: Decision) -> Decision {
    match now.saturating_sub(since) >= grace {
        true => then,
        false => Decision::Continue,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_panic_stops_the_watch_a_second_later() {
        let mut watch = Watch::new(&Expectation::Handoff { token: "abc".into() });
        let mut log = Log::new();
        log.push(b"[    1.000000] Linux version 6\n", Some(at(10)));
        assert_eq!(watch.observe(&log, at(10)), Decision::Continue);
        assert_eq!(watch.news().len(), 1);
        log.push(b"[    2.000000] Kernel panic - not syncing: Fatal exception\n", Some(at(500)));
        assert_eq!(watch.observe(&log, at(500)), Decision::Continue);
        assert_eq!(watch.news().len(), 0);
        assert_eq!(watch.observe(&log, at(1600)), Decision::Failed);
    }

    #[test]
    fn a_complaining_loader_is_given_time_to_go_on() {
        let mut watch = Watch::new(&Expectation::Console);
        let mut log = Log::new();
        log.push(b"error: no suitable video mode found.\nBooting in blind mode\n", Some(at(0)));
        assert_eq!(watch.observe(&log, at(5000)), Decision::Continue);
        log.push(b"[    0.000000] Linux version 6\n", Some(at(6000)));
        assert_eq!(watch.observe(&log, at(6000)), Decision::Continue);
        assert_eq!(watch.observe(&log, at(60_000)), Decision::Continue);
    }

    #[test]
    fn an_init_of_its_own_is_waited_for_until_it_is_silent_or_has_talked_long_enough() {
        let expectation = Expectation::OwnInit { token: "abc".into() };
        let mut watch = Watch::new(&expectation);
        let mut log = Log::new();
        log.push(b"handoff: 1 abc switch-root init=/sbin/init\n", Some(at(0)));
        assert_eq!(watch.observe(&log, at(1000)), Decision::Continue);
        assert_eq!(watch.observe(&log, at(30_900)), Decision::Continue);
        assert_eq!(watch.clone().observe(&log, at(31_100)), Decision::Ready);
        for second in 31..121 {
            log.push(b"still starting\n", Some(at(second * 1000)));
            assert_eq!(watch.observe(&log, at(second * 1000)), Decision::Continue, "{second} s");
        }
        log.push(b"still starting\n", Some(at(121_000)));
        assert_eq!(watch.observe(&log, at(121_000)), Decision::Ready);
        log.push(b"Kernel panic - not syncing: Attempted to kill init!\n", Some(at(122_000)));
        watch.observe(&log, at(122_000));
        assert_eq!(watch.observe(&log, at(123_000)), Decision::Failed);
    }

    #[test]
    fn a_prompt_decides_without_a_line_end() {
        let mut watch = Watch::new(&Expectation::Console);
        let mut log = Log::new();
        log.push(b"error: no such partition.\r\ngrub rescue> ", Some(at(0)));
        watch.observe(&log, at(100));
        watch.observe(&log, at(200));
        assert_eq!(watch.observe(&log, at(1300)), Decision::Failed);
        let mut log = Log::new();
        log.push(b"box login: ", Some(at(0)));
        let mut watch = Watch::new(&Expectation::Console);
        watch.observe(&log, at(0));
        watch.observe(&log, at(100));
        assert_eq!(watch.observe(&log, at(3100)), Decision::Ready);
    }
}
