//! Sweeps whose processes are killed at random instants and started again, until they end.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    thread::sleep,
    time::Duration,
};

use engine::{clock::Stopwatch, events::Logged};
use libc::{SIGCONT, SIGINT, SIGKILL, SIGSTOP, SIGTERM};
use rand::{RngExt as _, SeedableRng as _, rngs::ChaCha8Rng};

use crate::{
    curves::CHECKPOINT_EVERY,
    outcome::{Study, lost},
    parallel,
    place::{Job, Place},
    reference::Reference,
    report::{Broken, Figures, note},
    sweep::{End, PATIENCE, Sweep, is_alive, send},
    trace::{self, Again},
};

/// Kills of one study at most; then it is left alone until it ends.
const KILLS: u64 = 12;
/// The same of the quick start, which takes longer.
const REAL_KILLS: u64 = 25;

/// A checkpoint counts once the study names it, and until then training goes on.
const SLACK: u64 = CHECKPOINT_EVERY;

#[derive(Debug, Default)]
struct Tally {
    by: BTreeMap<(&'static str, &'static str), u64>,
    kills: u64,
    studies: u64,
    events_held: u64,
    refused: u64,
    again: Again,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Supervisor,
    Worker,
    Both,
}

/// Kills at least `count` times, as `seed` says, `at_a_time` studies at a time; with the quick start's space the real program.
pub(crate) fn run(count: u64, seed: u64, quick_start: Option<PathBuf>, at_a_time: usize) -> Result<(), Broken> {
    let watch = Stopwatch::start();
    let title = if quick_start.is_some() { "Kills of the quick start" } else { "Kills of curves" };
    let jobs = match quick_start {
        Some(space) => vec![Job::QuickStart(space)],
        None => vec![Job::curves(8, 3), Job::folded(6, 3)],
    };
    let references = jobs.iter().map(|job| Reference::of(job, slots_of(job)[0])).collect::<Result<Vec<_>, _>>()?;
    let tally = Mutex::new(Tally::default());
    // More than enough of them: each study but the last ones takes a kill at least.
    let studies: Vec<u64> = (0..4 * count + 100).collect();
    parallel::each(&studies, at_a_time, |study| {
        let left = count.saturating_sub(locked(&tally).kills);
        if left == 0 {
            return Ok(());
        }
        let reference = &references[(study % references.len() as u64) as usize];
        let place = Place::new(&reference.job)?;
        let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(*study));
        let mut own = Tally::default();
        let most = if place.is_real() { REAL_KILLS } else { KILLS };
        if let Err(broken) = disturb(&place, reference, most.min(left), &mut random, &mut own) {
            let what = format!("kills --seed {seed}, study {study}: {broken}");
            return Err(Broken { what, kept: Some(place.keep()) });
        }
        let mut tally = locked(&tally);
        tally.take(own);
        note(format!("{} of {count} kills, {} studies, {:.0} s", tally.kills, tally.studies, watch.seconds()));
        Ok(())
    })?;
    locked(&tally).figures(watch.seconds()).print(title);
    Ok(())
}

fn locked(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
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
        let end = sweep.wait(if left > 0 { pause } else { place.patience() })?;
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
    reference.check(&study)?;
    tally.studies += 1;
    if !place.is_real() {
        let again = trace::read(&place.path("trace"))?;
        tally.again.take(&again);
        if again.most > CHECKPOINT_EVERY + SLACK {
            return Err(Broken::new(format!("{} steps of a segment were lost, with a checkpoint every {CHECKPOINT_EVERY}", again.most)));
        }
    }
    Ok(())
}

/// Whoever reads the study sees only what is there for good.
fn look(study: &Path, seen: &mut Vec<Logged>, tally: &mut Tally) -> Result<(), Broken> {
    let events = Study::read(study)?.map(|study| study.events).unwrap_or_default();
    if let Some(lost) = lost(seen, &events) {
        return Err(Broken::new(format!("acknowledged and lost: {lost}")));
    }
    tally.events_held += seen.len() as u64;
    *seen = events;
    Ok(())
}

/// Sends one signal; gives the sweep's end if that is what comes of it.
fn kill(sweep: &mut Sweep, study: &Path, random: &mut ChaCha8Rng, killed: &mut Vec<u32>, tally: &mut Tally) -> Result<Option<End>, Broken> {
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
fn may_die(study: &Path, killed: &[u32]) -> Result<bool, Broken> {
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
    fn take(&mut self, other: Tally) {
        for (what, count) in other.by {
            *self.by.entry(what).or_default() += count;
        }
        self.kills += other.kills;
        self.studies += other.studies;
        self.events_held += other.events_held;
        self.refused += other.refused;
        self.again.take(&other.again);
    }

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
        if self.again.segments > 0 {
            figures.add("segments taken up again", self.again.segments);
            figures.add(format!("steps lost in all (a checkpoint every {CHECKPOINT_EVERY})"), self.again.lost);
            figures.add("most steps of a segment lost at once", self.again.most);
        }
        figures.add("seconds", format!("{seconds:.0}"));
        figures
    }
}
