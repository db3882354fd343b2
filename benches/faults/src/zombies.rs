//! Workers that are stopped, taken for dead, and go on when others have their work: only fences keep them from writing to the study.

use std::{collections::BTreeSet, fs, path::Path, sync::Mutex, thread::sleep, time::Duration};

use engine::{clock::Stopwatch, events::Event, store::StudyFolder};
use libc::{SIGCONT, SIGSTOP};
use rand::{RngExt as _, SeedableRng as _, rngs::ChaCha8Rng};

use crate::{
    outcome::Study,
    parallel,
    place::{Job, Place},
    reference::Reference,
    report::{Broken, Figures},
    sweep::{PATIENCE, Sweep, send},
};

/// What a worker may say whose work others have.
const TOLD: &str = "taken for dead";

/// Stops `count` workers, as `seed` says, `at_a_time` studies at a time.
pub(crate) fn run(count: u64, seed: u64, at_a_time: usize) -> Result<(), Broken> {
    let watch = Stopwatch::start();
    // Steps are slow, so that a worker is met with work in its hands.
    let settings = "trials: 16, finalists: 0, seed: 9".to_owned();
    let reference = Reference::of(&Job::Curves { settings, step_millis: 8 }, 1)?;
    let tally = Mutex::new((0, 0));
    parallel::each(&(0..count).collect::<Vec<_>>(), at_a_time, |study| {
        let place = Place::new(&reference.job)?;
        let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(*study));
        match disturb(&place, &reference, &mut random) {
            Ok(claimed) => {
                let mut tally = tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                *tally = (tally.0 + u64::from(claimed > 0), tally.1 + claimed);
                Ok(())
            }
            Err(broken) => Err(Broken { what: format!("zombies --seed {seed}, study {study}: {broken}"), kept: Some(place.keep()) }),
        }
    })?;
    let (studies, claimed) = *tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if studies == 0 {
        return Err(Broken::new("no worker could be caught with work that others then claimed: nothing was tried"));
    }
    let mut figures = Figures::default();
    figures.add("workers stopped, and let go on once they were given up", studies);
    figures.add("sweeps that were quicker than their workers could be caught", count - studies);
    figures.add("segments they held, which others had claimed again", claimed);
    figures.add("what they wrote after that", 0);
    figures.add("segments counted twice", 0);
    figures.add("leaderboards that differ from the undisturbed one", 0);
    figures.add("seconds", format!("{:.0}", watch.seconds()));
    figures.print("Workers taken for dead");
    Ok(())
}

/// Gives the segments that others had claimed when the worker went on; 0 where the sweep was quicker than the worker could be caught.
fn disturb(place: &Place, reference: &Reference, random: &mut ChaCha8Rng) -> Result<u64, Broken> {
    let study = place.studies().join("study");
    let mut sweep = Sweep::start(place.sweep(&study, 1)?, &place.path("said"))?;
    if until(&mut sweep, || Ok(Study::read(&study)?.is_some().then_some(())))?.is_none() {
        return Ok(0);
    }
    let mut worker = Sweep::start(place.worker(&study, 2)?, &place.path("worker-said"))?;
    let pid = worker.pid();
    // It has work, some of which has been told of.
    let Some(held) = until(&mut sweep, || held(&study, pid))? else { return Ok(0) };
    // Not in the middle of a write, which would keep everybody else from writing.
    loop {
        sleep(Duration::from_secs_f64(0.2 * random.random::<f64>()));
        send(pid, SIGSTOP);
        let written = others_write(&mut sweep, &study)?;
        if written == Some(true) {
            break;
        }
        send(pid, SIGCONT);
        if written.is_none() {
            return Ok(0);
        }
    }
    let held = held_now(&study, pid)?.unwrap_or(held);
    // As when somebody tidies up: the lock of what does not move is taken for a left-over.
    fs::remove_file(StudyFolder::new(&study).root().join("locks").join(&held.lock))?;
    let again = until(&mut sweep, || claimed_again(&study, &held.segments))?.unwrap_or_default();
    sleep(Duration::from_secs_f64(0.1 * random.random::<f64>()));
    send(pid, SIGCONT);
    let end = worker.wait(PATIENCE)?.ok_or_else(|| Broken::new("a worker that was given up does not end"))?;
    // It may find the study at its end.
    if !(end.code == Some(0) || end.said.contains(TOLD)) || end.said.contains("panicked") {
        return Err(Broken::new(format!("a worker that was given up ends with {:?}: {}", end.code, end.said)));
    }
    let end = sweep.wait(PATIENCE)?.ok_or_else(|| Broken::new("the sweep does not end"))?;
    if end.code != Some(0) {
        return Err(Broken::new(format!("the sweep ends with {:?}: {}", end.code, end.said)));
    }
    reference.check(&study)?;
    Ok(again)
}

/// What a worker has.
struct Held {
    lock: String,
    /// Trials and fences.
    segments: BTreeSet<(u32, u64)>,
}

fn held(study: &Path, pid: u32) -> Result<Option<Held>, Broken> {
    Ok(held_now(study, pid)?.filter(|held| !held.segments.is_empty()))
}

fn held_now(study: &Path, pid: u32) -> Result<Option<Held>, Broken> {
    let Some(study) = Study::read(study)? else { return Ok(None) };
    let Some(info) = study.state.workers.values().find(|worker| worker.pid == pid) else { return Ok(None) };
    let segments = study.state.claims_of(&info.worker).map(|(trial, _)| (trial, study.state.trials[trial as usize].fence)).collect();
    Ok(info.lock.clone().map(|lock| Held { lock, segments }))
}

/// How many of these segments have been claimed by others since, if any has.
fn claimed_again(study: &Path, segments: &BTreeSet<(u32, u64)>) -> Result<Option<u64>, Broken> {
    let Some(study) = Study::read(study)? else { return Ok(None) };
    let newer = |event: &Event| match event {
        Event::SegmentClaimed { trial, fence, .. } => segments.iter().any(|(held, before)| held == trial && fence > before),
        _ => false,
    };
    let count = study.events.iter().filter(|logged| newer(&logged.event)).count() as u64;
    Ok(Some(count).filter(|count| *count > 0))
}

/// Whether there are more events within a while.
fn others_write(sweep: &mut Sweep, study: &Path) -> Result<Option<bool>, Broken> {
    let count = || Ok::<usize, Broken>(Study::read(study)?.map_or(0, |study| study.events.len()));
    let (watch, before) = (Stopwatch::start(), count()?);
    until(sweep, || Ok(if count()? > before { Some(true) } else { (watch.seconds() > 5.0).then_some(false) }))
}

/// Asks until there is an answer; `None`: the sweep has come to its end before.
fn until<T>(sweep: &mut Sweep, mut ask: impl FnMut() -> Result<Option<T>, Broken>) -> Result<Option<T>, Broken> {
    let watch = Stopwatch::start();
    loop {
        if let Some(answer) = ask()? {
            return Ok(Some(answer));
        }
        if let Some(end) = sweep.wait(0.05)? {
            if end.code == Some(0) {
                return Ok(None);
            }
            return Err(Broken::new(format!("the sweep ends before its time with {:?}: {}", end.code, end.said)));
        }
        if watch.seconds() > PATIENCE {
            return Err(Broken::new("what is waited for does not come"));
        }
    }
}
