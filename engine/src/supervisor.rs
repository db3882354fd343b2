//! One worker process a device: started, watched, and started again when it dies.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    time::Duration,
};

use crossbeam_channel::{Receiver, unbounded};

use crate::{
    clock::{Clock, Stopwatch},
    devices::DeviceSlots,
    events::{Event, WorkerInfo},
    progress::Progress,
    runner::Cancel,
    store::{Store, StoreError, StudyFolder, study},
    worker::{Ended, WorkerMessage},
};

/// What a sweep's supervisor works with. Several may work on a study at a time ([`crate::session::Session`]), each with workers of its own.
#[expect(missing_debug_implementations, reason = "holds trait objects")]
pub struct Supervisor<'a> {
    pub store: &'a mut dyn Store,
    pub folder: &'a StudyFolder,
    pub devices: &'a [DeviceSlots],
    /// The program that works on a device. Its standard input is a pipe that it must watch with [`cancel_when_closed`]; its standard
    /// output takes [`WorkerMessage`]s, a line of JSON each.
    pub command: &'a dyn Fn(&DeviceSlots) -> Command,
    /// Lets running segments leave a checkpoint, then ends.
    pub cancel: &'a Cancel,
    /// Kills the workers; what they were doing continues from its last checkpoint next time.
    pub kill: &'a Cancel,
    pub clock: Clock,
    /// A slot that has a segment and tells of no progress for so many seconds is taken for wedged, and its worker is killed.
    pub stall_after: f64,
}

#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("failed to start the worker for {device}: {source}")]
    Start { device: String, source: std::io::Error },
    /// `code` is the exit code it asked for.
    #[error("{message}")]
    Worker { device: String, message: String, code: u8 },
    #[error(
        "the worker for {device} died {deaths} times before it had begun any work, the last time with {status}: its messages above may tell why; \
         too little memory is a common cause"
    )]
    KeepsDying { device: String, deaths: u32, status: String },
    #[error("{device} can no longer be used, it has been tried {tries} times: {why}")]
    DeviceGone { device: String, tries: u32, why: String },
}

/// Sets `cancel` once `input` is closed: how a worker notices that its supervisor wants it to end, or is gone.
pub fn cancel_when_closed(mut input: impl Read + Send + 'static, cancel: Cancel) {
    std::thread::spawn(move || {
        let mut bytes = [0; 64];
        // Whatever is written there means nothing.
        while input.read(&mut bytes).is_ok_and(|count| count > 0) {}
        cancel.set();
    });
}

struct WorkerProcess {
    slots: DeviceSlots,
    process: Child,
    /// Closed to let it end.
    stdin: Option<ChildStdin>,
    messages: Receiver<WorkerMessage>,
    name: Option<String>,
    ended: Option<Ended>,
    failed: Option<(String, u8)>,
    /// Its device does not do what it did, by its own word.
    lost: Option<String>,
    /// Of the slots that have a segment: seconds since they last told of progress.
    quiet: BTreeMap<String, f64>,
    /// The slot for which it was killed.
    wedged: Option<String>,
    /// Deaths in a row in which it held no segment.
    idle_deaths: u32,
    /// It is dead and waits to be started again: since when, and for how many seconds.
    resting: Option<(Stopwatch, f64)>,
    over: bool,
}

/// Runs the workers until each has come to an end. `show` is called a few times a second.
pub fn supervise(parts: Supervisor<'_>, show: &mut dyn FnMut(&Progress)) -> Result<Ended, SupervisorError> {
    const NAP: Duration = Duration::from_millis(20);
    const SHOW_EVERY: f64 = 0.25;
    let mut watch =
        Watch { workers: Vec::new(), progress: Progress::default(), looked: Stopwatch::start(), error: None, given_up: None, parts };
    for slots in watch.parts.devices {
        match start(*slots, watch.parts.command) {
            Ok(worker) => watch.workers.push(worker),
            Err(error) => watch.fail(error),
        }
    }
    let mut shown: Option<Stopwatch> = None;
    while watch.workers.iter().any(|worker| !worker.over) {
        if let Err(error) = watch.round() {
            watch.fail(error);
        }
        if shown.is_none_or(|shown| shown.seconds() >= SHOW_EVERY) {
            watch.show(show);
            shown = Some(Stopwatch::start());
        }
        std::thread::sleep(NAP);
    }
    watch.show(show);
    let how = watch.workers.iter().filter_map(|worker| worker.ended).max();
    match (watch.error, watch.given_up, how) {
        (Some(error), ..) | (None, Some(error), None) => Err(error),
        (None, _, how) => Ok(how.unwrap_or(Ended::Interrupted)),
    }
}

struct Watch<'a> {
    parts: Supervisor<'a>,
    workers: Vec<WorkerProcess>,
    progress: Progress,
    looked: Stopwatch,
    /// The first; the others are told to end.
    error: Option<SupervisorError>,
    /// Why a device does no more work, while others do: an error only if none of them comes to an end.
    given_up: Option<SupervisorError>,
}

impl Watch<'_> {
    fn round(&mut self) -> Result<(), SupervisorError> {
        // However long this process itself was stopped, a slot is not known to have been quiet for longer than this.
        const ROUND: f64 = 1.0;
        let passed = std::mem::replace(&mut self.looked, Stopwatch::start()).seconds().min(ROUND);
        let stopping = self.parts.cancel.is_set() || self.parts.kill.is_set() || self.error.is_some();
        for index in 0..self.workers.len() {
            let worker = &mut self.workers[index];
            if worker.over {
                continue;
            }
            if let Some((since, seconds)) = worker.resting {
                worker.over = stopping;
                if !stopping && since.seconds() >= seconds {
                    let again = start(worker.slots, self.parts.command)?;
                    self.workers[index] = WorkerProcess { idle_deaths: worker.idle_deaths, ..again };
                }
                continue;
            }
            if stopping {
                worker.stdin = None;
            }
            if self.parts.kill.is_set() {
                // An error means that it has ended already.
                let _ = worker.process.kill();
            }
            while let Ok(message) = worker.messages.try_recv() {
                worker.hear(&message);
                self.progress.hear(&message);
            }
            worker.quiet.values_mut().for_each(|seconds| *seconds += passed);
            if worker.wedged.is_none()
                && let Some((slot, _)) = worker.quiet.iter().find(|(_, seconds)| **seconds > self.parts.stall_after)
            {
                worker.wedged = Some(slot.clone());
                let _ = worker.process.kill();
            }
            let device = || worker.slots.device.to_string();
            if let Some(status) = worker.process.try_wait().map_err(|source| SupervisorError::Start { device: device(), source })? {
                self.exited(index, status, stopping)?;
            }
        }
        Ok(())
    }

    fn exited(&mut self, index: usize, status: ExitStatus, stopping: bool) -> Result<(), SupervisorError> {
        const ENOUGH: u32 = 3;
        // A device may need a while to come back.
        const REST: f64 = 2.0;
        // A process it left behind may keep the pipe open, so this must not wait for ever.
        const LAST_WORDS: Duration = Duration::from_secs(2);
        let worker = &mut self.workers[index];
        worker.stdin = None;
        while let Ok(message) = worker.messages.recv_timeout(LAST_WORDS) {
            worker.hear(&message);
            self.progress.hear(&message);
        }
        worker.over = true;
        if worker.ended.is_some() {
            return Ok(());
        }
        let (name, failed, pid) = (worker.name.clone(), worker.failed.take(), worker.process.id());
        let (lost, wedged) = (worker.lost.take(), worker.wedged.take());
        let crashed = failed.is_none() && !self.parts.kill.is_set();
        let how = match (&lost, &wedged) {
            (Some(why), _) => format!("lost its device: {why}"),
            (None, Some(slot)) => {
                let seconds = self.parts.stall_after;
                let time = if seconds < 120.0 { format!("{seconds} s") } else { format!("{:.0} min", seconds / 60.0) };
                format!("was stopped because slot {slot} got nowhere for {time}")
            }
            (None, None) => format!("died ({status})"),
        };
        let cause = match &failed {
            Some((message, _)) => format!("its worker gave up: {message}"),
            None => format!("its worker process {how}"),
        };
        let to_blame = |slot: &str| crashed && wedged.as_ref().is_none_or(|wedged| wedged == slot);
        let mut released = Vec::new();
        let mut dead: Vec<WorkerInfo> = Vec::new();
        let now = self.parts.clock.now(study(self.parts.store)?);
        self.parts.store.commit(now, &mut |state| {
            let mine = |info: &&WorkerInfo| Some(&info.worker) == name.as_ref() || info.pid == pid;
            dead = state.workers.values().filter(mine).cloned().collect();
            let workers: Vec<String> = dead.iter().map(|info| info.worker.clone()).collect();
            let events = state.release_blaming(&workers, &cause, &to_blame);
            released.clone_from(&events);
            events
        })?;
        for worker in &dead {
            self.parts.folder.bury(worker);
        }
        let worker = &self.workers[index];
        let device = worker.slots.device.to_string();
        if let Some((message, code)) = failed {
            return Err(SupervisorError::Worker { device, message, code });
        }
        if stopping {
            return Ok(());
        }
        let deaths = if released.len() > 1 { 0 } else { worker.idle_deaths + 1 };
        let fate = fate(&released);
        if deaths < ENOUGH {
            self.progress.mended.push(format!("the worker for {device} {how}; it is started again{fate}"));
            let worker = &mut self.workers[index];
            (worker.over, worker.idle_deaths) = (false, deaths);
            worker.resting = Some((Stopwatch::start(), if lost.is_some() { REST * f64::from(deaths + 1) } else { 0.0 }));
            return Ok(());
        }
        let error = match lost {
            Some(why) => SupervisorError::DeviceGone { device, tries: deaths, why },
            None => SupervisorError::KeepsDying { device, deaths, status: status.to_string() },
        };
        if self.workers.iter().all(|worker| worker.over) && self.workers.iter().all(|worker| worker.ended.is_none()) {
            return Err(error);
        }
        self.progress.mended.push(format!("{error}; the sweep goes on without it"));
        self.given_up.get_or_insert(error);
        Ok(())
    }

    fn fail(&mut self, error: SupervisorError) {
        self.error.get_or_insert(error);
    }

    fn show(&mut self, show: &mut dyn FnMut(&Progress)) {
        match study(self.parts.store) {
            Ok(state) => self.progress.update(state, self.parts.clock.now(state)),
            Err(error) => {
                self.error.get_or_insert(error.into());
            }
        }
        show(&self.progress);
        self.progress.shown();
    }
}

impl WorkerProcess {
    fn hear(&mut self, message: &WorkerMessage) {
        match message {
            WorkerMessage::Started { worker, .. } => self.name = Some(worker.clone()),
            WorkerMessage::Ended(how) => self.ended = Some(*how),
            WorkerMessage::Failed { message, code } => self.failed = Some((message.clone(), *code)),
            WorkerMessage::DeviceLost { message } => self.lost = Some(message.clone()),
            WorkerMessage::Claimed { slot, .. }
            | WorkerMessage::ClaimedFold { slot, .. }
            | WorkerMessage::Step { slot, .. }
            | WorkerMessage::Alive { slot } => {
                self.quiet.insert(slot.clone(), 0.0);
            }
            WorkerMessage::Idle { slot } => {
                self.quiet.remove(slot);
            }
            WorkerMessage::Mended { .. } => {}
        }
    }
}

fn start(slots: DeviceSlots, command: &dyn Fn(&DeviceSlots) -> Command) -> Result<WorkerProcess, SupervisorError> {
    let started = command(&slots).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut process = started.map_err(|source| SupervisorError::Start { device: slots.device.to_string(), source })?;
    let (sender, messages) = unbounded();
    let stdin = process.stdin.take();
    if let Some(stdout) = process.stdout.take() {
        std::thread::spawn(move || {
            // A line that is no message (a library that prints) is skipped.
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                if let Ok(message) = serde_json::from_slice(&line)
                    && sender.send(message).is_err()
                {
                    return;
                }
            }
        });
    }
    Ok(WorkerProcess {
        slots,
        process,
        stdin,
        messages,
        name: None,
        ended: None,
        failed: None,
        lost: None,
        quiet: BTreeMap::new(),
        wedged: None,
        idle_deaths: 0,
        resting: None,
        over: false,
    })
}

/// What becomes of the work that a dead worker held.
fn fate(released: &[Event]) -> String {
    let any = |is: fn(&Event) -> bool| released.iter().any(is);
    let goes_on = if any(|event| matches!(event, Event::SegmentLost { .. })) {
        ", and what it was training goes on from the last checkpoints"
    } else {
        ""
    };
    let anew = if any(|event| matches!(event, Event::FoldLost { .. })) { ", and its part of the cross-validation starts anew" } else { "" };
    let failed = released.iter().filter_map(|event| match event {
        Event::SegmentFailed { trial, .. } => Some(format!("trial {trial}")),
        Event::FoldFailed { fold, .. } => Some(format!("part {} of the cross-validation of trial {}", fold.index + 1, fold.trial)),
        _ => None,
    });
    let failed: Vec<String> = failed.map(|what| format!("; {what} failed, it has taken its worker down twice")).collect();
    format!("{goes_on}{anew}{}", failed.concat())
}

#[cfg(all(test, unix))]
mod tests;
