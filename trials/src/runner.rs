//! Trains the segments of a study: the engine's view of this crate.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use crossbeam_channel::Sender;
use engine::{
    devices::{self, Device},
    runner::{Cancel, Checkpoint, Outcome, Segment, SlotInfo, TrialError, TrialEvent, TrialRunner},
    tested::Tested,
};
use rayon::{ThreadPool, ThreadPoolBuilder};
use search_spaces::{claim::ConfigFile, config::Config, settings::Objective};

use crate::{
    data::Task,
    metrics::{self, Logits, Measures},
    models::{BaseModel, Model},
    needs::Needs,
    predictions::{self, Names},
    trainer::{self, Job, Places},
};

/// candle walks the graph recursively: deep models want more than the usual two megabytes.
const STACK: usize = 16 << 20;

/// What all trials of a study have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunnerSettings {
    pub objective: Objective,
    /// Evaluations this share of a pass apart.
    pub eval_every: f64,
    /// A checkpoint at least this often within a segment.
    pub checkpoint_every_seconds: u64,
}

/// Trains classifiers that share a data set and base weights.
pub struct Runner {
    task: Arc<Task>,
    base: Arc<dyn BaseModel>,
    /// Where the base weights lie.
    device: Device,
    settings: RunnerSettings,
    measures: Measures,
    /// By slot.
    pools: Mutex<BTreeMap<String, Arc<ThreadPool>>>,
}

/// The threads that `file` asks for, here.
pub fn threads(file: &ConfigFile) -> usize {
    file.threads.unwrap_or_else(devices::cores)
}

/// `threads` threads to compute with.
pub(crate) fn thread_pool(name: &str, threads: usize) -> Result<ThreadPool, TrialError> {
    let owned = name.to_owned();
    ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .stack_size(STACK)
        .thread_name(move |index| format!("{owned}.{index}"))
        .build()
        .map_err(|error| TrialError::Other(format!("slot {name} got no threads: {error}")))
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("device", &self.device).field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Runner {
    /// `base` lies on `device`, and the objective of `settings` is among `measures`.
    pub fn new(task: Arc<Task>, base: Arc<dyn BaseModel>, device: Device, settings: RunnerSettings, measures: Measures) -> Runner {
        Runner { task, base, device, settings, measures, pools: Mutex::new(BTreeMap::new()) }
    }

    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Trains one config in full, as the study that it comes from did: the same evaluations, hence the same course of everything that watches
    /// them. `folder` takes its checkpoints and predictions. The objective and `eval_every` are those of this runner's settings,
    /// which [`RunnerSettings::of`] takes from the file.
    pub fn train(&self, file: &ConfigFile, folder: &Path, events: &Sender<TrialEvent>, cancel: &Cancel) -> Result<Outcome, TrialError> {
        self.train_until(file, file.ladder.top(), folder, None, events, cancel)
    }

    /// The same until `rung` of the file's ladder, and on from a checkpoint of the same training, if there is one.
    pub fn train_until(
        &self,
        file: &ConfigFile,
        rung: usize,
        folder: &Path,
        from: Option<&Checkpoint>,
        events: &Sender<TrialEvent>,
        cancel: &Cancel,
    ) -> Result<Outcome, TrialError> {
        let segment = Segment {
            trial: file.trial,
            rung,
            fold: None,
            ladder: file.ladder.clone(),
            config: file.config.clone(),
            micro_batch: None,
            assignment: None,
            seed: file.seed,
            checkpoints: folder.to_owned(),
            artefacts: folder.to_owned(),
        };
        let slot = SlotInfo { name: "train".to_owned(), device: self.device, threads: threads(file) };
        self.run(&segment, &slot, from, events, cancel)
    }

    /// The model of `checkpoint`: of a trial that is over, with the weights that count.
    pub fn model(&self, checkpoint: &Checkpoint) -> Result<Box<dyn Model>, TrialError> {
        trainer::final_model(self.base.as_ref(), checkpoint)
    }

    /// What the test split says of `checkpoint`, of training `trial` of a study with this `seed`, with `threads` threads; `None` when there is no test
    /// split.
    pub fn evaluate_test(&self, checkpoint: &Checkpoint, trial: u32, seed: u64, threads: usize) -> Result<Option<Tested>, TrialError> {
        self.test(checkpoint, (trial, seed), threads, None)
    }

    /// The same, with its predictions in the folder `artefacts`.
    pub fn evaluate_test_into(
        &self,
        artefacts: &Path,
        checkpoint: &Checkpoint,
        (trial, seed): (u32, u64),
        threads: usize,
    ) -> Result<Option<Tested>, TrialError> {
        self.test(checkpoint, (trial, seed), threads, Some(artefacts))
    }

    fn test(
        &self,
        checkpoint: &Checkpoint,
        (trial, seed): (u32, u64),
        threads: usize,
        artefacts: Option<&Path>,
    ) -> Result<Option<Tested>, TrialError> {
        let test = &self.task.test;
        if test.is_empty() {
            return Ok(None);
        }
        let slot = SlotInfo { name: "test".to_owned(), device: self.device, threads };
        self.pool(&slot)?.install(|| {
            let model = self.model(checkpoint)?;
            let logits =
                trainer::evaluate(model.as_ref(), self.base.as_ref(), test.as_ref(), self.task.labels.len()).map_err(trainer::fault)?;
            let (labels, metric) = (test.labels(), self.settings.objective.metric);
            let metrics = trainer::measured(&self.measures, &logits, test.as_ref());
            let value = metrics.get(metric.name()).copied().unwrap_or(f64::NAN);
            let interval = self.measures.get(metric).and_then(|measure| metrics::interval(measure, &logits, &labels, seed));
            let (low, high) = interval.unwrap_or((f64::NAN, f64::NAN));
            let predictions = artefacts.map(|artefacts| self.write_test(artefacts, trial, &logits)).transpose()?;
            Ok(Some(Tested { trial, examples: test.len() as u64, metrics, value, low, high, predictions }))
        })
    }

    fn write_test(&self, artefacts: &Path, trial: u32, logits: &Logits) -> Result<PathBuf, TrialError> {
        let path = artefacts.join(format!("trial-{trial}-predictions-test.csv"));
        let names = Names { labels: &self.task.labels, groups: &self.task.groups };
        predictions::write(&path, "test", self.task.test.as_ref(), names, logits)
            .map_err(|error| TrialError::Machine(error.to_string()))?;
        Ok(path)
    }

    /// The slot's own threads, kept from segment to segment.
    fn pool(&self, slot: &SlotInfo) -> Result<Arc<ThreadPool>, TrialError> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(&slot.name).filter(|pool| pool.current_num_threads() == slot.threads) {
            return Ok(Arc::clone(pool));
        }
        let pool = thread_pool(&slot.name, slot.threads)?;
        let pool = Arc::new(pool);
        pools.insert(slot.name.clone(), Arc::clone(&pool));
        Ok(pool)
    }
}

impl RunnerSettings {
    /// Those that `file` was found with; one training in one go needs no checkpoints on the way.
    pub fn of(file: &ConfigFile) -> RunnerSettings {
        RunnerSettings { objective: file.objective, eval_every: file.eval_every, checkpoint_every_seconds: u64::MAX }
    }
}

impl TrialRunner for Runner {
    fn run(
        &self,
        segment: &Segment,
        slot: &SlotInfo,
        from: Option<&Checkpoint>,
        events: &Sender<TrialEvent>,
        cancel: &Cancel,
    ) -> Result<Outcome, TrialError> {
        if slot.device != self.device {
            return Err(TrialError::Other(format!(
                "slot {} computes on {:?}, the model lies on {:?}",
                slot.name, slot.device, self.device
            )));
        }
        if segment.rung >= segment.ladder.rungs.len() {
            return Err(TrialError::Other(format!("rung {} of a ladder of {}", segment.rung, segment.ladder.rungs.len())));
        }
        let fold = segment.fold.map(|fold| self.task.fold(fold.index, fold.of, segment.seed));
        // A closed channel is noticed at the next step.
        let alive = || drop(events.send(TrialEvent::Alive));
        let job = Job {
            task: fold.as_ref().unwrap_or(&self.task),
            base: self.base.as_ref(),
            measures: &self.measures,
            objective: self.settings.objective,
            config: &segment.config,
            micro_batch: segment.micro_batch,
            ladder: &segment.ladder,
            eval_every: self.settings.eval_every,
            seed: segment.seed,
            trial: segment.trial,
            alive: &alive,
        };
        let places = Places {
            checkpoints: &segment.checkpoints,
            artefacts: &segment.artefacts,
            checkpoint_every_seconds: self.settings.checkpoint_every_seconds as f64,
        };
        self.pool(slot)?.install(|| trainer::run(job, segment.rung, places, from, events, cancel))
    }

    fn memory(&self, config: &Config) -> Option<u64> {
        Needs::of(config, self.base.as_ref(), &self.task).ok().map(|needs| needs.memory_bytes())
    }

    fn examples_per_epoch(&self) -> u64 {
        self.task.train.len() as u64
    }
}
