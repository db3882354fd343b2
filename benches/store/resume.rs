//! Seconds from opening a study of many trials to the next segment in a slot: `cargo run --release -p benches --example resume -- TABLE.jsonl FOLDER TRIALS`.
//!
//! The study is one of `thawline simulate` on the table, written to FOLDER if it is not there. Opening is what `sweep` does, then what its worker does, one after the
//! other; reading model and data, which a real sweep does first, is left out. Folding all events, as without the rows that the state is kept in, is timed beside it.

use std::{fs::File, io::BufReader, path::Path, sync::Arc};

use crossbeam_channel::Sender;
use engine::{
    clock::{Clock, Stopwatch},
    devices::DeviceSlots,
    events::Event,
    runner::{Cancel, Checkpoint, Outcome, Segment, SlotInfo, TrialError, TrialEvent, TrialRunner},
    samplers, schedulers,
    session::Session,
    simulator::{self, Table},
    spec::StudySpec,
    store::{MemoryStore, SqliteStore, Store as _, StudyFolder, WorkerLock, each_event},
    worker::{Worker, run_worker},
};

/// As the program has it: most of opening a study is making its trials.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error>;

/// Trains nothing: the first segment it is given ends the run.
struct First(Cancel);

impl TrialRunner for First {
    fn run(&self, _: &Segment, _: &SlotInfo, _: Option<&Checkpoint>, _: &Sender<TrialEvent>, _: &Cancel) -> Result<Outcome, TrialError> {
        self.0.set();
        Ok(Outcome::Cancelled)
    }

    fn examples_per_epoch(&self) -> u64 {
        1
    }
}

#[expect(clippy::print_stdout, reason = "an example says what it found")]
fn main() -> Result<(), Failure> {
    const TIMES: usize = 5;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [table, folder, trials] = arguments.as_slice() else { return Err("usage: resume TABLE.jsonl FOLDER TRIALS".into()) };
    let (folder, trials) = (StudyFolder::new(std::path::absolute(folder)?), trials.parse()?);
    let spec = spec(Path::new(table), trials)?;
    if !folder.database().exists() {
        write(&folder, &spec, Path::new(table))?;
    }
    let mut more = spec.clone();
    more.space.settings.trials = trials + 100;
    let mut opened: Vec<(f64, f64)> = (0..TIMES).map(|_| resume(&folder, &more)).collect::<Result<_, Failure>>()?;
    opened.sort_by(|a, b| (a.0 + a.1).total_cmp(&(b.0 + b.1)));
    let (sweep, worker) = opened[TIMES / 2];
    let mut store = SqliteStore::open(&folder)?;
    let state = store.state()?.ok_or("there is no study")?;
    let (trials, events) = (state.search.trials().len(), state.search.seq);
    let watch = Stopwatch::start();
    let mut log = Vec::new();
    each_event(&mut store, |logged| {
        log.push(logged.clone());
        Ok::<_, Failure>(())
    })?;
    MemoryStore::from_events(log).state()?;
    let folding = watch.seconds();
    println!("{trials} trials, {events} events, {:.0} MB", folder.database().metadata()?.len() as f64 / 1e6);
    println!("sweep opens the study      {sweep:.3} s");
    println!("its worker claims a segment {worker:.3} s later (median of {TIMES}; together {:.3} s)", sweep + worker);
    println!("folding all events          {folding:.1} s");
    Ok(())
}

fn table(path: &Path) -> Result<Table, Failure> {
    Ok(Table::read(BufReader::new(File::open(path)?))?)
}

fn spec(path: &Path, trials: u32) -> Result<StudySpec, Failure> {
    let table = table(path)?;
    let mut space = table.space();
    space.settings.trials = trials;
    space.settings.sampler = search_spaces::settings::SamplerKind::Random;
    simulator::spec(space, &table).map_err(|problem| problem.to_string().into())
}

fn write(folder: &StudyFolder, spec: &StudySpec, path: &Path) -> Result<(), Failure> {
    const AT_A_TIME: usize = 20_000;
    let mut simulated = MemoryStore::default();
    simulator::simulate_in(&simulated, spec, &table(path)?, 1000, f64::INFINITY)?;
    let mut store = SqliteStore::open_or_create(folder)?;
    loop {
        let after = store.state()?.map_or(0, |state| state.search.seq);
        let page = simulated.page(after, AT_A_TIME)?;
        let Some(last) = page.last() else { break };
        let at = last.at;
        let mut events: Vec<Event> = page.into_iter().map(|logged| logged.event).collect();
        if after == 0 {
            store.create(at, spec.clone())?;
            events.remove(0);
        }
        store.commit(at, &mut |_| std::mem::take(&mut events))?;
    }
    Ok(())
}

/// Seconds of the sweep, and of its worker until the runner has a segment.
fn resume(folder: &StudyFolder, spec: &StudySpec) -> Result<(f64, f64), Failure> {
    let watch = Stopwatch::start();
    let session = Session::open_or_create(folder.clone(), spec)?;
    let opened = watch.seconds();
    let watch = Stopwatch::start();
    let cancel = Cancel::default();
    let mut claimed = None;
    let settings = spec.space.settings.clone();
    let parts = Worker {
        store: Box::new(SqliteStore::open(folder)?),
        folder: folder.clone(),
        runner: Arc::new(First(cancel.clone())),
        scheduler: schedulers::build(settings.scheduler),
        sampler: samplers::build(settings.sampler, settings.seed),
        slots: DeviceSlots::cpu(1, 1),
        room: None,
        cancel,
        clock: Clock::Study,
        lock: Some(WorkerLock::acquire(folder)?),
    };
    run_worker(parts, &mut |message| {
        if matches!(message, engine::worker::WorkerMessage::Claimed { .. }) {
            claimed.get_or_insert(watch.seconds());
        }
    })?;
    drop(session);
    Ok((opened, claimed.ok_or("no segment was claimed")?))
}
