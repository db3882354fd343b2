//! Studies as a cut of the power may leave them, rebuilt from a log of everything that was written.

mod disk;

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
};

use engine::{clock::Stopwatch, events::Logged, record::StudyRecord, session::Session, store::StudyFolder};
use rand::{RngExt as _, SeedableRng as _, rngs::ChaCha8Rng};

use crate::{
    outcome::{Study, lost},
    place::{Job, Place},
    reference::Reference,
    report::{Broken, Figures, note},
    sweep::{PATIENCE, Sweep},
    told::{Acknowledged, acknowledged},
    traps::{Op, Plan, Record, read_log},
};
use disk::{Disk, Image};

/// Each log's sweep is asked to stop so often and started again, so that the study is opened on the way.
const STOPS: usize = 3;

/// A sweep with everything that was done to its files.
struct Logbook {
    reference: Reference,
    slots: usize,
    place: Place,
    log: Vec<Record>,
    events: Vec<Logged>,
    acknowledged: Vec<Acknowledged>,
}

/// What the power left, and what must be there.
struct Cut {
    number: u64,
    position: usize,
    /// Everything up to this event.
    acknowledged: u64,
    image: Image,
}

#[derive(Default)]
struct Tally {
    images: u64,
    /// In which nothing had been acknowledged.
    early: u64,
    /// Of those, what opening them says.
    refusals: BTreeMap<String, u64>,
    events: u64,
    beyond: u64,
    ended: u64,
}

/// Checks `count` images, and sweeps every `ends`-th of them to its end.
pub(crate) fn run(count: u64, seed: u64, ends: u64, at_a_time: usize) -> Result<(), Broken> {
    let watch = Stopwatch::start();
    let tally = Mutex::new(Tally::default());
    let mut operations = 0;
    let jobs = [(Job::curves(8, 1), 2), (Job::folded(5, 1), 1)];
    for (index, (job, slots)) in jobs.iter().enumerate() {
        let book = Logbook::write(job, *slots, seed.wrapping_add(index as u64))?;
        operations += book.log.len();
        let share = count / jobs.len() as u64 + u64::from((index as u64) < count % jobs.len() as u64);
        note(format!("{} operations logged, {:.0} s", book.log.len(), watch.seconds()));
        if let Err(broken) = book.cut(share, seed, ends, at_a_time, &tally) {
            let what = format!("power --seed {seed}, job {index}: {broken}");
            // The log, too, is what is left of it.
            return Err(Broken { what, kept: Some(broken.kept.unwrap_or_else(|| book.place.keep())) });
        }
        note(format!("{} images of {count}, {:.0} s", tally.lock().unwrap_or_else(PoisonError::into_inner).images, watch.seconds()));
    }
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.figures(operations, watch.seconds()).print("Cuts of the power");
    Ok(())
}

/// What cuts find of a program that does not wait until what it writes below `name` is on the disk.
pub(crate) fn without_syncs(name: &str) -> Result<Option<String>, Broken> {
    let mut book = Logbook::write(&Job::curves(4, 1), 2, 0)?;
    book.log.iter_mut().filter(|record| record.name.starts_with(name) && record.op == Op::Synced).for_each(|record| {
        // Places in the log are to stay as they are.
        record.op = Op::Told;
        record.data.clear();
    });
    Ok(book.cut(300, 0, u64::MAX, 2, &Mutex::default()).err().map(|broken| broken.what))
}

impl Logbook {
    fn write(job: &Job, slots: usize, seed: u64) -> Result<Logbook, Broken> {
        let reference = Reference::of(job, slots)?;
        let place = Place::new(job)?;
        let study = place.studies().join("study");
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut stops = STOPS;
        loop {
            let mut command = place.sweep(&study, slots)?;
            Plan { folder: place.studies(), log: Some(place.path("log")), fail: None }.set(&mut command)?;
            let mut sweep = Sweep::start(command, &place.path("said"))?;
            let mut end = None;
            if stops > 0 {
                end = sweep.wait(0.2 + reference.seconds / STOPS as f64 * random.random::<f64>())?;
                if end.is_none() {
                    stops -= 1;
                    sweep.send(libc::SIGINT);
                }
            }
            let end = match end {
                Some(end) => Some(end),
                None => sweep.wait(PATIENCE)?,
            };
            match end.as_ref().map(|end| end.code) {
                Some(Some(0)) => break,
                Some(Some(130)) => {}
                _ => return Err(Broken::new(format!("a sweep that is logged does not end well: {end:?}"))),
            }
        }
        reference.check(&study)?;
        let events = Study::read(&study)?.map(|study| study.events).unwrap_or_default();
        let log = read_log(&place.path("log"))?;
        let acknowledged = acknowledged(&log, &events).map_err(Broken::new)?;
        Ok(Logbook { reference, slots, place, log, events, acknowledged })
    }

    fn cut(&self, count: u64, seed: u64, ends: u64, at_a_time: usize, tally: &Mutex<Tally>) -> Result<(), Broken> {
        // In order, so that the disk is built once.
        let mut cuts: Vec<(usize, u64)> = (0..count)
            .map(|number| {
                let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(number));
                (random.random_range(0..=self.log.len()), number)
            })
            .collect();
        cuts.sort_unstable();
        let (sender, receiver) = crossbeam_channel::bounded::<Cut>(at_a_time);
        let broken = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..at_a_time {
                let receiver = receiver.clone();
                scope.spawn(|| {
                    for cut in receiver {
                        if let Err(error) = self.check(&cut, ends, tally) {
                            broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                            return;
                        }
                    }
                });
            }
            drop(receiver);
            let (mut disk, mut done, mut known) = (Disk::new(), 0, 0);
            for (position, number) in cuts {
                for record in &self.log[done..position] {
                    disk.apply(record).map_err(Broken::new)?;
                }
                done = position;
                let told = self.acknowledged.iter().take_while(|acknowledged| acknowledged.position < position);
                known = told.map(|acknowledged| acknowledged.seq).max().unwrap_or(known);
                let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(999_983).wrapping_add(number));
                // Nobody listens any more when something was found.
                if sender.send(Cut { number, position, acknowledged: known, image: disk.cut(&mut random) }).is_err() {
                    break;
                }
            }
            drop(sender);
            Ok::<(), Broken>(())
        })?;
        broken.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    fn check(&self, cut: &Cut, ends: u64, tally: &Mutex<Tally>) -> Result<(), Broken> {
        let folder = tempfile::Builder::new().prefix("cut-").tempdir_in(self.place.path(""))?;
        for (path, bytes) in &cut.image {
            let path = folder.path().join(path);
            match bytes {
                Some(bytes) => fs::write(path, bytes)?,
                None => fs::create_dir_all(path)?,
            }
        }
        let result = self.look(cut, &folder.path().join("study"), tally).and_then(|opens| {
            if opens && cut.number.is_multiple_of(ends) { self.end(&folder.path().join("study"), tally) } else { Ok(()) }
        });
        result.map_err(|broken| {
            let before = &self.log[cut.position.saturating_sub(12)..cut.position];
            let lines: Vec<String> = before.iter().map(|r| format!("\n    {:?} {} {}", r.op, r.name, r.other)).collect();
            let what = format!("image {} at operation {}: {broken}\n  the last operations:{}", cut.number, cut.position, lines.concat());
            Broken { what, kept: Some(folder.keep()) }
        })
    }

    /// Whether the study opens, with all that was acknowledged; before anything was, it need not.
    fn look(&self, cut: &Cut, study: &Path, tally: &Mutex<Tally>) -> Result<bool, Broken> {
        let early = cut.acknowledged == 0;
        let read = match Study::read(study) {
            Err(error) if early => Err(error.to_string()),
            other => Ok(other?),
        };
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.images += 1;
        tally.early += u64::from(early);
        let read = match read {
            Ok(Some(read)) => read,
            Ok(None) if early => return Ok(true),
            Ok(None) => return Err(Broken::new(format!("the study is gone, of which {} events were acknowledged", cut.acknowledged))),
            Err(refusal) => {
                let refusal = refusal.replace(&study.display().to_string(), "STUDY");
                *tally.refusals.entry(refusal).or_default() += 1;
                return Ok(false);
            }
        };
        tally.events += cut.acknowledged;
        tally.beyond += read.events.len() as u64 - cut.acknowledged.min(read.events.len() as u64);
        drop(tally);
        if (read.events.len() as u64) < cut.acknowledged {
            let found = read.events.len();
            return Err(Broken::new(format!("acknowledged and lost: of {} events {found} are there", cut.acknowledged)));
        }
        if let Some(differs) = lost(&read.events, &self.events) {
            return Err(Broken::new(format!("events that never were: {differs}")));
        }
        if let Some(mistake) = read.mistakes(study).first() {
            return Err(Broken::new(mistake));
        }
        // As the next sweep would open it: what nobody needs goes, and what is needed stays.
        let mut session = Session::open_or_create(StudyFolder::new(study), &read.state.spec)?;
        StudyRecord::read(&mut session.store, &session.folder)?;
        drop(session);
        let opened = Study::read(study)?.ok_or_else(|| Broken::new("the study is gone once it was opened"))?;
        if let Some(lost) = lost(&read.events, &opened.events) {
            return Err(Broken::new(format!("acknowledged and lost once the study was opened: {lost}")));
        }
        opened.mistakes(study).first().map_or(Ok(true), |mistake| Err(Broken::new(format!("once it was opened: {mistake}"))))
    }

    fn end(&self, study: &Path, tally: &Mutex<Tally>) -> Result<(), Broken> {
        let mut sweep = Sweep::start(self.place.sweep(study, self.slots)?, &study.with_extension("said"))?;
        let end = sweep.wait(PATIENCE)?.ok_or_else(|| Broken::new("the sweep does not end"))?;
        if end.code != Some(0) {
            return Err(Broken::new(format!("the sweep that goes on ends with {:?}: {}", end.code, end.said)));
        }
        self.reference.check(study)?;
        tally.lock().unwrap_or_else(PoisonError::into_inner).ended += 1;
        Ok(())
    }
}

impl Tally {
    fn figures(&self, operations: usize, seconds: f64) -> Figures {
        let mut figures = Figures::default();
        figures.add("operations logged", operations);
        figures.add("images", self.images);
        figures.add("  cut before anything was acknowledged", self.early);
        figures.add("acknowledged events looked for", self.events);
        figures.add("events beyond those that were there, too", self.beyond);
        figures.add("studies that could not be opened", 0);
        figures.add("acknowledged events lost", 0);
        figures.add("checkpoints that the study counts on and that were not whole", 0);
        figures.add("images swept to the end, with the undisturbed leaderboard", self.ended);
        figures.add("seconds", format!("{seconds:.0}"));
        for (refusal, count) in &self.refusals {
            figures.add(format!("{count} x, before anything was acknowledged"), refusal);
        }
        figures
    }
}
