//! A task in memory: model and data read, and a space checked against both.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use engine::{
    devices::{self, Device, DeviceSlots},
    spec::StudySpec,
    store::StudyFolder,
    streams::{Purpose, stream},
};
use search_spaces::{
    data::{Data, Files, ImageData, Location, TextData},
    domain::Parameter,
    draft::Draft,
    goals::Second,
    problem::Problem,
    settings::Objective,
    space::Space,
};
use trials::{
    data::{DataReport, Rows, Task, Tokenizer, image::Pictures, report::told_bytes},
    device::Handle,
    effect::{fixed_in_vain, searched_in_vain},
    metrics::Measures,
    models::{BaseModel, Takes},
    prepare::{
        PrepareError, Prepared, check_goals, check_metric, check_space, check_tokenizer, check_tokens, load_base, prepare, side, unfit,
    },
    runner::RunnerSettings,
};

use super::{failures::Failures, read, setup, study};
use crate::{assets, context::Context, exit::Error};

/// A task, and what was noticed when it was read.
type Loaded = (Task, DataReport);

/// Model and data of a task, in memory.
pub(super) struct Ready {
    pub(super) model: PathBuf,
    /// With every location a path.
    pub(super) data: Data,
    pub(super) prepared: Prepared,
}

/// Fetches what the space names, reads model and data, and checks the space against both. All that is wrong is told at once: also that
/// there are no `devices` to compute on.
pub(super) fn check(
    space: &Space,
    devices: Result<Vec<DeviceSlots>, Error>,
    context: &mut Context,
) -> Result<(Ready, Vec<DeviceSlots>), Error> {
    let mut failures = Failures::of(&space.places, Vec::new());
    let ladder = |examples| space.ladder(examples).err().map(|problem| *problem);
    unknown_assets(Some(&space.model), Some(&space.data), &mut failures);
    unknown_metrics(Some(space.objective), space.second, &context.measures, &mut failures);
    let devices = match devices {
        Ok(devices) if failures.is_empty() => devices,
        devices => {
            let (model, data) = on_this_machine(Some(&space.model), Some(&space.data), context);
            look_into(model.as_deref(), data.as_ref(), &space.parameters, &Handle::Cpu, &ladder, &context.program, &mut failures);
            return Err(match devices {
                Err(error) if failures.is_empty() => error,
                Err(error) => {
                    let mistakes = failures.into_error();
                    Error { message: format!("{mistakes}\n\n{error}"), ..mistakes }
                }
                Ok(_) => failures.into_error(),
            });
        }
    };
    let device = devices[0].device;
    let model = setup::locate(&space.model, context)?;
    let data = setup::locate_data(&space.data, context)?;
    let handle = trials::device::open(device).map_err(Error::environment)?;
    let (base, task) = look_into(Some(&model), Some(&data), &space.parameters, &handle, &ladder, &context.program, &mut failures);
    if let (Some(folds), Some((task, _))) = (space.settings.folds, &task) {
        let examples = task.train.len() + task.validation.len();
        if folds as usize > examples {
            let message = format!("`folds` is {folds}, but there are only {examples} examples for training and validation");
            failures.problem("settings.folds", message, Some("5 or 10 is usual".to_owned()));
        }
    }
    if let (Some(base), Some((task, _))) = (&base, &task) {
        let unmet = check_goals(failures.places, &space.constraints, space.second, base.as_ref(), task).map_err(Error::failed)?;
        failures.problems.extend(unmet);
    }
    match (base, task) {
        (Some(base), Some((task, report))) if failures.is_empty() => {
            let mut stream = stream(space.settings.seed, 0, Purpose::Sampler);
            let any = space.config(&space.draw(&mut stream)).map_err(Error::failed)?;
            for line in fixed_in_vain(&any, &base.takes()) {
                context.note(line);
            }
            let prepared = Prepared {
                task: Arc::new(task),
                report: Arc::new(report),
                base,
                device,
                side: side(&data),
                measures: context.measures.clone(),
            };
            Ok((Ready { model, data, prepared }, devices))
        }
        _ => Err(failures.into_error()),
    }
}

/// The mistakes of a file that has some, with those that only its model and its data can tell.
pub(super) fn mistakes(draft: &Draft, context: &Context) -> Error {
    let mut failures = Failures::of(&draft.places, draft.problems.clone());
    unknown_assets(draft.model.as_ref(), draft.data.as_ref(), &mut failures);
    unknown_metrics(draft.objective, draft.second, &context.measures, &mut failures);
    let (model, data) = on_this_machine(draft.model.as_ref(), draft.data.as_ref(), context);
    let ladder = |examples| draft.check_ladder(examples);
    look_into(model.as_deref(), data.as_ref(), &draft.parameters, &Handle::Cpu, &ladder, &context.program, &mut failures);
    failures.into_error()
}

/// Where model and data are. Nothing is fetched for a file that is wrong: what is not on this machine is left for when it is right.
fn on_this_machine(model: Option<&Location>, data: Option<&Data>, context: &Context) -> (Option<PathBuf>, Option<Data>) {
    let here = |location: &Location| match location {
        Location::Path(path) => Some(path.clone()),
        Location::Asset(name) => assets::find(name).and_then(|asset| context.assets.cached(asset)),
    };
    let data = data.and_then(|data| setup::located(data, &mut |location| here(location).ok_or(())).ok());
    (model.and_then(here), data)
}

/// Reads as much as can be read of a model and data, and notes all that is wrong with them or with what the file asks of them.
fn look_into<'a>(
    model: Option<&Path>,
    data: Option<&'a Data>,
    parameters: &[Parameter],
    device: &Handle,
    ladder: &dyn Fn(u64) -> Option<Problem>,
    program: &Path,
    failures: &mut Failures<'a>,
) -> (Option<Arc<dyn BaseModel>>, Option<Loaded>) {
    failures.files = data.map(Data::files);
    let model = model.filter(|model| {
        let weights = model.is_file() && model.extension().is_some_and(|ending| ending == "safetensors");
        if !model.is_dir() && !weights {
            let what =
                if model.exists() { "this is neither a folder nor a file of weights (.safetensors)" } else { "there is no such folder" };
            failures.input("model", format!("{}: {what}", model.display()));
        }
        model.is_dir() || weights
    });
    let base = model.and_then(|model| load_base(model, device).map_err(|error| failures.input("model", error)).ok());
    if let Some(base) = &base {
        let max_tokens = data.and_then(max_tokens).filter(|_| failures.places.is_given("data.max_tokens"));
        failures.problems.extend(check_space(failures.places, max_tokens, base.as_ref()));
        let fits = matches!((data, base.takes()), (Some(Data::Text(_)), Takes::Tokens { .. }) | (Some(Data::Images(_)), Takes::Pixels(_)));
        if fits {
            failures.problems.extend(searched_in_vain(parameters, failures.places, &base.takes()));
        }
    }
    let deadly = data.map(|data| read::deadly(data, program)).unwrap_or_default();
    for error in &deadly {
        failures.take(error);
    }
    let task = match data.filter(|_| deadly.is_empty()) {
        None => None,
        Some(Data::Text(data)) => texts(model, base.as_deref(), data, ladder, failures),
        Some(Data::Images(data)) => images(base.as_deref(), data, ladder, failures),
    };
    (base, task)
}

/// The most tokens an example may have; `None` where there are none.
pub(super) fn max_tokens(data: &Data) -> Option<usize> {
    match data {
        Data::Text(data) => Some(data.max_tokens),
        Data::Images(_) => None,
    }
}

fn texts(
    folder: Option<&Path>,
    base: Option<&dyn BaseModel>,
    data: &TextData,
    ladder: &dyn Fn(u64) -> Option<Problem>,
    failures: &mut Failures<'_>,
) -> Option<Loaded> {
    let rows = Rows::read(data).map_err(|error| failures.take(&error)).ok();
    if let Some(rows) = &rows {
        failures.problems.extend(ladder(rows.examples_per_epoch()));
    }
    if let Some(takes @ Takes::Pixels(_)) = base.map(BaseModel::takes) {
        failures.problem("data", unfit(&takes).to_string(), None);
        return None;
    }
    let tokenizer = folder.and_then(|folder| Tokenizer::from_folder(folder).map_err(|error| failures.take(&error)).ok());
    let mut fits = true;
    if let (Some(base), Some(tokenizer)) = (base, &tokenizer)
        && let Err(error) = check_tokenizer(tokenizer, base)
    {
        failures.input("model", error);
        fits = false;
    }
    let tokenizer = tokenizer?;
    let encoder = tokenizer.encoder(data.max_tokens).map_err(|error| failures.take(&error));
    let (Some(rows), Ok(encoder)) = (rows, encoder) else { return None };
    let (task, report) = rows.tokenise(&tokenizer, &encoder).map_err(|error| failures.take(&error)).ok()?;
    if let (Some(base), Some(folder), true) = (base, folder, fits) {
        match check_tokens(&task, base, folder) {
            Ok(()) => {}
            Err(error @ PrepareError::TokenTypes { .. }) => {
                let hint = "name one column of text, or take a model that was trained on pairs".to_owned();
                failures.problem("data.text", error.to_string(), Some(hint));
            }
            Err(error) => failures.input("model", error),
        }
    }
    Some((task.task(), report))
}

fn images(
    base: Option<&dyn BaseModel>,
    data: &ImageData,
    ladder: &dyn Fn(u64) -> Option<Problem>,
    failures: &mut Failures<'_>,
) -> Option<Loaded> {
    let pictures = Pictures::read(data).map_err(|error| failures.take(&error)).ok();
    let format = match base.map(BaseModel::takes) {
        Some(Takes::Pixels(format)) => Some(format),
        Some(takes @ Takes::Tokens { .. }) => {
            failures.problem("data", unfit(&takes).to_string(), None);
            None
        }
        None => None,
    };
    let (Some(pictures), Some(format)) = (pictures, format) else { return None };
    // Before they are decoded, which would end in the process being killed.
    let bytes = pictures.bytes(data, &format);
    if let Some(memory) = devices::memory().filter(|memory| bytes > *memory) {
        let side = data.side.unwrap_or(format.side);
        let message = format!(
            "{} images of {side} x {side} pixels take {} of memory, but the machine has {}",
            pictures.count(),
            told_bytes(bytes),
            told_bytes(memory)
        );
        failures.problem("data.side", message, Some("write a smaller `side`, or take fewer images with `max_train`".to_owned()));
        return None;
    }
    let (task, report) = pictures.decode(data, &format).map_err(|error| failures.take(&error)).ok()?;
    failures.problems.extend(ladder(task.train.len() as u64));
    Some((task, report))
}

/// Notes names of assets that nobody knows.
fn unknown_assets(model: Option<&Location>, data: Option<&Data>, failures: &mut Failures<'_>) {
    let mut named: Vec<(&'static str, &Location)> = model.map(|model| ("model", model)).into_iter().collect();
    match data.map(Data::files) {
        None => {}
        Some(Files::One(one)) => named.push(("data.files", one)),
        Some(Files::Splits { train, validation, test }) => {
            named.push(("data.files.Splits.train", train));
            named.extend(validation.as_ref().map(|at| ("data.files.Splits.validation", at)));
            named.extend(test.as_ref().map(|at| ("data.files.Splits.test", at)));
        }
    }
    for (path, location) in named {
        if let Location::Asset(name) = location
            && let Some(unknown) = assets::unknown(name)
        {
            failures.problem(path, unknown.to_string(), None);
        }
    }
}

/// Notes metrics that this program does not measure.
fn unknown_metrics(objective: Option<Objective>, second: Option<Second>, measures: &Measures, failures: &mut Failures<'_>) {
    let second = second.and_then(|second| second.measure.metric());
    for (path, metric) in [("objective", objective.map(|objective| objective.metric)), ("second", second)] {
        if let Some(Err((message, hint))) = metric.map(|metric| check_metric(metric, measures)) {
            failures.problem(path, message, Some(hint));
        }
    }
}

/// Reads model and data of a config file, or of a study that has been checked.
pub(super) fn read(model: PathBuf, data: Data, device: Device, context: &Context) -> Result<Ready, Error> {
    read::try_data(&data, &context.program)?;
    load(model, data, device, &context.measures)
}

/// The same in a process that may die.
pub(super) fn load(model: PathBuf, data: Data, device: Device, measures: &Measures) -> Result<Ready, Error> {
    let mut prepared = prepare(&model, &data, device).map_err(|error| match error {
        PrepareError::Device(error) => Error::environment(error),
        error => Error::input(error),
    })?;
    prepared.measures = measures.clone();
    Ok(Ready { model, data, prepared })
}

impl Ready {
    pub(super) fn examples_per_epoch(&self) -> u64 {
        self.prepared.task.train.len() as u64
    }

    pub(super) fn model_hash(&self) -> Result<String, Error> {
        self.prepared.base.hash().map_err(|error| Error::environment(format!("cannot read the model's weights back: {error}")))
    }

    /// Refuses data or a model that are not those the study in `folder` was started with.
    pub(super) fn check_unchanged(&self, spec: &StudySpec, folder: &StudyFolder) -> Result<(), Error> {
        spec.check_inputs(folder.root(), &self.prepared.task.hash(), &self.model_hash()?).map_err(study::store_error)
    }

    /// What a study of `space` is.
    pub(super) fn spec(&self, space: &Space) -> Result<StudySpec, Error> {
        let examples_per_epoch = self.examples_per_epoch();
        let ladder = space.ladder(examples_per_epoch).map_err(Error::space)?;
        Ok(StudySpec {
            space: space.clone(),
            space_hash: space.hash(),
            model: self.model.clone(),
            data: self.data.clone(),
            ladder,
            examples_per_epoch,
            data_hash: self.prepared.task.hash(),
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
