//! `thawline export`

use engine::{
    devices::{self, Device},
    record::StudyRecord,
    runner::Checkpoint,
    state::Phase,
    store::study as state_of,
};
use reports::{model_card::Study, tables::Tables};
use trials::hub::manifest::{Claim, Manifest, Test, TrainedOn};

use super::{
    card::card,
    folder::{self, Leaving},
    interrupt, ready, report, study,
};
use crate::{args::Export, context::Context, exit::Error, progress::text};

pub(super) fn run(arguments: &Export, context: &mut Context) -> Result<(), Error> {
    trials::hub::check_destination(&arguments.to).map_err(Error::usage)?;
    let (folder, mut store) = study::open(&arguments.study)?;
    let state = state_of(&mut store).map_err(study::store_error)?;
    let number = match arguments.trial {
        Some(number) => number,
        None => state.best().ok_or_else(|| Error::no_trial("no trial of this study has a value yet"))?.trial,
    };
    let started = state.search.trials().len();
    let Some(trial) = state.search.trials().get(number as usize) else {
        return Err(Error::usage(format!("there is no trial {number}: the study has trials 0 to {}", started.saturating_sub(1))));
    };
    if trial.phase != Phase::Complete {
        return Err(Error::usage(format!(
            "trial {number} has not been trained to its full length: `thawline status {}` tells how far the study is",
            text::quoted(&arguments.study)
        )));
    }
    let named = state.trials[number as usize].checkpoint.clone();
    let kept = named.as_ref().is_some_and(|checkpoint| state.kept_checkpoints().contains(&checkpoint.path));
    let checkpoint = named.map(|c| Checkpoint { path: folder.absolute(&c.path), ..c });
    let Some(checkpoint) = checkpoint.as_ref().filter(|checkpoint| checkpoint.path.is_file()) else {
        let why = match &checkpoint {
            Some(checkpoint) if kept => format!("{} is missing", checkpoint.path.display()),
            _ => "only those of the best few trials are kept".to_owned(),
        };
        return Err(Error::input(format!(
            "the weights of trial {number} are no longer there: {why}\n  \
             train it again with `thawline best` and `thawline train`, or export another trial"
        )));
    };
    let ready = ready::read(state.spec.model.clone(), state.spec.data.clone(), Device::Cpu, context)?;
    ready.check_unchanged(&state.spec, &folder)?;
    let record = StudyRecord::read(&mut store, &folder).map_err(study::store_error)?;
    let best = record.best().filter(|best| best.trial == number);
    let config = report::config_file(&record, number, best.map(|best| best.rule.to_string()));
    let claim = claim(&record, number, &config);
    let interrupts = interrupt::watch()?;
    let leaving = Leaving {
        command: "export",
        ready: &ready,
        checkpoint,
        trained_on: TrainedOn::Train,
        value: claim.as_ref().map(|claim| claim.value),
        tests: claim.as_ref().is_some_and(|claim| claim.test.is_some()),
        claim,
        threads: config.threads.unwrap_or_else(devices::cores),
        config,
    };
    let tables = Tables::read_of(&record, number);
    let of_study = Study { record: &record, tables: &tables, trial: number };
    let extra = |manifest: &Manifest| Ok(vec![card(&arguments.to, manifest, &ready, Some(of_study))?]);
    let written = folder::write(leaving, &arguments.to, extra, &interrupts.finish, context)?;
    if written.is_none() {
        return Err(Error::interrupted("interrupted: nothing was written"));
    }
    context.note(format!("trial {number}, step {}", checkpoint.step));
    context.say(arguments.to.display())
}

/// What the study says of trial `number`.
fn claim(record: &StudyRecord, number: u32, config: &search_spaces::claim::ConfigFile) -> Option<Claim> {
    let known = config.claim.as_ref()?;
    let look = record.looks.iter().rev().find(|look| look.tested.trial == number);
    Some(Claim {
        study: known.study.clone(),
        trial: number,
        rule: known.rule.clone(),
        metric: config.objective.metric.name().to_owned(),
        value: known.value,
        step: known.step,
        test: look.map(|look| Test {
            value: look.tested.value,
            low: look.tested.low,
            high: look.tested.high,
            examples: look.tested.examples,
        }),
    })
}
