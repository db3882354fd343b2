//! Supervised are shell scripts, which say what a worker would.

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
    let info = crate::testing::worker(&worker);
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
    let works = format!("while [ \"$(cat {tries} 2>/dev/null | wc -l)\" -lt 3 ]; do sleep 0.05; done; {ended}", tries = tries.display());
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
