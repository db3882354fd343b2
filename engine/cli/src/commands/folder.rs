//! A model folder that leaves the program: written, read back, measured, and only then given its name.

use std::{path::Path, sync::Arc};

use engine::{
    devices,
    runner::{Cancel, Checkpoint, TrialError},
};
use search_spaces::{
    claim::ConfigFile,
    data::{Data, Files, Location, TextColumns},
    settings::Metric,
};
use trials::{
    data::Task,
    evaluated::{evaluate, evaluate_test},
    hub::{
        Draft, HubError, Trained,
        manifest::{
            self, Claim, DataFile, DataHashes, FORMAT, Hashed, Input, Made, Manifest, Measured, SplitName, Splits, Tolerance, TrainedOn,
        },
    },
    metrics::Measures,
    models::Takes,
    trainer::final_model,
};

use super::{interrupt::unless_stopped, ready::Ready};
use crate::{context::Context, exit::Error};

/// What is written, and what is said of it.
pub(super) struct Leaving<'a> {
    pub(super) command: &'static str,
    pub(super) ready: &'a Ready,
    /// The weights that count.
    pub(super) checkpoint: &'a Checkpoint,
    pub(super) config: ConfigFile,
    pub(super) trained_on: TrainedOn,
    /// The objective's value with these weights on the validation split, as training or the study had it; none where they were trained on it.
    pub(super) value: Option<f64>,
    pub(super) claim: Option<Claim>,
    /// Whether the test split is looked at.
    pub(super) tests: bool,
    /// To compute with.
    pub(super) threads: usize,
}

/// Writes the folder `to`, which appears whole or not at all, with its manifest and the files `extra` (names and contents). `None`: stopped.
pub(super) fn write(
    leaving: Leaving<'_>,
    to: &Path,
    extra: impl Fn(&Manifest) -> Result<Vec<(String, Vec<u8>)>, Error>,
    stop: &Cancel,
    context: &mut Context,
) -> Result<Option<Manifest>, Error> {
    let Leaving { command, ready, checkpoint, config, trained_on, value, claim, tests, threads } = leaving;
    let prepared = &ready.prepared;
    let model =
        final_model(prepared.base.as_ref(), checkpoint).map_err(|error| Error::trial("the trained weights cannot be read", &error))?;
    let classifier = prepared.base.classifier(&prepared.task.labels, prepared.side);
    let draft = Draft::write(to, &classifier, model.parameters()).map_err(hub_error)?;
    drop(model);

    context.note("reading the folder back");
    let handle = trials::device::open(prepared.device).map_err(Error::environment)?;
    let trained = Trained::load(draft.folder(), &handle).map_err(hub_error)?;
    let metric = config.objective.metric;
    let wanted = Wanted { validation: trained_on == TrainedOn::Train, test: tests, metric, seed: config.seed, threads };
    let measured = measured(trained, &prepared.task, wanted, &prepared.measures, stop)?;
    let Some(measured) = measured else { return Ok(None) };
    let tolerance = Tolerance::default();
    if let (Some(before), Some(now)) = (value, &measured.validation) {
        let found = now.metrics.get(metric.name()).copied().unwrap_or(f64::NAN);
        let near = (found - before).abs() <= tolerance.of_evaluation(now.examples);
        if !near && found.to_bits() != before.to_bits() {
            return Err(Error::check(format!(
                "the weights give {} {found} on the validation split when they are read back, not {before}: {} is not written",
                metric.name(),
                to.display()
            )));
        }
    }
    let manifest = Manifest {
        format: FORMAT,
        claim,
        measured,
        tolerance,
        labels: prepared.task.labels.clone(),
        input: input(ready, &config),
        trained_on,
        data: data_hashes(ready)?,
        base_blake3: ready.model_hash()?,
        made: Made {
            command: command.to_owned(),
            threads,
            trained_with_threads: config.threads,
            seed: config.seed,
            ..here(ready, context)?
        },
        files: manifest::hashes(draft.folder()).map_err(hub_error)?,
        config,
    };
    let text = manifest.to_json().map_err(|e| Error::failed(format!("cannot write the manifest: {e}")))?;
    draft.put(manifest::FILE, &text).map_err(hub_error)?;
    for (name, bytes) in extra(&manifest)? {
        draft.put(&name, &bytes).map_err(hub_error)?;
    }
    draft.publish().map_err(hub_error)?;
    Ok(Some(manifest))
}

pub(super) fn hub_error(error: HubError) -> Error {
    match error {
        HubError::Write { source, path } => Error::write(&path, &source),
        error @ HubError::InUse { .. } => Error::environment(error),
        // As where it is found before anything is done.
        error @ (HubError::Occupied { .. } | HubError::Link { .. } | HubError::Nameless { .. }) => Error::usage(error),
        error => Error::input(error),
    }
}

/// What to evaluate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) validation: bool,
    pub(super) test: bool,
    /// That the test split's interval is of, and the seed that it is drawn with.
    pub(super) metric: Metric,
    pub(super) seed: u64,
    pub(super) threads: usize,
}

/// What `trained` gives on the wanted splits of `task`; `None`: stopped.
pub(super) fn measured(
    mut trained: Trained,
    task: &Arc<Task>,
    wanted: Wanted,
    measures: &Measures,
    stop: &Cancel,
) -> Result<Option<Measured>, Error> {
    let (task, measures) = (Arc::clone(task), measures.clone());
    let Wanted { threads, metric, seed, .. } = wanted;
    let work = move |_| -> Result<Measured, TrialError> {
        let (validation, test) = (task.validation.as_ref(), task.test.as_ref());
        let of_validation = wanted.validation && !validation.is_empty();
        let of_test = wanted.test && !test.is_empty();
        let validation = of_validation.then(|| evaluate(&mut trained, validation, &measures, threads).map(|(evaluated, _)| evaluated));
        let validation = validation.transpose()?;
        let test = of_test.then(|| evaluate_test(&mut trained, test, &measures, threads, metric, seed)).transpose()?;
        Ok(Measured { validation, test })
    };
    match unless_stopped(stop, work, |_| {})? {
        None => Ok(None),
        Some(Ok(measured)) => Ok(Some(measured)),
        Some(Err(error)) => Err(Error::trial("the weights cannot be evaluated", &error)),
    }
}

/// Of this program, on this machine and the device of `ready`.
pub(super) fn here(ready: &Ready, context: &Context) -> Result<Made, Error> {
    let program = Hashed::of(&context.program)
        .map_err(|e| Error::environment(format!("cannot read this program, {}: {e}", context.program.display())))?;
    Ok(Made {
        command: String::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        program_blake3: program.blake3,
        cpu: devices::cpu(),
        device: ready.prepared.device.to_string(),
        threads: 0,
        trained_with_threads: None,
        seed: 0,
    })
}

fn input(ready: &Ready, config: &ConfigFile) -> Input {
    match (&config.data, ready.prepared.base.takes()) {
        (Data::Images(data), Takes::Pixels(format)) => {
            Input::Images { side: data.side.unwrap_or(format.side), base_side: format.side, mean: format.mean, deviation: format.deviation }
        }
        (Data::Text(data), _) => {
            let columns = match &data.text {
                TextColumns::One(text) => vec![text.clone()],
                TextColumns::Pair(first, second) => vec![first.clone(), second.clone()],
            };
            Input::Texts { columns, max_tokens: data.max_tokens }
        }
        // Refused when they were read.
        (Data::Images(_), Takes::Tokens { .. }) => Input::Texts { columns: Vec::new(), max_tokens: 0 },
    }
}

fn data_hashes(ready: &Ready) -> Result<DataHashes, Error> {
    let task = &ready.prepared.task;
    let count = |examples: &dyn trials::data::Examples| examples.len() as u64;
    let splits = Splits { train: count(task.train.as_ref()), validation: count(task.validation.as_ref()), test: count(task.test.as_ref()) };
    Ok(DataHashes { content_blake3: task.hash(), files: data_files(&ready.data)?, splits })
}

/// The regular files of `data`, whose locations are paths by now, with their hashes.
pub(super) fn data_files(data: &Data) -> Result<Vec<DataFile>, Error> {
    let named = match data.files() {
        Files::One(one) => vec![(SplitName::All, Some(one))],
        Files::Splits { train, validation, test } => {
            vec![(SplitName::Train, Some(train)), (SplitName::Validation, validation.as_ref()), (SplitName::Test, test.as_ref())]
        }
    };
    let mut files = Vec::new();
    for (split, location) in named {
        let Some(Location::Path(path)) = location else { continue };
        if path.is_file() {
            let Hashed { bytes, blake3 } = Hashed::of(path).map_err(|e| Error::input(format!("cannot read {}: {e}", path.display())))?;
            files.push(DataFile { split, path: path.clone(), bytes, blake3 });
        }
    }
    Ok(files)
}
