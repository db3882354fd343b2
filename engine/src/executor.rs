//! Slots: threads that run one segment at a time and tell what happens by channel. They never touch the store.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread::Scope,
};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::runner::{Cancel, Checkpoint, Outcome, Segment, SlotInfo, TrialError, TrialEvent, TrialRunner};

/// A segment on its way to a slot.
#[derive(Debug)]
pub(crate) struct Job {
    pub segment: Segment,
    pub from: Option<Checkpoint>,
    pub cancel: Cancel,
}

/// A slot's thread as the dispatcher sees it. Dropping it lets the thread end after its segment.
#[derive(Debug)]
pub(crate) struct Executor {
    pub info: SlotInfo,
    pub jobs: Sender<Job>,
    pub events: Receiver<TrialEvent>,
}

/// A segment's end. Its events are all in the slot's channel by then.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Position of the slot on its device.
    pub slot: usize,
    pub outcome: Result<Outcome, TrialError>,
}

/// Starts the thread of slot number `slot`; `ended` takes its ends.
pub(crate) fn start<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    runner: &'env dyn TrialRunner,
    info: SlotInfo,
    slot: usize,
    ended: Sender<Ended>,
) -> std::io::Result<Executor> {
    // A runner that is far ahead of the store waits.
    const AHEAD: usize = 256;
    let (jobs, inbox) = bounded::<Job>(1);
    let (outbox, events) = bounded(AHEAD);
    let here = info.clone();
    std::thread::Builder::new().name(info.name.clone()).spawn_scoped(scope, move || {
        for job in inbox {
            let run = || runner.run(&job.segment, &here, job.from.as_ref(), &outbox, &job.cancel);
            let outcome = match catch_unwind(AssertUnwindSafe(run)) {
                Ok(outcome) => outcome,
                Err(panic) => Err(TrialError::Other(format!("panicked: {}", message(&*panic)))),
            };
            if ended.send(Ended { slot, outcome }).is_err() {
                return;
            }
        }
    })?;
    Ok(Executor { info, jobs, events })
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message")
}
