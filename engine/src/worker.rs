//! A worker: one device, a dispatcher on the calling thread and an executor thread a slot.

mod message;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use crossbeam_channel::{Receiver, Select, unbounded};
use search_spaces::config::Config;

pub use message::{Ended, WorkerError, WorkerMessage};

use crate::{
    clock::{Clock, Stops, Stopwatch},
    devices::DeviceSlots,
    dispatcher::{Dispatcher, Work},
    ending::{self, Ending, UNASKED, not_finite, official},
    events::{Event, WorkerInfo},
    executor::{self, Executor, Job},
    folds::{Fold, Folded},
    runner::{Cancel, Outcome, SlotInfo, TrialError, TrialEvent, TrialRunner},
    samplers::Sampler,
    schedulers::Scheduler,
    session,
    store::{Store, StoreError, StudyFolder, WorkerLock, study},
    study::too_large,
};

/// How long the dispatcher sleeps at most before it looks at the clock, the cancel flag and what other workers did.
const NAP: Duration = Duration::from_millis(100);

/// Everything a worker works with. The study must have been created.
#[expect(missing_debug_implementations, reason = "holds trait objects")]
pub struct Worker {
    pub store: Box<dyn Store>,
    pub folder: StudyFolder,
    pub runner: Arc<dyn TrialRunner>,
    pub scheduler: Box<dyn Scheduler>,
    pub sampler: Box<dyn Sampler>,
    pub slots: DeviceSlots,
    /// [`DeviceSlots::room`]: a trial that needs more is not trained.
    pub room: Option<u64>,
    /// Running segments stop at their next step, leave a checkpoint, and the worker ends.
    pub cancel: Cancel,
    pub clock: Clock,
    /// So that others can tell whether it lives; `None`: its study is in memory.
    pub lock: Option<WorkerLock>,
}

/// A slot and what it runs.
struct Slot {
    executor: Executor,
    running: Option<Running>,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Segment { trial: u32, rung: usize, fence: u64 },
    Fold(Fold),
}

struct Running {
    what: What,
    cancel: Cancel,
    /// The study has given this segment to someone else: whatever it still tells is nothing to us.
    disowned: bool,
}

impl Slot {
    fn start(&mut self, what: What, job: Job) {
        self.running = Some(Running { what, cancel: job.cancel.clone(), disowned: false });
        // The thread is there as long as the slot is.
        let _ = self.executor.jobs.send(job);
    }
}

/// Works on the study until nothing is left to do, here or in other workers, or until it is told to stop.
///
/// After an error the worker's claims stay in the store; whoever notices releases them ([`crate::study::StudyState::release`]).
pub fn run_worker(parts: Worker, tell: &mut dyn FnMut(&WorkerMessage)) -> Result<Ended, WorkerError> {
    let Worker { store, folder, runner, scheduler, sampler, slots, room, cancel, clock, lock } = parts;
    let mut dispatcher = Dispatcher { store, folder, scheduler, sampler, worker: String::new() };
    dispatcher.worker = register(&mut *dispatcher.store, slots, clock, lock.as_ref())?;
    let (ended_tx, ended) = unbounded();
    std::thread::scope(|scope| {
        let mut running = Vec::new();
        for number in 0..slots.slots {
            let info = SlotInfo { name: format!("{}/{number}", slots.device), device: slots.device, threads: slots.threads };
            let name = info.name.clone();
            let executor = executor::start(scope, &*runner, info, number, ended_tx.clone())
                .map_err(|source| WorkerError::Thread { slot: name, source })?;
            running.push(Slot { executor, running: None });
        }
        let names = running.iter().map(|slot| slot.executor.info.name.clone()).collect();
        tell(&WorkerMessage::Started { worker: dispatcher.worker.clone(), slots: names });
        let others = Others { looked: Stopwatch::start(), dead: Vec::new() };
        let stops = if matches!(clock, Clock::Study) { Stops::watch() } else { Stops::default() };
        let mut work = Loop {
            dispatcher,
            runner: &*runner,
            room,
            clock,
            stops,
            looked: Stopwatch::start(),
            slots: running,
            ended,
            cancel,
            stopping: None,
            others,
            told_of_space: false,
            tell,
        };
        let result = work.run();
        // On an error segments may still be running: the threads can only be left once they have stopped.
        work.cancel_all();
        result
    })
}

pub(crate) fn register(store: &mut dyn Store, slots: DeviceSlots, clock: Clock, lock: Option<&WorkerLock>) -> Result<String, StoreError> {
    let mut name = String::new();
    let now = clock.now(study(store)?);
    store.commit(now, &mut |state| {
        name = format!("{}#{}", slots.device, state.workers_started + 1);
        let (pid, boot) = (std::process::id(), sysinfo::System::boot_time());
        let DeviceSlots { device, slots, threads } = slots;
        let (clock, lock) = (clock.base(state), lock.map(|lock| lock.name().to_owned()));
        vec![Event::WorkerStarted(WorkerInfo { worker: name.clone(), device, slots, threads, pid, boot, clock, lock })]
    })?;
    Ok(name)
}

/// Workers of the study that nobody may look after.
struct Others {
    looked: Stopwatch,
    /// Found dead at the last look. Whoever started them has until the next to say so, and why.
    dead: Vec<WorkerInfo>,
}

struct Loop<'a> {
    dispatcher: Dispatcher,
    clock: Clock,
    stops: Stops,
    /// When it last looked whether this process had been stopped.
    looked: Stopwatch,
    others: Others,
    runner: &'a dyn TrialRunner,
    room: Option<u64>,
    slots: Vec<Slot>,
    ended: Receiver<executor::Ended>,
    cancel: Cancel,
    stopping: Option<Ended>,
    /// That checkpoints which must stay take more of the disk than they may.
    told_of_space: bool,
    tell: &'a mut dyn FnMut(&WorkerMessage),
}

impl Loop<'_> {
    fn run(&mut self) -> Result<Ended, WorkerError> {
        loop {
            let now = self.now()?;
            if self.cancel.is_set() {
                self.stop(Ended::Interrupted);
            } else if self.slots.iter().any(|s| s.running.is_some()) && study(&mut *self.dispatcher.store)?.budget_spent(now) {
                self.stop(Ended::BudgetSpent);
            }
            self.cancel_what_is_not_wanted()?;
            let finished = self.stopping.is_none() && self.fill()?;
            if self.slots.iter().all(|slot| slot.running.is_none())
                && let Some(how) = self.stopping.or(finished.then_some(Ended::Finished))
            {
                if how == Ended::BudgetSpent {
                    self.dispatcher.settle(now)?;
                }
                // The last segment may have completed although it was told to stop.
                let how = if how == Ended::BudgetSpent && self.dispatcher.finished(now)? { Ended::Finished } else { how };
                let reached = study(&mut *self.dispatcher.store)?.target_reached.is_some();
                let how = if how == Ended::Finished && reached { Ended::TargetReached } else { how };
                let worker = self.dispatcher.worker.clone();
                self.commit(&[Event::WorkerEnded { worker }])?;
                (self.tell)(&WorkerMessage::Ended(how));
                return Ok(how);
            }
            self.listen()?;
        }
    }

    /// Gives work to every free slot. `true`: nothing is left to do.
    fn fill(&mut self) -> Result<bool, WorkerError> {
        for index in 0..self.slots.len() {
            if self.slots[index].running.is_some() {
                continue;
            }
            let busy = self.slots.iter().any(|slot| slot.running.is_some());
            let name = self.slots[index].executor.info.name.clone();
            match self.next(&name, busy)? {
                Work::Run { segment, from, fence } => {
                    let (trial, rung, cancel) = (segment.trial, segment.rung, Cancel::default());
                    (self.tell)(&WorkerMessage::Claimed { slot: name, trial, rung });
                    let what = What::Segment { trial, rung, fence };
                    self.slots[index].start(what, Job { segment: *segment, from, cancel });
                }
                Work::Fold { segment } => {
                    let Some(fold) = segment.fold else { continue };
                    (self.tell)(&WorkerMessage::ClaimedFold { slot: name, fold });
                    let job = Job { segment: *segment, from: None, cancel: Cancel::default() };
                    self.slots[index].start(What::Fold(fold), job);
                }
                Work::Wait => {
                    self.look_after_others()?;
                    return Ok(false);
                }
                Work::Finished => return Ok(true),
                Work::BudgetSpent => {
                    self.stop(Ended::BudgetSpent);
                    return Ok(false);
                }
            }
        }
        Ok(false)
    }

    /// The next work for a slot that it has the memory for.
    fn next(&mut self, slot: &str, busy: bool) -> Result<Work, WorkerError> {
        loop {
            let now = self.now()?;
            let work = self.dispatcher.next(slot, busy, now)?;
            // What has run before fitted.
            let Work::Run { segment, fence: fence @ 1, .. } = &work else { return Ok(work) };
            let config = Config { micro_batch: segment.micro_batch.or(segment.config.micro_batch), ..segment.config.clone() };
            let cause = self.room.and_then(|room| too_large(&config, room, |config| self.runner.memory(config)));
            let Some(cause) = cause else { return Ok(work) };
            let (trial, rung, fence) = (segment.trial, segment.rung, *fence);
            self.commit(&[Event::SegmentFailed { trial, rung, fence, cause }])?;
        }
    }

    fn stop(&mut self, how: Ended) {
        if self.stopping.is_none() {
            self.stopping = Some(how);
            self.cancel_all();
        }
    }

    /// Once the target is reached, what the search still trains has been in vain.
    fn cancel_what_is_not_wanted(&mut self) -> Result<(), StoreError> {
        let state = study(&mut *self.dispatcher.store)?;
        if state.target_reached.is_none() {
            return Ok(());
        }
        for running in self.slots.iter().filter_map(|slot| slot.running.as_ref()) {
            if let What::Segment { trial, .. } = running.what
                && !state.is_wanted(trial)
            {
                running.cancel.set();
            }
        }
        Ok(())
    }

    fn cancel_all(&self) {
        self.slots.iter().filter_map(|slot| slot.running.as_ref()).for_each(|running| running.cancel.set());
    }

    /// Waits for the next thing a slot has to tell, and takes it in.
    fn listen(&mut self) -> Result<(), WorkerError> {
        let mut select = Select::new();
        select.recv(&self.ended);
        for slot in &self.slots {
            select.recv(&slot.executor.events);
        }
        let Ok(ready) = select.ready_timeout(NAP) else { return Ok(()) };
        drop(select);
        if ready > 0 {
            return self.drain(ready - 1);
        }
        let Ok(ended) = self.ended.try_recv() else { return Ok(()) };
        // Everything it told before it ended comes first.
        self.drain(ended.slot)?;
        self.end(ended)
    }

    fn drain(&mut self, index: usize) -> Result<(), WorkerError> {
        while let Ok(event) = self.slots[index].executor.events.try_recv() {
            let Some(Running { what, disowned: false, .. }) = self.slots[index].running else { continue };
            let (What::Segment { trial, .. } | What::Fold(Fold { trial, .. })) = what;
            match (event, what) {
                (TrialEvent::Step { step, total_steps }, _) => {
                    let slot = self.slots[index].executor.info.name.clone();
                    (self.tell)(&WorkerMessage::Step { slot, trial, step, total_steps });
                }
                (TrialEvent::Alive, _) => {
                    let slot = self.slots[index].executor.info.name.clone();
                    (self.tell)(&WorkerMessage::Alive { slot });
                }
                // Of a fold the end counts alone.
                (_, What::Fold(_)) => {}
                (TrialEvent::Evaluated(evaluation), What::Segment { fence, .. }) => {
                    self.commit_for(index, &[Event::Evaluated { trial, fence, evaluation: Box::new(evaluation) }])?;
                }
                (TrialEvent::Checkpointed(checkpoint), What::Segment { fence, .. }) => {
                    let checkpoint = official(&self.dispatcher.folder, checkpoint);
                    self.commit_for(index, &[Event::Checkpointed { trial, fence, checkpoint }])?;
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, ended: executor::Ended) -> Result<(), WorkerError> {
        let index = ended.slot;
        let Some(Running { what, cancel, disowned }) = &self.slots[index].running else { return Ok(()) };
        let (what, asked, disowned) = (*what, cancel.is_set(), *disowned);
        let Ending { events, ends_worker, mended } = match what {
            What::Segment { trial, rung, fence } => {
                let state = study(&mut *self.dispatcher.store)?;
                ending::of_segment(&self.dispatcher.folder, (trial, rung, fence), state, ended.outcome, asked)
            }
            What::Fold(fold) => self.fold_ended(fold, ended.outcome, asked),
        };
        if let Some(line) = mended {
            (self.tell)(&WorkerMessage::Mended { line });
        }
        if !disowned {
            self.commit_for(index, &events)?;
        }
        self.slots[index].running = None;
        (self.tell)(&WorkerMessage::Idle { slot: self.slots[index].executor.info.name.clone() });
        ends_worker.map_or(Ok(()), Err)
    }

    fn fold_ended(&mut self, fold: Fold, outcome: Result<Outcome, TrialError>, asked: bool) -> Ending {
        // What stays behind is swept up when the study is next opened.
        let _ = std::fs::remove_dir_all(self.dispatcher.folder.fold(fold));
        let worker = self.dispatcher.worker.clone();
        let lost = |cause: String| Event::FoldLost { fold, worker: worker.clone(), cause, crashed: false };
        let failed = |cause: String| Event::FoldFailed { fold, worker: worker.clone(), cause };
        let mut ends_worker = None;
        let event = match outcome {
            Ok(Outcome::Completed(completed)) if completed.value.is_finite() => {
                let folded = Folded { value: completed.value, steps: completed.steps_trained, seconds: completed.seconds };
                Event::FoldCompleted { fold, worker, folded }
            }
            Ok(Outcome::Completed(completed)) => failed(not_finite(&completed)),
            Ok(Outcome::Cancelled) if asked => lost("interrupted".to_owned()),
            Ok(Outcome::Cancelled) => failed(UNASKED.to_owned()),
            Err(TrialError::Machine(why)) => {
                ends_worker = Some(WorkerError::Machine(why.clone()));
                lost(why)
            }
            Err(TrialError::Device(why)) => {
                return Ending { events: Vec::new(), ends_worker: Some(WorkerError::Device(why)), mended: None };
            }
            Err(cause) => failed(cause.to_string()),
        };
        Ending { events: vec![event], ends_worker, mended: None }
    }

    /// Commits what slot `index` told, all of it at once, and only then acts on it: checkpoints that are no longer needed go. When the
    /// study has given the segment to someone else the slot is told to stop.
    fn commit_for(&mut self, index: usize, events: &[Event]) -> Result<(), WorkerError> {
        let named = events.iter().find_map(|event| match event {
            Event::Checkpointed { checkpoint, .. } => Some(checkpoint.path.clone()),
            Event::SegmentCompleted { completed, .. } => completed.checkpoint.as_ref().map(|c| c.path.clone()),
            _ => None,
        });
        let drops = |event: &Event| matches!(event, Event::SegmentFailed { .. } | Event::CheckpointLost { .. });
        let changes_files = named.is_some() || events.iter().any(drops);
        let (mut trials, mut before) = (BTreeSet::new(), BTreeSet::new());
        if changes_files {
            let state = study(&mut *self.dispatcher.store)?;
            trials = state.checkpoints_may_change(events);
            before = state.kept_checkpoints_of(&trials);
            before.extend(named);
        }
        match self.commit(events) {
            Err(error) if error.is_stale() => {
                if let Some(running) = &mut self.slots[index].running {
                    running.disowned = true;
                    running.cancel.set();
                }
                return Ok(());
            }
            other => other?,
        }
        if changes_files {
            self.make_room()?;
            let kept = study(&mut *self.dispatcher.store)?.kept_checkpoints_of(&trials);
            for path in before.difference(&kept) {
                // A file that stays behind is swept up when the study is next opened.
                let _ = std::fs::remove_file(self.dispatcher.folder.absolute(path));
            }
        }
        Ok(())
    }

    /// Says which checkpoints go, where they take more of the disk than they may; that what is left does so, too, is told once.
    fn make_room(&mut self) -> Result<(), StoreError> {
        let state = study(&mut *self.dispatcher.store)?;
        let lacking = match state.making_room() {
            Some(_) => {
                let now = self.now()?;
                self.dispatcher.store.commit(now, &mut |state| state.making_room().into_iter().collect())?;
                study(&mut *self.dispatcher.store)?.too_little_space()
            }
            None => state.too_little_space(),
        };
        if let (Some(lacking), false) = (lacking, self.told_of_space) {
            self.told_of_space = true;
            (self.tell)(&WorkerMessage::Mended { line: lacking.to_string() });
        }
        Ok(())
    }

    fn commit(&mut self, events: &[Event]) -> Result<(), StoreError> {
        let now = self.now()?;
        self.dispatcher.store.commit(now, &mut |_| events.to_vec())
    }

    /// Asked before every commit: a stop is most likely to fall into one, and the next would have it that the study worked on meanwhile.
    fn now(&mut self) -> Result<i64, StoreError> {
        self.leave_out_stops()?;
        Ok(self.clock.now(study(&mut *self.dispatcher.store)?))
    }

    /// After this process was stopped for a while: the study's time goes on from where it was, unless others have worked meanwhile. Each worker that was stopped
    /// finds this, and the first says it.
    fn leave_out_stops(&mut self) -> Result<(), StoreError> {
        let stopped = self.stops.take(std::mem::replace(&mut self.looked, Stopwatch::start()));
        if stopped == 0 {
            return Ok(());
        }
        let (seq, last_at, now) = {
            let state = study(&mut *self.dispatcher.store)?;
            (state.search.seq, state.last_at(), self.clock.now(state))
        };
        let millis = stopped.min(now - last_at);
        if millis <= 0 {
            return Ok(());
        }
        // Whoever was quicker has said it.
        self.dispatcher.store.commit(now - millis, &mut |state| {
            if state.search.seq == seq { vec![Event::Stopped { millis }] } else { Vec::new() }
        })
    }

    /// Releases what workers held that are dead and that nobody else has released for a while.
    fn look_after_others(&mut self) -> Result<(), StoreError> {
        const EVERY: f64 = 10.0;
        if self.others.looked.seconds() < EVERY {
            return Ok(());
        }
        self.others.looked = Stopwatch::start();
        let now = self.now()?;
        let (folder, store) = (self.dispatcher.folder.clone(), &mut *self.dispatcher.store);
        session::release_dead(store, &folder, &std::mem::take(&mut self.others.dead), now)?;
        let watched = study(store)?.workers.values().filter(|worker| worker.lock.is_some());
        self.others.dead = watched.filter(|worker| !folder.is_alive(worker)).cloned().collect();
        Ok(())
    }
}
