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

/// What a sweep's supervisor works with. It must hold the study's lock ([`crate::session::Session`]).
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
            (None, Some(slot)) => format!("was stopped because slot {slot} got nowhere for {} s", self.parts.stall_after),
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
        self.progress.mended.clear();
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
mod tests {
    use super::*;
    use crate::{devices::Device, state::Phase, store::SqliteStore, testing::spec};

    struct Study {
        dir: tempfile::TempDir,
        store: SqliteStore,
    }

    fn new_study() -> Study {
        let dir = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open_or_create(&StudyFolder::new(dir.path())).unwrap();
        store.create(0, spec(4)).unwrap();
        Study { dir, store }
    }

    /// Supervises one device whose worker is a shell script.
    fn run(study: &mut Study, script: &str, cancel: &Cancel, show: &mut dyn FnMut(&Progress)) -> Result<Ended, SupervisorError> {
        let command = |_: &DeviceSlots| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        };
        let (devices, kill) = ([DeviceSlots::cpu(1, 1)], Cancel::default());
        let folder = StudyFolder::new(study.dir.path());
        let parts = Supervisor {
            store: &mut study.store,
            folder: &folder,
            devices: &devices,
            command: &command,
            cancel,
            kill: &kill,
            clock: Clock::Study,
            stall_after: 1.0,
        };
        supervise(parts, show)
    }

    fn line(message: &WorkerMessage) -> String {
        format!("echo '{}'", serde_json::to_string(message).unwrap())
    }

    #[test]
    fn a_worker_is_heard_and_ends_when_its_input_closes() {
        let mut study = new_study();
        let slots = vec!["cpu/0".to_owned()];
        let script = [
            line(&WorkerMessage::Started { worker: "cpu#1".to_owned(), slots }),
            "echo a library that prints".to_owned(),
            line(&WorkerMessage::Claimed { slot: "cpu/0".to_owned(), trial: 0, rung: 1 }),
            line(&WorkerMessage::Step { slot: "cpu/0".to_owned(), trial: 0, step: 2, total_steps: 9 }),
            "cat > /dev/null".to_owned(),
            line(&WorkerMessage::Ended(Ended::Interrupted)),
        ];
        let cancel = Cancel::default();
        let mut last = Progress::default();
        let ended = run(&mut study, &script.join("\n"), &cancel.clone(), &mut |progress| {
            last = progress.clone();
            if progress.slots.iter().any(|slot| slot.segment.as_ref().is_some_and(|s| s.step == 2)) {
                cancel.set();
            }
        });
        assert_eq!(ended.unwrap(), Ended::Interrupted);
        assert_eq!((last.planned, last.slots.len()), (4, 1));
    }

    #[test]
    fn a_worker_that_dies_is_started_again_and_its_work_is_released() {
        let mut study = new_study();
        let worker = "cpu#1".to_owned();
        begin_a_segment(&mut study, &worker);
        let marker = study.dir.path().join("died");
        let script = format!(
            "if [ -e {marker} ]; then {ended}; else touch {marker}; {started}; kill -9 $$; fi",
            marker = marker.display(),
            started = line(&WorkerMessage::Started { worker, slots: vec!["cpu/0".to_owned()] }),
            ended = line(&WorkerMessage::Ended(Ended::Finished)),
        );
        let mut mended = Vec::new();
        let ended = run(&mut study, &script, &Cancel::default(), &mut |progress| mended.extend(progress.mended.clone())).unwrap();
        assert_eq!(ended, Ended::Finished);
        insta::assert_snapshot!(mended.join("\n"), @"the worker for cpu died (signal: 9 (SIGKILL)); it is started again, and what it was training goes on from the last checkpoints");
        let state = crate::store::study(&mut study.store).unwrap();
        assert_eq!(state.search.trials()[0].phase, Phase::Active { rung: 0 });
        assert_eq!((state.trials[0].crashes, state.trials[0].claim.is_none(), state.workers.len()), (1, true, 0));
        let events = study.store.events(0).unwrap();
        let cause = events.iter().find_map(|l| if let Event::SegmentLost { cause, .. } = &l.event { Some(cause) } else { None });
        assert_eq!(cause.unwrap(), "its worker process died (signal: 9 (SIGKILL))");
    }

    /// What a worker would have committed before it died.
    fn begin_a_segment(study: &mut Study, worker: &str) {
        let worker = worker.to_owned();
        let info =
            WorkerInfo { worker: worker.clone(), device: Device::Cpu, slots: 1, threads: 1, pid: 0, boot: 0, clock: None, lock: None };
        let trial = crate::events::TrialAdded {
            number: 0,
            kind: crate::state::TrialKind::Recipe,
            config: crate::testing::config(1e-3).into(),
            assignment: None,
            recipe: None,
            learn_from: 0,
            snapshot_seq: 2,
        };
        let action = crate::schedulers::Action::Start { learn_from: 0 };
        let begun = [
            Event::WorkerStarted(info),
            Event::Decided { upto_seq: 2, action, worker: worker.clone() },
            Event::TrialAdded(Box::new(trial)),
            Event::SegmentClaimed { trial: 0, rung: 0, fence: 1, worker: worker.clone(), slot: "cpu/0".to_owned() },
        ];
        study.store.commit(0, &mut |_| begun.to_vec()).unwrap();
    }

    #[test]
    fn a_worker_that_cannot_go_on_is_not_started_again() {
        let mut study = new_study();
        let failed = WorkerMessage::Failed { message: "cuda:0 is not there".to_owned(), code: 7 };
        let error = run(&mut study, &format!("{}; exit 7", line(&failed)), &Cancel::default(), &mut |_| {}).unwrap_err();
        assert!(matches!(&error, SupervisorError::Worker { code: 7, message, .. } if message == "cuda:0 is not there"), "{error:?}");
        let error = run(&mut study, "exit 3", &Cancel::default(), &mut |_| {}).unwrap_err().to_string();
        assert!(
            error.starts_with("the worker for cpu died 3 times before it had begun any work, the last time with exit status: 3"),
            "{error}"
        );
    }

    #[test]
    fn a_worker_in_which_a_slot_gets_nowhere_is_killed_and_only_that_slot_is_to_blame() {
        let mut study = new_study();
        let worker = "cpu#1".to_owned();
        begin_a_segment(&mut study, &worker);
        let more = Event::Decided { upto_seq: 5, action: crate::schedulers::Action::Start { learn_from: 0 }, worker: worker.clone() };
        let trial = study.store.events(0).unwrap().into_iter().find_map(|l| match l.event {
            Event::TrialAdded(trial) => Some(Event::TrialAdded(Box::new(crate::events::TrialAdded { number: 1, ..*trial }))),
            _ => None,
        });
        let claimed = Event::SegmentClaimed { trial: 1, rung: 0, fence: 1, worker: worker.clone(), slot: "cpu/1".to_owned() };
        study.store.commit(0, &mut |_| vec![more.clone(), trial.clone().unwrap(), claimed.clone()]).unwrap();
        let marker = study.dir.path().join("wedged");
        let said = |message: &WorkerMessage| line(message);
        let claim = |slot: &str, trial| said(&WorkerMessage::Claimed { slot: slot.to_owned(), trial, rung: 0 });
        let step = said(&WorkerMessage::Step { slot: "cpu/1".to_owned(), trial: 1, step: 1, total_steps: 9 });
        let script = format!(
            "if [ -e {marker} ]; then {ended}; else touch {marker}; {started}; {}; {}; while true; do {step}; sleep 0.1; done; fi",
            claim("cpu/0", 0),
            claim("cpu/1", 1),
            marker = marker.display(),
            started = said(&WorkerMessage::Started { worker, slots: vec!["cpu/0".to_owned(), "cpu/1".to_owned()] }),
            ended = said(&WorkerMessage::Ended(Ended::Finished)),
        );
        let mut mended = Vec::new();
        let ended = run(&mut study, &script, &Cancel::default(), &mut |progress| mended.extend(progress.mended.clone())).unwrap();
        assert_eq!(ended, Ended::Finished);
        insta::assert_snapshot!(mended.join("\n"), @"the worker for cpu was stopped because slot cpu/0 got nowhere for 1 s; it is started again, and what it was training goes on from the last checkpoints");
        let state = crate::store::study(&mut study.store).unwrap();
        assert_eq!(state.trials.iter().map(|trial| trial.crashes).collect::<Vec<_>>(), [1, 0]);
    }

    #[test]
    fn a_device_that_is_lost_is_tried_again_and_then_left_out() {
        let mut study = new_study();
        let folder = StudyFolder::new(study.dir.path());
        let lost = line(&WorkerMessage::DeviceLost { message: "cuda:0 fell off the bus".to_owned() });
        let ended = line(&WorkerMessage::Ended(Ended::Finished));
        let tries = study.dir.path().join("tries");
        // The processor is done once the other has been tried often enough.
        let works =
            format!("while [ \"$(cat {tries} 2>/dev/null | wc -l)\" -lt 3 ]; do sleep 0.05; done; {ended}", tries = tries.display());
        let fails = format!("echo again >> {}; {lost}; exit 7", tries.display());
        let command = |slots: &DeviceSlots| {
            let mut command = Command::new("sh");
            command.args(["-c", if slots.device == Device::Cpu { &works } else { &fails }]);
            command
        };
        let devices = [DeviceSlots::cpu(1, 1), DeviceSlots { device: Device::Cuda(0), slots: 1, threads: 1 }];
        let mut both = |devices: &[DeviceSlots]| {
            let (cancel, kill, mut mended) = (Cancel::default(), Cancel::default(), Vec::new());
            let parts = Supervisor {
                store: &mut study.store,
                folder: &folder,
                devices,
                command: &command,
                cancel: &cancel,
                kill: &kill,
                clock: Clock::Study,
                stall_after: 60.0,
            };
            let ended = supervise(parts, &mut |progress| mended.extend(progress.mended.clone()));
            (ended, mended.join("\n"))
        };
        let (ended, mended) = both(&devices);
        assert_eq!(ended.unwrap(), Ended::Finished);
        insta::assert_snapshot!(mended, @r"
        the worker for cuda:0 lost its device: cuda:0 fell off the bus; it is started again
        the worker for cuda:0 lost its device: cuda:0 fell off the bus; it is started again
        cuda:0 can no longer be used, it has been tried 3 times: cuda:0 fell off the bus; the sweep goes on without it
        ");
        let (ended, _) = both(&devices[1..]);
        insta::assert_snapshot!(ended.unwrap_err(), @"cuda:0 can no longer be used, it has been tried 3 times: cuda:0 fell off the bus");
    }

    #[test]
    fn what_a_dead_worker_held_is_told() {
        let (cause, worker, fold) = (String::new(), String::new(), crate::folds::Fold { trial: 2, index: 0, of: 5 });
        let lost = Event::FoldLost { fold, worker: worker.clone(), cause: cause.clone(), crashed: true };
        let failed = Event::FoldFailed { fold, worker, cause: cause.clone() };
        let segment = Event::SegmentLost { trial: 3, rung: 0, fence: 1, cause, crashed: true };
        assert_eq!(fate(&[]), "");
        assert_eq!(fate(&[segment]), ", and what it was training goes on from the last checkpoints");
        insta::assert_snapshot!(fate(&[lost, failed]), @", and its part of the cross-validation starts anew; part 1 of the cross-validation of trial 2 failed, it has taken its worker down twice");
    }
}
