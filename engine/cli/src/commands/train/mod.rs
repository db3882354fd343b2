//! `thawline train`

mod both;
mod work;

use std::{fs, io::Read as _, path::Path};

use crossbeam_channel::Sender;
use engine::runner::{Completed, Outcome, TrialError, TrialEvent};
use search_spaces::{claim::ConfigFile, domain::Assignment, ladder::Ladder, problem::ReadError, space::Space};
use trials::{
    hub::manifest::{Claim, Manifest, TrainedOn},
    prepare::{Prepared, check_config, check_metric},
    runner::RunnerSettings,
};

pub(super) use self::work::{Identity, Work};
use super::{
    card::card,
    folder::{self, Leaving},
    interrupt::{self, Interrupts, unless_stopped},
    places, ready, setup,
};
use crate::{
    args::{Train, TrainOn},
    context::Context,
    exit::Error,
    progress::TrainProgress,
};

pub(super) fn run(arguments: &Train, context: &mut Context) -> Result<(), Error> {
    let (mut file, space) = read(&arguments.config)?;
    places::put(&mut file.data, &arguments.data)?;
    if let Some(claim) = file.claim.as_ref().filter(|_| arguments.on == TrainOn::TrainAndValidation)
        && places::replace_training(&arguments.data)
    {
        return Err(Error::usage(both::on_other_data(&arguments.config, file.trial, claim)));
    }
    if let Some(claim) = file.claim.as_ref().filter(|_| !arguments.data.is_empty() && arguments.on == TrainOn::Train) {
        context
            .note(format!("on data of its own choice: what trial {} of the study {} reached says nothing of it", file.trial, claim.study));
        file.claim = None;
    }
    let device = setup::device(&arguments.device)?;
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
    let on = trained_on(arguments.on);
    let course = Course::new(&file, &ready.prepared, on).map_err(|why| Error::space(format!("{}: {why}", arguments.config.display())))?;
    let interrupts = interrupt::watch()?;
    let identity = Identity::new(&course, &ready)?;
    let mut work = Work::open(&arguments.to, &identity)?;
    let completed = train(&course, &mut work, arguments.checkpoint_every, &interrupts, context)?;
    let checkpoint = completed.checkpoint.as_ref().ok_or_else(|| Error::failed("training ended without weights"))?;
    let leaving = Leaving {
        command: "train",
        ready: &ready,
        checkpoint,
        trained_on: on,
        value: (on == TrainedOn::Train).then_some(completed.value),
        claim: reached(&file, &completed).filter(|_| on == TrainedOn::Train),
        tests: true,
        threads: trials::runner::threads(&file),
        // What it was trained with, wherever it is trained again.
        config: ConfigFile { threads: Some(trials::runner::threads(&file)), ..file.clone() },
    };
    let written = folder::write(
        leaving,
        &arguments.to,
        |manifest| Ok(vec![card(&arguments.to, manifest, &ready, None)?]),
        &interrupts.finish,
        context,
    )
    .map_err(|error| work.to_be_written(&arguments.to, error))?;
    let Some(manifest) = written else { return Err(work.interrupted()) };
    work.discard();
    context.note(format!("wrote the model folder {}", arguments.to.display()));
    tell_test(&manifest, context);
    match on {
        TrainedOn::Train => compare(&file, &completed, &arguments.to, context),
        TrainedOn::TrainAndValidation => {
            context.note("trained on the validation examples, too: nothing is claimed of them");
            context.say(arguments.to.display())
        }
    }
}

fn trained_on(on: TrainOn) -> TrainedOn {
    match on {
        TrainOn::Train => TrainedOn::Train,
        TrainOn::TrainAndValidation => TrainedOn::TrainAndValidation,
    }
}

fn tell_test(manifest: &Manifest, context: &mut Context) {
    let Some(test) = &manifest.measured.test else { return };
    let name = manifest.config.objective.metric.name();
    let value = test.metrics.get(name).copied().unwrap_or(f64::NAN);
    let interval = test.interval.map_or_else(String::new, |[low, high]| format!(", 95 % interval {low:.4} to {high:.4}"));
    context.note(format!("on the test split, {} examples: {name} {value:.4}{interval}", test.examples));
}

/// What is trained, and how far.
pub(super) struct Course {
    pub(super) file: ConfigFile,
    pub(super) prepared: Prepared,
    pub(super) on: TrainedOn,
    /// Of the file's ladder, where training ends.
    pub(super) rung: usize,
}

impl Course {
    /// That of `file` on the examples that `on` names. The error is why that cannot be, and the way out.
    pub(super) fn new(file: &ConfigFile, prepared: &Prepared, on: TrainedOn) -> Result<Course, String> {
        match on {
            TrainedOn::Train => Ok(Course { file: file.clone(), prepared: prepared.clone(), on, rung: file.ladder.top() }),
            TrainedOn::TrainAndValidation => both::course(file, prepared),
        }
    }
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

/// Trains it to its end, or goes on where `work` was interrupted, with a checkpoint every so many seconds.
pub(super) fn train(
    course: &Course,
    work: &mut Work,
    every: u64,
    interrupts: &Interrupts,
    context: &mut Context,
) -> Result<Completed, Error> {
    if let Some(from) = work.checkpoint() {
        context.note(format!("going on from step {} of the training that was interrupted", from.step));
    }
    loop {
        match attempt(course, work, every, interrupts, context)? {
            Some(Ok(Outcome::Completed(completed))) => return Ok(completed),
            Some(Ok(Outcome::Cancelled)) | None => return Err(work.interrupted()),
            Some(Err(TrialError::CheckpointLost(why))) if work.checkpoint().is_some() => {
                context.note(format!("{why}: training starts again"));
                work.begin_again()?;
            }
            Some(Err(error)) => {
                let told = Error::trial("training failed", &error);
                if matches!(error, TrialError::Machine(_)) {
                    return Err(work.to_be_continued(told));
                }
                // The same steps would end in the same way.
                work.discard();
                return Err(told);
            }
        }
    }
}

/// `None`: stopped at once.
type Attempt = Option<Result<Outcome, TrialError>>;

fn attempt(course: &Course, work: &mut Work, every: u64, interrupts: &Interrupts, context: &mut Context) -> Result<Attempt, Error> {
    let settings = RunnerSettings { checkpoint_every_seconds: every, ..RunnerSettings::of(&course.file) };
    let runner = course.prepared.runner(settings);
    let (file, rung, folder, from) = (course.file.clone(), course.rung, work.folder().to_owned(), work.checkpoint().cloned());
    let stop = interrupts.finish.clone();
    let cancel = interrupts.finish.clone();
    let mut progress = TrainProgress::new(context, course.file.objective.metric.name());
    let run = move |events: Sender<TrialEvent>| runner.train_until(&file, rung, &folder, from.as_ref(), &events, &cancel);
    // A value on examples that are trained on would mislead.
    let measures = course.on == TrainedOn::Train;
    let mut kept = Ok(());
    let outcome = unless_stopped(&interrupts.now, run, |event| {
        if let TrialEvent::Checkpointed(checkpoint) = event
            && kept.is_ok()
        {
            kept = work.keep(checkpoint);
            // Hours of training that nothing is kept of are no use.
            if kept.is_err() {
                stop.set();
            }
        }
        if measures || !matches!(event, TrialEvent::Evaluated(_)) {
            progress.show(event);
        }
    });
    progress.clear();
    kept.and(outcome)
}

/// What the study had claimed, if it was reached to the last bit.
fn reached(file: &ConfigFile, completed: &Completed) -> Option<Claim> {
    let claim = file.claim.as_ref()?;
    (claim.value.to_bits() == completed.value.to_bits() && claim.step == completed.step).then(|| Claim {
        study: claim.study.clone(),
        trial: file.trial,
        rule: claim.rule.clone(),
        metric: file.objective.metric.name().to_owned(),
        value: claim.value,
        step: claim.step,
        test: None,
    })
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
