//! `thawline report`, and what every sweep ends with.

use std::{fs, io::Write as _, path::Path};

use engine::{record::StudyRecord, store::StudyFolder};
use reports::ReportError;
use search_spaces::claim::{Claim, ConfigFile};
use trials::data::DataReport;

use super::study;
use crate::{args::Report, context::Context, exit::Error};

/// What was found in the data when the study was last opened, for the report.
const DATA_REPORT: &str = "artefacts/data.json";

pub(super) fn run(arguments: &Report, context: &mut Context) -> Result<(), Error> {
    let (folder, record) = study::read(&arguments.study)?;
    write(&record, &folder)?;
    context.say(arguments.study.join("report/index.html").display())
}

/// Writes tables, charts and the page, and `best.ron` if there is a best trial.
pub(super) fn write(record: &StudyRecord, folder: &StudyFolder) -> Result<(), Error> {
    let data_report = fs::read(folder.root().join(DATA_REPORT)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    reports::write_report(record, data_report.as_ref(), folder.root()).map_err(|error| match error {
        ReportError::Write { path, source } => Error::write(&path, &source),
        error => Error::failed(error),
    })?;
    if record.best().is_some() {
        let path = folder.root().join("best.ron");
        best(record)?.write(&path).map_err(|e| Error::write(&path, &e))?;
    }
    Ok(())
}

/// Keeps what was found in the data beside the study.
pub(super) fn keep_data_report(report: &DataReport, folder: &StudyFolder) -> Result<(), Error> {
    let path = folder.root().join(DATA_REPORT);
    let text = serde_json::to_vec_pretty(report).map_err(|e| Error::failed(format!("cannot write JSON: {e}")))?;
    replace(&path, &text).map_err(|e| Error::write(&path, &e))
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = trials::files::temporary(path.parent().unwrap_or(Path::new(".")), ".data-")?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// The best config, with what it claims: a claim that `thawline train` must reach exactly, if the trial ran its full length.
pub(super) fn best(record: &StudyRecord) -> Result<ConfigFile, Error> {
    let chosen = record.best().ok_or_else(|| Error::no_trial("no trial of this study has a value yet"))?;
    let number = chosen.trial;
    let trial = &record.state.trials()[number as usize];
    let about = record.trials.get(number as usize);
    let complete = trial.phase == engine::state::Phase::Complete;
    let claim = trial.values.last().filter(|_| complete).map(|value| Claim {
        study: record.name.clone(),
        value: *value,
        step: about.and_then(|about| about.best_step).unwrap_or(0),
        rule: Some(chosen.rule.to_string()),
    });
    Ok(ConfigFile {
        model: record.space.model.clone(),
        data: record.space.data.clone(),
        objective: record.state.objective,
        config: (*trial.config).clone(),
        ladder: record.state.ladder.clone(),
        eval_every: record.space.settings.eval_every,
        seed: record.space.settings.seed,
        trial: number,
        threads: about.and_then(|about| about.threads),
        claim,
    })
}
