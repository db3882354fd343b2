//! Sweeps on a disk that fails at the k-th operation, for every k.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use engine::clock::Stopwatch;

use crate::{
    outcome::{Study, lost},
    parallel,
    place::{Job, Place},
    reference::Reference,
    report::{Broken, Figures, note},
    sweep::{End, PATIENCE, Sweep},
    told::acknowledged,
    traps::{Fault, Plan, read_log},
};

/// A sweep on two slots has the same leaderboard, and more to go wrong at a time.
const SLOTS: usize = 2;

/// One of these must be in what the user is told: it says what to do.
const WAYS_OUT: [&str; 4] = ["run the same command again", "choose a folder", "choose another", "check its owner"];

#[derive(Debug, Default)]
struct Tally {
    runs: BTreeMap<Fault, u64>,
    /// Ended well all the same.
    borne: BTreeMap<Fault, u64>,
    messages: BTreeMap<String, u64>,
    /// What did not hold: how often, and the first time.
    broken: BTreeMap<String, (u64, Broken)>,
}

/// Lets every `every`-th operation from the `first` on fail in each of these ways, `at_a_time` sweeps at a time.
pub(crate) fn run(faults: &[Fault], first: u64, every: u64, at_a_time: usize) -> Result<(), Broken> {
    let watch = Stopwatch::start();
    let reference = Reference::of(&job(), SLOTS)?;
    let mut all = Vec::new();
    for fault in faults.iter().copied() {
        let operations = operations(fault)?;
        note(format!("{}: {operations} operations", fault.name()));
        // A disturbed run may have a few more.
        all.extend((first..=operations + 5).step_by(every.max(1) as usize).map(|at| (fault, at)));
    }
    let (tally, done) = (Mutex::new(Tally::default()), AtomicU64::new(0));
    parallel::each(&all, at_a_time, |(fault, at)| {
        let place = Place::new(&reference.job)?;
        if let Err(broken) = one(&place, &reference, *fault, *at, &tally) {
            let kind = normal(&format!("{} {}", fault.name(), kind(&broken.what)), &place);
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((count, _)) = tally.broken.get_mut(&kind) {
                *count += 1;
            } else {
                let what = format!("--fault {} --first {at}: {broken}", fault.name());
                tally.broken.insert(kind, (1, Broken { what, kept: Some(place.keep()) }));
            }
        }
        let done = done.fetch_add(1, Ordering::SeqCst) + 1;
        if done.is_multiple_of(100) {
            note(format!("{done} of {} failing disks, {:.0} s", all.len(), watch.seconds()));
        }
        Ok(())
    })?;
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.figures(every, watch.seconds()).print("Disks that fail");
    if tally.broken.is_empty() {
        return Ok(());
    }
    let told = tally.broken.values().map(|(count, broken)| format!("\n{count} x {broken}"));
    Err(Broken::new(format!("writes: what did not hold:{}", told.collect::<String>())))
}

fn job() -> Job {
    Job::Curves { settings: "trials: 3, finalists: 1, finalist_seeds: 2, folds: 2, seed: 7".to_owned(), step_millis: 0 }
}

fn start(place: &Place, fail: Option<(Fault, u64)>) -> Result<Sweep, Broken> {
    let mut command = place.sweep(&place.studies().join("study"), SLOTS)?;
    if let Some((fault, at)) = fail {
        let plan = Plan { folder: place.studies(), log: Some(place.path("told")), fail: Some((fault, at, place.path("counter"))) };
        plan.set(&mut command)?;
    }
    Ok(Sweep::start(command, &place.path("said"))?)
}

fn counted(place: &Place) -> Result<u64, Broken> {
    let bytes = fs::read(place.path("counter"))?;
    Ok(bytes.try_into().map_or(0, u64::from_le_bytes))
}

fn operations(fault: Fault) -> Result<u64, Broken> {
    let place = Place::new(&job())?;
    let end = start(&place, Some((fault, u64::MAX)))?.wait(PATIENCE)?;
    match end {
        Some(End { code: Some(0), .. }) => counted(&place),
        other => Err(Broken::new(format!("a sweep with traps that do nothing does not end well: {other:?}"))),
    }
}

fn one(place: &Place, reference: &Reference, fault: Fault, at: u64, tally: &Mutex<Tally>) -> Result<(), Broken> {
    let study = place.studies().join("study");
    let end = start(place, Some((fault, at)))?.wait(PATIENCE)?.ok_or_else(|| Broken::new("the sweep does not end"))?;
    let struck = counted(place)? >= at;
    let message = answer(&end, struck)?;
    {
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        *tally.runs.entry(fault).or_default() += u64::from(struck);
        match message {
            Some(message) => *tally.messages.entry(normal(&message, place)).or_default() += 1,
            None => *tally.borne.entry(fault).or_default() += u64::from(struck),
        }
    }
    let held = after(&study, &place.path("told"))?;
    let again = start(place, None)?.wait(PATIENCE)?.ok_or_else(|| Broken::new("the sweep after it does not end"))?;
    if again.code != Some(0) {
        return Err(Broken::new(format!("the same command again ends with {:?}: {}", again.code, again.said)));
    }
    let now = Study::read(&study)?.map(|study| study.events).unwrap_or_default();
    if let Some(lost) = lost(&held, &now) {
        return Err(Broken::new(format!("acknowledged and lost: {lost}")));
    }
    reference.check(&study)
}

/// What the user is told, if it was not borne.
fn answer(end: &End, struck: bool) -> Result<Option<String>, Broken> {
    let wrong = |what: &str| Err(Broken::new(format!("{what}: it ends with {:?}: {}", end.code, end.said)));
    if end.said.contains("panicked") {
        return wrong("a panic");
    }
    match end.code {
        Some(0) => Ok(None),
        _ if !struck => wrong("nothing has failed"),
        Some(7) => {
            let message = end.said.rfind("error: ").map(|at| end.said[at..].trim().to_owned());
            match message.filter(|message| WAYS_OUT.iter().any(|way| message.contains(way))) {
                Some(message) => Ok(Some(message)),
                None => wrong("the error does not say what to do"),
            }
        }
        _ => wrong("not the exit code of a disk's error"),
    }
}

/// The study after the sweep whose disk failed: it opens, and knows everything that was told, if anything was.
fn after(study: &Path, told: &Path) -> Result<Vec<engine::events::Logged>, Broken> {
    let log = read_log(told)?;
    if acknowledged(&log, &[]).is_ok() {
        // The program itself is to be the first that opens what its creation has left.
        return Ok(Vec::new());
    }
    let Some(read) = Study::read(study)? else {
        return Err(Broken::new("the study is gone"));
    };
    acknowledged(&log, &read.events).map_err(Broken::new)?;
    match read.mistakes(study).into_iter().next() {
        Some(mistake) => Err(Broken::new(mistake)),
        None => Ok(read.events),
    }
}

/// What was wrong, without all that the sweep had said before.
fn kind(what: &str) -> String {
    let error = what.rfind("error: ").map_or("", |at| &what[at..]);
    format!("{} {error}", what.split(": it ends with").next().unwrap_or_default())
}

/// Without what differs from run to run.
fn normal(message: &str, place: &Place) -> String {
    let folder = place.path("").display().to_string();
    let text = message.replace(&folder, "").replace(folder.trim_end_matches('/'), "");
    let mut normal = String::new();
    for c in text.chars() {
        match (c.is_ascii_digit(), normal.ends_with('#')) {
            (true, true) => {}
            (true, false) => normal.push('#'),
            (false, _) => normal.push(c),
        }
    }
    normal
}

impl Tally {
    fn figures(&self, every: u64, seconds: f64) -> Figures {
        let mut figures = Figures::default();
        for fault in Fault::ALL {
            let of = |counts: &BTreeMap<Fault, u64>| counts.get(&fault).copied().unwrap_or(0);
            let what = format!("{}, at every {every}. operation: sweeps, of which ended well", fault.name());
            figures.add(what, format!("{}, {}", of(&self.runs), of(&self.borne)));
        }
        figures.add("sweeps after which something did not hold", self.broken.values().map(|(count, _)| count).sum::<u64>());
        figures.add("seconds", format!("{seconds:.0}"));
        for (message, count) in &self.messages {
            figures.add(format!("{count} x"), message.replace('\n', "\n        "));
        }
        figures
    }
}
