//! Sweeps whose processes are killed at random instants and started again, until they end.

use std::{collections::BTreeMap, thread::sleep, time::Duration};

use engine::{clock::Stopwatch, events::Logged};
use libc::{SIGCONT, SIGINT, SIGKILL, SIGSTOP, SIGTERM};
use rand::{RngExt as _, SeedableRng as _, rngs::ChaCha8Rng};
use serde_json::Value;

use crate::{
    curves::CHECKPOINT_EVERY,
    outcome::{Study, lost},
    place::{Job, Place},
    report::{Broken, Figures, note},
    sweep::{End, PATIENCE, Sweep, is_alive, send},
    trace,
};

/// Kills of one study at most; then it is left alone until it ends.
const KILLS: u64 = 12;

/// A checkpoint counts once the study names it, and until then training goes on.
const SLACK: u64 = CHECKPOINT_EVERY;

/// What the study that is not disturbed came to.
struct Reference {
    job: Job,
    leaderboard: Value,
    seconds: f64,
}

#[derive(Default)]
struct Tally {
    by: BTreeMap<(&'static str, &'static str), u64>,
    kills: u64,
    studies: u64,
    events_held: u64,
    refused: u64,
    segments_again: u64,
    steps_lost: u64,
    most_lost: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Supervisor,
    Worker,
    Both,
}

/// Kills `count` times, as `seed` says; with the quick start's space as `job` the real program.
pub(crate) fn run(count: u64, seed: u64, quick_start: Option<std::path::PathBuf>) -> Result<(), Broken> {
    let watch = Stopwatch::start();
    let jobs = match &quick_start {
        Some(space) => vec![Job::QuickStart(space.clone())],
        None => vec![Job::curves(8, 3), Job::folded(6, 3)],
    };
    let references = jobs.iter().map(reference).collect::<Result<Vec<_>, _>>()?;
    let mut tally = Tally::default();
    let mut study = 0;
    while tally.kills < count {
        let reference = &references[(study % references.len() as u64) as usize];
        let place = Place::new(&reference.job)?;
        let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(study));
        let most = KILLS.min(count - tally.kills);
        if let Err(broken) = disturb(&place, reference, most, &mut random, &mut tally) {
            let what = format!("kills --seed {seed}, study {study}: {broken}");
            return Err(Broken { what, kept: Some(place.keep()) });
        }
        study += 1;
        note(format!("{} of {count} kills, {study} studies, {:.0} s", tally.kills, watch.seconds()));
    }
    tally.figures(watch.seconds()).print(if quick_start.is_some() { "Kills of the quick start" } else { "Kills of curves" });
    Ok(())
}

fn reference(job: &Job) -> Result<Reference, Broken> {
    let place = Place::new(job)?;
    let study = place.studies().join("study");
    let watch = Stopwatch::start();
    let mut sweep = Sweep::start(place.sweep(&study, slots_of(job)[0])?, &place.path("said"))?;
    let end = sweep.wait(PATIENCE)?.ok_or_else(|| Broken::new("the undisturbed sweep does not end"))?;
    if end.code != Some(0) {
        return Err(Broken::new(format!("the undisturbed sweep fails with {:?}: {}", end.code, end.said)));
    }
    let read = Study::read(&study)?.ok_or_else(|| Broken::new("the undisturbed sweep leaves no study"))?;
    if let Some(mistake) = read.mistakes(&study).first() {
        return Err(Broken::new(format!("the undisturbed sweep: {mistake}")));
    }
    Ok(Reference { job: job.clone(), leaderboard: read.leaderboard(), seconds: watch.seconds() })
}

/// The leaderboard does not depend on it, where threads of a slot do not change the last bits.
fn slots_of(job: &Job) -> &'static [usize] {
    match job {
        Job::Curves { .. } => &[1, 2, 4],
        Job::QuickStart(_) => &[2],
    }
}

fn disturb(place: &Place, reference: &Reference, most: u64, random: &mut ChaCha8Rng, tally: &mut Tally) -> Result<(), Broken> {
    let study = place.studies().join("study");
    let slots = slots_of(&reference.job)[random.random_range(0..slots_of(&reference.job).len())];
    let start = || Ok::<Sweep, Broken>(Sweep::start(place.sweep(&study, slots)?, &place.path("said"))?);
    let mut sweep = start()?;
    let mut seen: Vec<Logged> = Vec::new();
    let mut killed: Vec<u32> = Vec::new();
    let mut left = most;
    loop {
        // Short and long times alike, so that beginnings and ends are met, too.
        let longest = if place.is_real() { 8.0_f64 } else { (0.6 * reference.seconds).max(0.3) };
        let pause = longest * random.random::<f64>().powi(2);
        let end = sweep.wait(if left > 0 { pause } else { PATIENCE })?;
        let Some(end) = end else {
            if left == 0 {
                return Err(Broken::new("the sweep does not end"));
            }
            look(&study, &mut seen, tally)?;
            left -= 1;
            tally.kills += 1;
            if let Some(end) = kill(&mut sweep, &study, random, &mut killed, tally)? {
                begin_again(&end, tally)?;
                sleep(Duration::from_secs_f64(0.1 * random.random::<f64>().powi(2)));
                if random.random_bool(0.3) {
                    look(&study, &mut seen, tally)?;
                }
                sweep = start()?;
            }
            continue;
        };
        if end.code == Some(0) {
            break;
        }
        begin_again(&end, tally)?;
        sleep(Duration::from_millis(20));
        sweep = start()?;
    }
    // What a supervisor has left behind ends by itself.
    let watch = Stopwatch::start();
    while killed.iter().any(|pid| is_alive(*pid)) {
        if watch.seconds() > PATIENCE {
            return Err(Broken::new("a worker outlives its supervisor"));
        }
        sleep(Duration::from_millis(5));
    }
    look(&study, &mut seen, tally)?;
    let read = Study::read(&study)?.ok_or_else(|| Broken::new("the study is gone"))?;
    if let Some(mistake) = read.mistakes(&study).first() {
        return Err(Broken::new(mistake));
    }
    let leaderboard = read.leaderboard();
    if leaderboard != reference.leaderboard {
        return Err(Broken::new(format!("another leaderboard\nundisturbed: {}\nhere: {leaderboard}", reference.leaderboard)));
    }
    tally.studies += 1;
    if !place.is_real() {
        let again = trace::read(&place.path("trace"))?;
        tally.segments_again += again.segments;
        tally.steps_lost += again.lost;
        tally.most_lost = tally.most_lost.max(again.most);
        if again.most > CHECKPOINT_EVERY + SLACK {
            return Err(Broken::new(format!("{} steps of a segment were lost, with a checkpoint every {CHECKPOINT_EVERY}", again.most)));
        }
    }
    Ok(())
}

/// Whoever reads the study sees only what is there for good.
fn look(study: &std::path::Path, seen: &mut Vec<Logged>, tally: &mut Tally) -> Result<(), Broken> {
    let events = Study::read(study)?.map(|study| study.events).unwrap_or_default();
    if let Some(lost) = lost(seen, &events) {
        return Err(Broken::new(format!("acknowledged and lost: {lost}")));
    }
    tally.events_held += seen.len() as u64;
    *seen = events;
    Ok(())
}

/// Sends one signal; gives the sweep's end if that is what comes of it.
fn kill(
    sweep: &mut Sweep,
    study: &std::path::Path,
    random: &mut ChaCha8Rng,
    killed: &mut Vec<u32>,
    tally: &mut Tally,
) -> Result<Option<End>, Broken> {
    let signal = [SIGKILL, SIGKILL, SIGTERM, SIGINT, SIGSTOP][random.random_range(0..5)];
    let workers = sweep.workers();
    let mut target = [Target::Supervisor, Target::Worker, Target::Both][random.random_range(0..3)];
    if target == Target::Worker && (workers.is_empty() || (signal == SIGKILL && !may_die(study, killed)?)) {
        target = Target::Supervisor;
    }
    let name = match signal {
        SIGKILL => "SIGKILL",
        SIGTERM => "SIGTERM",
        SIGINT => "SIGINT",
        _ => "SIGSTOP, later SIGCONT",
    };
    let whom = match target {
        Target::Supervisor => "supervisor",
        Target::Worker => "worker",
        Target::Both => "both",
    };
    *tally.by.entry((name, whom)).or_default() += 1;
    // The supervisor first: it must not take the workers' death for their own doing.
    let mut pids: Vec<u32> = if target == Target::Worker { Vec::new() } else { vec![sweep.pid()] };
    if target != Target::Supervisor {
        pids.extend(&workers);
    }
    killed.extend(&workers);
    for pid in &pids {
        send(*pid, signal);
    }
    if signal == SIGSTOP {
        sleep(Duration::from_secs_f64(0.4 * random.random::<f64>()));
        for pid in &pids {
            send(*pid, SIGCONT);
        }
        return Ok(None);
    }
    if target == Target::Worker && signal == SIGKILL {
        // The supervisor starts it again.
        return Ok(None);
    }
    if signal != SIGKILL && target != Target::Worker && random.random_bool(0.3) {
        // A user who does not want to wait.
        sleep(Duration::from_millis(random.random_range(0..120)));
        sweep.send(signal);
    }
    let end = sweep.wait(PATIENCE)?.ok_or_else(|| Broken::new(format!("{name} to the {whom}: the sweep does not end")))?;
    Ok(Some(end))
}

/// Whether a worker's death would be its first with what it runs: a segment that has taken its worker down twice has failed, and rightly.
fn may_die(study: &std::path::Path, killed: &[u32]) -> Result<bool, Broken> {
    let Some(study) = Study::read(study)? else { return Ok(true) };
    let noticed = !study.state.workers.values().any(|worker| killed.contains(&worker.pid) && !is_alive(worker.pid));
    Ok(noticed && !study.has_suspects())
}

/// An end after which the same command goes on: asked for, or explained.
fn begin_again(end: &End, tally: &mut Tally) -> Result<(), Broken> {
    let explained = |words: &str| end.said.contains(words);
    let fine = match end.code {
        None | Some(0 | 130) => true,
        // Killed so early that nothing had begun.
        Some(7) => explained("before it had begun any work"),
        // A worker of the sweep before this one is still on its way out.
        Some(4) if explained("in use by") || explained("at work on it") => {
            tally.refused += 1;
            true
        }
        _ => false,
    };
    if fine && !explained("panicked") {
        return Ok(());
    }
    Err(Broken::new(format!("the sweep ends with {:?}: {}", end.code, end.said)))
}

impl Tally {
    fn figures(&self, seconds: f64) -> Figures {
        let mut figures = Figures::default();
        figures.add("kills", self.kills);
        for ((signal, target), count) in &self.by {
            figures.add(format!("  {signal} to {target}"), count);
        }
        figures.add("studies swept to the end", self.studies);
        figures.add("studies that could not be opened", 0);
        figures.add("acknowledged events looked for again", self.events_held);
        figures.add("acknowledged events lost", 0);
        figures.add("segments counted twice", 0);
        figures.add("leaderboards that differ from the undisturbed one", 0);
        figures.add("starts refused while a worker was on its way out", self.refused);
        if self.segments_again > 0 {
            figures.add("segments taken up again", self.segments_again);
            figures.add(format!("steps lost in all (a checkpoint every {CHECKPOINT_EVERY})"), self.steps_lost);
            figures.add("most steps of a segment lost at once", self.most_lost);
        }
        figures.add("seconds", format!("{seconds:.0}"));
        figures
    }
}
