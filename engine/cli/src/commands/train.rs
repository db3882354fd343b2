//! `thawline train`

use std::path::Path;

use engine::{
    devices::{self, Device},
    runner::{Cancel, Completed, Outcome},
};
use search_spaces::{claim::ConfigFile, domain::Assignment, ladder::Ladder, problem::ReadError, settings::Metric, space::Space};
use trials::{prepare::check_config, runner::RunnerSettings};

use super::{
    interrupt, ready,
    ready::Ready,
    setup::{self, ACCELERATORS},
};
use crate::{args::Train, context::Context, exit::Error, progress::TrainProgress};

pub(super) fn run(arguments: &Train, context: &mut Context) -> Result<(), Error> {
    let (mut file, space) = read(&arguments.config)?;
    let device = device(&arguments.device)?;
    // Known before hours of training, not after.
    trials::hub::check_destination(&arguments.to).map_err(Error::usage)?;
    let (model, data) = (setup::locate(&file.model, context)?, setup::locate_data(&file.data, context)?);
    let ready = ready::read(model, data, device)?;
    check_config(&file.config, file.data.max_tokens, &*ready.prepared.base)
        .map_err(|why| Error::space(format!("{}: {why}", arguments.config.display())))?;
    if let Some(space) = space {
        file.ladder = ready.spec(&space)?.ladder;
    }
    let interrupts = interrupt::watch()?;
    let scratch = tempfile::tempdir().map_err(|e| Error::environment(format!("cannot make a temporary folder: {e}")))?;
    let completed = train(&ready, &file, scratch.path(), &interrupts.finish, context)?;
    let checkpoint = completed.checkpoint.as_ref().ok_or_else(|| Error::failed("training ended without weights"))?;
    ready.export(checkpoint, &arguments.to)?;
    context.note(format!("wrote the model folder {}", arguments.to.display()));
    let runner = ready.prepared.runner(RunnerSettings::of(&file));
    if let Some(test) = runner.evaluate_test(checkpoint, file.threads).map_err(Error::failed)? {
        let value = match file.objective.metric {
            Metric::Accuracy => test.accuracy,
            Metric::MacroF1 => test.macro_f1,
            Metric::Matthews => test.matthews,
            Metric::Loss => test.loss,
        };
        context.note(format!("on the test split: {} {value:.4}", file.objective.metric.name()));
    }
    compare(&file, &completed, &arguments.to, context)
}

/// A config file; or a space that leaves nothing to the search, whose ladder its data will tell.
fn read(path: &Path) -> Result<(ConfigFile, Option<Space>), Error> {
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
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().any(|line| line.trim_start().starts_with("Sweep"))
}

fn fixed(space: &Space) -> Result<ConfigFile, Error> {
    let config = space.config(&Assignment::default()).map_err(Error::failed)?;
    Ok(ConfigFile {
        model: space.model.clone(),
        data: space.data.clone(),
        objective: space.objective,
        config,
        ladder: Ladder { eta: space.settings.eta, rungs: vec![1] },
        eval_every: space.settings.eval_every,
        seed: space.settings.seed,
        trial: 0,
        threads: devices::cores(),
        claim: None,
    })
}

fn device(name: &str) -> Result<Device, Error> {
    let found = devices::parse_devices(name, devices::cores(), ACCELERATORS).map_err(Error::environment)?;
    trials::device::open(found[0].device).map_err(Error::environment)?;
    Ok(found[0].device)
}

fn train(ready: &Ready, file: &ConfigFile, folder: &Path, cancel: &Cancel, context: &mut Context) -> Result<Completed, Error> {
    let (sender, receiver) = crossbeam_channel::unbounded();
    let runner = ready.prepared.runner(RunnerSettings::of(file));
    let outcome = std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            // Dropped with this thread, which ends the loop below.
            let sender = sender;
            runner.train(file, folder, &sender, cancel)
        });
        let mut progress = TrainProgress::new(context, file.objective.metric.name());
        for event in receiver {
            progress.show(&event);
        }
        progress.clear();
        running.join()
    });
    match outcome {
        Ok(Ok(Outcome::Completed(completed))) => Ok(completed),
        Ok(Ok(Outcome::Cancelled)) => Err(Error::interrupted("interrupted: nothing was written")),
        Ok(Err(error)) => Err(Error::no_trial(format!("training failed: {error}"))),
        Err(_) => Err(Error::failed("training panicked: this is an error in the program")),
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
