//! `thawline train`

use std::{fs, io::Read as _, path::Path};

use crossbeam_channel::Sender;
use engine::{
    devices::{self, Device},
    runner::{Completed, Outcome, TrialEvent},
    tested::Tested,
};
use search_spaces::{claim::ConfigFile, domain::Assignment, ladder::Ladder, problem::ReadError, space::Space};
use tempfile::TempDir;
use trials::{
    prepare::{check_config, check_metric},
    runner::RunnerSettings,
};

use super::{
    interrupt::{self, Interrupts, unless_stopped},
    ready::{self, Ready},
    setup::{self, ACCELERATORS},
};
use crate::{args::Train, context::Context, exit::Error, progress::TrainProgress};

pub(super) fn run(arguments: &Train, context: &mut Context) -> Result<(), Error> {
    let (mut file, space) = read(&arguments.config)?;
    let device = device(&arguments.device)?;
    // Known before hours of training, not after.
    trials::hub::check_destination(&arguments.to).map_err(Error::usage)?;
    let (model, data) = (setup::locate(&file.model, context)?, setup::locate_data(&file.data, context)?);
    let ready = ready::read(model, data, device, context)?;
    check_metric(file.objective.metric, &context.measures)
        .map_err(|(why, hint)| Error::space(format!("{}: {why}\n  {hint}", arguments.config.display())))?;
    check_config(&file.config, ready::max_tokens(&file.data), ready.prepared.base.as_ref())
        .map_err(|why| Error::space(format!("{}: {why}", arguments.config.display())))?;
    if let Some(space) = space {
        file.ladder = ready.spec(&space)?.ladder;
    }
    let interrupts = interrupt::watch()?;
    let scratch = scratch(&arguments.to)?;
    let completed = train(&ready, &file, scratch.path(), &interrupts, context)?;
    let checkpoint = completed.checkpoint.as_ref().ok_or_else(|| Error::failed("training ended without weights"))?;
    ready.export(checkpoint, &arguments.to)?;
    context.note(format!("wrote the model folder {}", arguments.to.display()));
    // Before the test split, whose evaluation may be interrupted.
    let compared = compare(&file, &completed, &arguments.to, context);
    let runner = ready.prepared.runner(RunnerSettings::of(&file));
    let (threads, tested, trial, seed) = (trials::runner::threads(&file), checkpoint.clone(), file.trial, file.seed);
    let tested = unless_stopped(&interrupts.now, move |_| runner.evaluate_test(&tested, trial, seed, threads), |_| {})?;
    let Some(tested) = tested else {
        return compared.and(Err(Error::interrupted("interrupted: the model folder is written, the test split is left")));
    };
    if let Some(test) = tested.map_err(|error| Error::trial("the test split cannot be evaluated", &error))? {
        let Tested { value, low, high, examples, .. } = test;
        let interval = if low.is_finite() { format!(", 95 % interval {low:.4} to {high:.4}") } else { String::new() };
        context.note(format!("on the test split, {examples} examples: {} {value:.4}{interval}", file.objective.metric.name()));
    }
    compared
}

/// A config file; or a space that leaves nothing to the search, whose ladder its data will tell.
pub(super) fn read(path: &Path) -> Result<(ConfigFile, Option<Space>), Error> {
    let problems = match ConfigFile::read(path) {
        Ok(file) => return Ok((file, None)),
        Err(error) => error,
    };
    match Space::read(path) {
        Ok(space) if space.parameters.is_empty() => Ok((fixed(&space)?, Some(space))),
        Ok(space) => Err(Error::space(format!(
            "{}: {} values are left to the search, the first is `{}`: fix them, or run `thawline sweep`",
            path.display(),
            space.parameters.len(),
            space.parameters[0].path
        ))),
        // Neither one nor the other: the mistakes of what it says it is.
        Err(of_space @ ReadError::Problems(_)) if says_sweep(path) => Err(setup::read_error(of_space)),
        Err(_) => Err(setup::read_error(problems)),
    }
}

fn says_sweep(path: &Path) -> bool {
    let mut text = Vec::new();
    // It stands near the start, below comments; what is longer than that is neither.
    let read = fs::File::open(path).and_then(|file| file.take(1 << 16).read_to_end(&mut text));
    read.is_ok() && String::from_utf8_lossy(&text).lines().any(|line| line.trim_start().starts_with("Sweep"))
}

fn fixed(space: &Space) -> Result<ConfigFile, Error> {
    let config = space.config(&Assignment::default()).map_err(Error::failed)?;
    Ok(ConfigFile {
        model: space.model.clone(),
        data: space.data.clone(),
        objective: space.objective,
        config,
        ladder: Ladder { eta: space.settings.eta, rungs: vec![1], ..Ladder::default() },
        eval_every: space.settings.eval_every,
        seed: space.settings.seed,
        trial: 0,
        threads: None,
        claim: None,
    })
}

fn device(name: &str) -> Result<Device, Error> {
    let found = devices::parse_devices(name, devices::cores(), ACCELERATORS).map_err(Error::environment)?;
    trials::device::open(found[0].device).map_err(Error::environment)?;
    Ok(found[0].device)
}

/// A folder for checkpoints beside `to`: on the disk that must hold the model anyway, where what is made for short may not have the room.
/// It is removed with the value.
fn scratch(to: &Path) -> Result<TempDir, Error> {
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    fs::create_dir_all(parent)
        .and_then(|()| tempfile::Builder::new().prefix(&format!(".{name}.")).suffix(".training").tempdir_in(parent))
        .map_err(|error| Error::write(to, &error))
}

fn train(ready: &Ready, file: &ConfigFile, folder: &Path, interrupts: &Interrupts, context: &mut Context) -> Result<Completed, Error> {
    let runner = ready.prepared.runner(RunnerSettings::of(file));
    let (trained, folder, cancel) = (file.clone(), folder.to_owned(), interrupts.finish.clone());
    let mut progress = TrainProgress::new(context, file.objective.metric.name());
    let work = move |events: Sender<TrialEvent>| runner.train(&trained, &folder, &events, &cancel);
    let outcome = unless_stopped(&interrupts.now, work, |event| progress.show(event));
    progress.clear();
    match outcome? {
        Some(Ok(Outcome::Completed(completed))) => Ok(completed),
        Some(Ok(Outcome::Cancelled)) | None => Err(Error::interrupted("interrupted: nothing was written")),
        Some(Err(error)) => Err(Error::trial("training failed", &error)),
    }
}

/// Says what was reached, and whether it is what the search had claimed.
fn compare(file: &ConfigFile, completed: &Completed, to: &Path, context: &mut Context) -> Result<(), Error> {
    let metric = file.objective.metric.name();
    context.say(format!("{metric} {} at step {}", completed.value, completed.step))?;
    let Some(claim) = &file.claim else { return Ok(()) };
    if claim.value.to_bits() == completed.value.to_bits() && claim.step == completed.step {
        context.note(format!("exactly what trial {} of the study {} reached", file.trial, claim.study));
        return Ok(());
    }
    Err(Error::check(format!(
        "{metric} {} at step {}, but trial {} of the study {} reached {} at step {}\n  \
         the same numbers need the same program, data, model and kind of CPU; the model folder {} holds what was trained now",
        completed.value,
        completed.step,
        file.trial,
        claim.study,
        claim.value,
        claim.step,
        to.display()
    )))
}
