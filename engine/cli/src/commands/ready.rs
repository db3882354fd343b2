//! A task in memory: model and data read, and a space checked against both.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use engine::{
    devices::{Device, DeviceSlots},
    runner::Checkpoint,
    spec::StudySpec,
    store::StudyFolder,
};
use search_spaces::{
    data::{Location, TextData, TextFiles},
    problem::{Problem, Problems},
    space::Space,
};
use trials::{
    data::{self, DataError, Tokenizer},
    hub::HubError,
    models::bert::BertBase,
    prepare::{PrepareError, Prepared, check_space, check_tokenizer, check_tokens, data_hash, model_hash, prepare},
    runner::RunnerSettings,
    trainer::final_model,
};

use super::{setup, study};
use crate::{assets, context::Context, exit::Error};

/// Model and data of a task, in memory.
pub(super) struct Ready {
    pub(super) model: PathBuf,
    /// With every location a path.
    pub(super) data: TextData,
    pub(super) prepared: Prepared,
}

/// Why model and data are not ready, piece by piece.
struct Failures {
    /// Mistakes of the space.
    problems: Vec<Problem>,
    /// What is wrong with the files that it names.
    input: Vec<String>,
}

/// Fetches what the space names, reads model and data, and checks the space against both. All that is wrong is told at once.
pub(super) fn check(space: &Space, device: Device, context: &mut Context) -> Result<Ready, Error> {
    let mut failures = Failures { problems: unknown_assets(space), input: Vec::new() };
    if !failures.is_empty() {
        return Err(failures.into_error());
    }
    let model = setup::locate(&space.model, context)?;
    let data = setup::locate_data(&space.data, context)?;
    let handle = trials::device::open(device).map_err(Error::environment)?;
    if !model.is_dir() {
        let what = if model.exists() { "this is not a folder" } else { "there is no such folder" };
        failures.input(space, "model", format!("{}: {what}", model.display()));
        missing_files(space, &data, &mut failures);
        return Err(failures.into_error());
    }
    let base = BertBase::load(&model, &handle).map_err(|error| failures.input(space, "model", error)).ok();
    if let Some(base) = &base {
        failures.problems.extend(check_space(space, base));
    }
    let tokenizer = Tokenizer::from_folder(&model);
    if let (Some(base), Ok(tokenizer)) = (&base, &tokenizer)
        && let Err(error) = check_tokenizer(tokenizer, base, &model)
    {
        failures.input(space, "model", error);
    }
    let loaded = tokenizer.and_then(|tokenizer| data::load(&data, &tokenizer));
    if failures.is_empty()
        && let (Some(base), Ok((task, _))) = (&base, &loaded)
    {
        match check_tokens(task, base, &model) {
            Ok(()) => {}
            Err(error @ PrepareError::TokenTypes { .. }) => {
                let hint = "name one column of text, or take a model that was trained on pairs".to_owned();
                failures.problems.push(space.problem_at("data.text", error.to_string(), Some(hint)));
            }
            Err(error) => failures.input(space, "model", error),
        }
    }
    match (base, loaded) {
        (Some(base), Ok((task, report))) if failures.is_empty() => {
            let prepared = Prepared { task: Arc::new(task), report: Arc::new(report), base: Arc::new(base), device };
            Ok(Ready { model, data, prepared })
        }
        (_, loaded) => {
            if let Err(error) = loaded {
                failures.take(space, &error);
            }
            Err(failures.into_error())
        }
    }
}

/// Without a model the data cannot be read, but what is not there can be told.
fn missing_files(space: &Space, data: &TextData, failures: &mut Failures) {
    for (_, location) in files(data) {
        if let Location::Path(file) = location
            && let Err(source) = file.metadata()
        {
            failures.take(space, &DataError::Read { file: file.clone(), source });
        }
    }
}

/// The files of a data set, each with its field.
fn files(data: &TextData) -> Vec<(&'static str, &Location)> {
    match &data.files {
        TextFiles::One(one) => vec![("data.files", one)],
        TextFiles::Splits { train, validation, test } => {
            let mut files = vec![("data.files.Splits.train", train)];
            files.extend(validation.as_ref().map(|at| ("data.files.Splits.validation", at)));
            files.extend(test.as_ref().map(|at| ("data.files.Splits.test", at)));
            files
        }
    }
}

/// Names of assets that nobody knows.
fn unknown_assets(space: &Space) -> Vec<Problem> {
    let mut named = vec![("model", &space.model)];
    named.extend(files(&space.data));
    let unknown = |(path, location): (&str, &Location)| match location {
        Location::Asset(name) => Some(space.problem_at(path, assets::unknown(name)?.to_string(), None)),
        Location::Path(_) => None,
    };
    named.into_iter().filter_map(unknown).collect()
}

/// Reads model and data of a config file, or of a study that has been checked.
pub(super) fn read(model: PathBuf, data: TextData, device: Device) -> Result<Ready, Error> {
    let prepared = prepare(&model, &data, device).map_err(|error| match error {
        PrepareError::Device(error) => Error::environment(error),
        error => Error::input(error),
    })?;
    Ok(Ready { model, data, prepared })
}

impl Failures {
    fn is_empty(&self) -> bool {
        self.problems.is_empty() && self.input.is_empty()
    }

    /// A mistake of the space, where another value in it would help; else of the files.
    fn take(&mut self, space: &Space, error: &DataError) {
        if let DataError::Several { errors } = error {
            for error in errors {
                self.take(space, error);
            }
            return;
        }
        let of_the_space = matches!(
            error,
            DataError::MissingColumn { .. }
                | DataError::DuplicateColumn { .. }
                | DataError::ColumnTwice { .. }
                | DataError::ColumnsNotNeeded { .. }
                | DataError::TooFewTokens { .. }
                | DataError::Shares { .. }
                | DataError::EmptySplit { .. }
        );
        match error.field() {
            Some(field) if of_the_space => self.problems.push(space.problem_at(field, error.to_string(), None)),
            field => self.input(space, field.unwrap_or("data"), error),
        }
    }

    /// Something wrong with what `field` names.
    fn input(&mut self, space: &Space, field: &str, why: impl std::fmt::Display) {
        let place = space.problem_at(field, "", None);
        self.input.push(format!("{why}\n  (`{field}`, {}:{}:{})", place.file.display(), place.line, place.column));
    }

    fn into_error(self) -> Error {
        let Failures { problems, input } = self;
        let mut told = input;
        let error = if problems.is_empty() { Error::input } else { Error::space };
        if !problems.is_empty() {
            told.insert(0, setup::told(&Problems::new(problems)));
        }
        error(told.join("\n\n"))
    }
}

impl Ready {
    pub(super) fn examples_per_epoch(&self) -> u64 {
        self.prepared.task.train.len() as u64
    }

    /// Writes the model of a trial's checkpoint as a Hugging Face folder, which appears whole or not at all.
    pub(super) fn export(&self, checkpoint: &Checkpoint, to: &Path) -> Result<(), Error> {
        let model = final_model(&*self.prepared.base, checkpoint).map_err(Error::input)?;
        self.prepared.export(to, &*model).map_err(|error| match error {
            HubError::Write { source, path } => Error::write(&path, &source),
            error => Error::input(error),
        })
    }

    fn model_hash(&self) -> Result<String, Error> {
        model_hash(&self.prepared.base).map_err(|error| Error::environment(format!("cannot read the model's weights back: {error}")))
    }

    /// Refuses data or a model that are not those the study in `folder` was started with.
    pub(super) fn check_unchanged(&self, spec: &StudySpec, folder: &StudyFolder) -> Result<(), Error> {
        spec.check_inputs(folder.root(), &data_hash(&self.prepared.task), &self.model_hash()?).map_err(study::store_error)
    }

    /// What a study of `space` is.
    pub(super) fn spec(&self, space: &Space) -> Result<StudySpec, Error> {
        let examples_per_epoch = self.examples_per_epoch();
        let ladder = space.ladder(examples_per_epoch).map_err(|problem| Error::space(setup::told(&Problems::new(vec![*problem]))))?;
        Ok(StudySpec {
            space: space.clone(),
            space_hash: space.hash(),
            model: self.model.clone(),
            data: self.data.clone(),
            ladder,
            examples_per_epoch,
            data_hash: data_hash(&self.prepared.task),
            model_hash: self.model_hash()?,
        })
    }
}

/// How every trial of a space is trained.
pub(super) fn runner_settings(space: &Space) -> RunnerSettings {
    RunnerSettings {
        objective: space.objective,
        eval_every: space.settings.eval_every,
        checkpoint_every_seconds: space.settings.checkpoint_every_seconds,
    }
}

/// All slots of all devices.
pub(super) fn slots(devices: &[DeviceSlots]) -> usize {
    devices.iter().map(|device| device.slots).sum()
}
