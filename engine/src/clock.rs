//! The one place that reads the clocks.
//!
//! A study has a time of its own, in milliseconds since 1970. It starts as the wall clock's and goes on by the clock that counts since the machine was started: that
//! one does not jump when the wall clock is set, is the same in all processes, and stands still while the machine sleeps (on Linux). So every length of time that a
//! study knows is one in which work could be done. Only when the machine has been started anew is the wall clock asked again.

#![expect(clippy::disallowed_methods, reason = "this is the module the ban points to")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use crate::study::StudyState;

/// What tells a worker its study's time.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    Study,
    Simulated(fn() -> i64),
}

/// How a study's time follows from the machine's clock, until the machine is started anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Names this start of the machine.
    pub boot: String,
    /// Milliseconds to be added to those since then.
    pub offset: i64,
}

impl Clock {
    /// The time of the study that is in this state.
    pub fn now(self, state: &StudyState) -> i64 {
        match self {
            Clock::Simulated(now) => now(),
            Clock::Study => study_millis(state.clock.as_ref(), state.last_at(), steady(), wall_millis()),
        }
    }

    /// What the study's time is to follow from now on; `None`: it is known, or there is no such clock.
    pub(crate) fn base(self, state: &StudyState) -> Option<Base> {
        let Clock::Study = self else { return None };
        let (boot, millis) = steady()?;
        let known = state.clock.as_ref().is_some_and(|clock| clock.boot == boot);
        (!known).then(|| Base { boot, offset: self.now(state) - millis })
    }
}

/// Time before anybody has worked on a study.
pub fn wall_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// `steady`: the name of this start of the machine, and the milliseconds since.
fn study_millis(base: Option<&Base>, last_at: i64, steady: Option<(String, i64)>, wall: i64) -> i64 {
    match (base, steady) {
        (Some(base), Some((boot, millis))) if base.boot == boot => base.offset.saturating_add(millis),
        // Never backwards: the time since the last event would count as nothing for as long.
        _ => wall.max(last_at),
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have none")]
fn steady() -> Option<(String, i64)> {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let millis = now.tv_sec.saturating_mul(1000).saturating_add(now.tv_nsec / 1_000_000);
    // Where the system gives no name to its start, its time stands for one.
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned());
    Some((boot.unwrap_or_else(|_| sysinfo::System::boot_time().to_string()), millis))
}

#[cfg(not(unix))]
fn steady() -> Option<(String, i64)> {
    None
}

/// For measuring how long something took; never goes backwards.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    pub fn start() -> Stopwatch {
        Stopwatch(std::time::Instant::now())
    }

    pub fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// Notices that this process was stopped (Ctrl-Z, SIGSTOP, a frozen container) and goes on: no thread of it got anywhere meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Stops {
    /// Milliseconds not yet taken.
    stopped: Arc<AtomicI64>,
}

/// How often the watching thread looks, and how much later than that it may be on a machine that is only busy.
const LOOK: Duration = Duration::from_millis(200);
const BUSY: Duration = Duration::from_secs(5);

impl Stops {
    /// Watches for as long as it lives.
    pub(crate) fn watch() -> Stops {
        let stops = Stops::default();
        let seen = Arc::downgrade(&stops.stopped);
        std::thread::spawn(move || {
            let mut last = Stopwatch::start();
            while let Some(stopped) = seen.upgrade() {
                drop(stopped);
                std::thread::sleep(LOOK);
                let gap = last.seconds();
                last = Stopwatch::start();
                if gap > BUSY.as_secs_f64()
                    && let Some(stopped) = seen.upgrade()
                {
                    stopped.fetch_add((gap * 1000.0) as i64, Ordering::SeqCst);
                }
            }
        });
        stops
    }

    /// Milliseconds stopped since it was last asked, by one whose last look is `since` ago. After a long time it waits for the watching thread, which may wake
    /// up later than its caller, to say whether that was a stop or the caller's own doing.
    pub(crate) fn take(&self, since: Stopwatch) -> i64 {
        if since.seconds() < BUSY.as_secs_f64() {
            return 0;
        }
        std::thread::sleep(2 * LOOK);
        self.stopped.swap(0, Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(boot: &str, offset: i64) -> Base {
        Base { boot: boot.to_owned(), offset }
    }

    #[test]
    fn a_study_s_time_follows_the_clock_that_does_not_jump() {
        let known = base("a", 1000);
        let steady = |boot: &str, millis| Some((boot.to_owned(), millis));
        // Whatever the wall clock says.
        assert_eq!(study_millis(Some(&known), 1200, steady("a", 300), 9_999_999), 1300);
        assert_eq!(study_millis(Some(&known), 1200, steady("a", 300), 0), 1300);
        // Started anew, or never known: the wall clock, but not backwards.
        assert_eq!(study_millis(Some(&known), 1200, steady("b", 5), 5000), 5000);
        assert_eq!(study_millis(Some(&known), 1200, steady("b", 5), 7), 1200);
        assert_eq!(study_millis(None, 1200, None, 5000), 5000);
    }

    #[test]
    fn the_steady_clock_goes_on_and_keeps_its_name() {
        let (first, second) = (steady(), steady());
        if let (Some((boot, one)), Some((again, two))) = (first, second) {
            assert_eq!(boot, again);
            assert!(one <= two && !boot.is_empty());
        }
    }
}
