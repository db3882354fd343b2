//! `thawline report`, and what every sweep ends with.

use std::{
    fs,
    io::{Read as _, Write as _},
    path::Path,
};

use engine::{record::StudyRecord, state::Phase, store::StudyFolder};
use reports::{
    ReportError,
    foreign::{optuna, tensorboard},
    tables::Tables,
};
use search_spaces::{
    claim::{Claim, ConfigFile},
    config::Config,
};
use trials::data::DataReport;

use super::study;
use crate::{args::Report, context::Context, exit::Error, progress::text};

/// What was found in the data when the study was last opened, for the report.
const DATA_REPORT: &str = "artefacts/data.json";
/// Of that: it names every label, and some rows of each file.
const MAX_DATA_REPORT_BYTES: u64 = 64 << 20;

pub(super) fn run(arguments: &Report, context: &mut Context) -> Result<(), Error> {
    let (folder, record) = study::read(&arguments.study)?;
    write(&record, &folder)?;
    if arguments.tensorboard || arguments.optuna {
        let tables = Tables::new(&record);
        if arguments.tensorboard {
            let written = tensorboard::write(&record, &tables, &folder.root().join("tensorboard")).map_err(report_error)?;
            context.note(format!("look at it with: tensorboard --logdir {}", text::quoted(&written)));
        }
        if arguments.optuna {
            let written = optuna::write(&record, &tables, &folder.root().join("optuna")).map_err(report_error)?;
            context.note(format!("look at it with: optuna-dashboard {}", text::quoted(&written)));
        }
    }
    context.say(arguments.study.join("report/index.html").display())
}

/// Writes tables, charts and the page, and `best.ron` if there is a best trial.
pub(super) fn write(record: &StudyRecord, folder: &StudyFolder) -> Result<(), Error> {
    let mut bytes = Vec::new();
    let found = fs::File::open(folder.root().join(DATA_REPORT)).and_then(|file| file.take(MAX_DATA_REPORT_BYTES).read_to_end(&mut bytes));
    let data_report = found.ok().and_then(|_| serde_json::from_slice(&bytes).ok());
    reports::write_report(record, data_report.as_ref(), folder.root()).map_err(report_error)?;
    if record.best().is_some() {
        let path = folder.root().join("best.ron");
        replace(&path, best_ron(record)?.as_bytes()).map_err(|e| Error::write(&path, &e))?;
    }
    Ok(())
}

fn report_error(error: ReportError) -> Error {
    match error {
        ReportError::Write { path, source } => Error::write(&path, &source),
        error @ (ReportError::Added { .. } | ReportError::NotOurs { .. }) => Error::usage(error),
        error @ ReportError::Read { .. } => Error::environment(error),
        error => Error::failed(error),
    }
}

/// Keeps what was found in the data beside the study.
pub(super) fn keep_data_report(report: &DataReport, folder: &StudyFolder) -> Result<(), Error> {
    let path = folder.root().join(DATA_REPORT);
    let text = serde_json::to_vec_pretty(report).map_err(|e| Error::failed(format!("cannot write JSON: {e}")))?;
    replace(&path, &text).map_err(|e| Error::write(&path, &e))
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = trials::files::temporary(path.parent().unwrap_or(Path::new(".")), ".part-")?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// The best config as it stands in `best.ron`. Before it claims anything, a comment says how good it is so far, and what made it the best.
pub(super) fn best_ron(record: &StudyRecord) -> Result<String, Error> {
    let best = best(record)?;
    let text = best.to_ron().map_err(|e| Error::failed(format!("cannot write the config as RON: {e}")))?;
    match provisional(record).filter(|_| best.claim.is_none()) {
        Some(words) => Ok(format!("// {}\n{text}", words.replace('\n', "\n// "))),
        None => Ok(text),
    }
}

/// What is to be said of a best trial that has not been trained in full.
pub(super) fn provisional(record: &StudyRecord) -> Option<String> {
    let best = record.best()?;
    let trial = &record.state.trials()[best.trial as usize];
    let value = trial.values.last().filter(|_| trial.phase != Phase::Complete)?;
    let (rung, top) = (trial.values.len() - 1, record.state.ladder.top());
    let metric = record.state.objective.metric.name();
    Some(format!(
        "The config of trial {} of the study {:?}, which is not trained in full: {metric} {value:.4} at rung {rung} of {top}.\nChosen as {}.",
        best.trial, record.name, best.rule
    ))
}

/// The best config, with what it claims: a claim that `thawline train` must reach exactly, if the trial ran its full length.
pub(super) fn best(record: &StudyRecord) -> Result<ConfigFile, Error> {
    let chosen = record.best().ok_or_else(|| Error::no_trial("no trial of this study has a value yet"))?;
    Ok(config_file(record, chosen.trial, Some(chosen.rule.to_string())))
}

/// The same of trial `number`, which has been started; `rule` says how it came to be the best, if it did.
pub(super) fn config_file(record: &StudyRecord, number: u32, rule: Option<String>) -> ConfigFile {
    let trial = &record.state.trials()[number as usize];
    let about = record.trials.get(number as usize);
    let complete = trial.phase == Phase::Complete;
    let claim = trial.values.last().filter(|_| complete).map(|value| Claim {
        study: record.name.clone(),
        value: *value,
        step: about.and_then(|about| about.best_step).unwrap_or(0),
        rule,
    });
    ConfigFile {
        model: record.space.model.clone(),
        data: record.space.data.clone(),
        objective: record.state.objective,
        // Where the memory was too little for its own, with what it was trained with.
        config: Config { micro_batch: about.and_then(|about| about.micro_batch).or(trial.config.micro_batch), ..(*trial.config).clone() },
        ladder: record.state.ladder.clone(),
        eval_every: record.space.settings.eval_every,
        seed: record.space.settings.seed,
        trial: number,
        threads: about.and_then(|about| about.threads),
        claim,
    }
}

#[cfg(test)]
mod tests {
    use reports::testing::{running_record, sample_record};

    use super::*;

    #[test]
    fn what_is_not_trained_in_full_says_so_and_how_it_was_chosen() {
        let mut record = running_record(12, 3, 1);
        assert!(provisional(&record).is_none() && best(&record).unwrap().claim.is_some());
        for trial in 0..record.state.trials().len() as u32 {
            record.state.change(trial, |trial| (trial.values, trial.phase) = (vec![0.5], Phase::Paused { rung: 0 }));
        }
        record.state.change(5, |trial| trial.values = vec![0.7]);
        let text = best_ron(&record).unwrap();
        insta::assert_snapshot!(text.lines().take(3).collect::<Vec<_>>().join("\n"), @r#"
        // The config of trial 5 of the study "sample", which is not trained in full: accuracy 0.7000 at rung 0 of 2.
        // Chosen as the best value of the search.
        // Train it with: thawline train FILE --to MODEL_DIR
        "#);
        assert_eq!(ConfigFile::parse(Path::new("/best.ron"), &text).unwrap_or_else(|problems| panic!("{problems}")).trial, 5);
        // With a claim it is said once.
        assert_eq!(best_ron(&sample_record(12, 3, 1)).unwrap().matches("Chosen as").count(), 1);
    }
}
