//! TensorBoard event files: a folder for each trial with its curves over training examples seen, and what the HParams plugin needs to list the trials.
//!
//! The events are those that TensorFlow's summary writers leave; TensorBoard's own reader and its data server read them.

mod hparams;
mod proto;
mod records;
mod run;
mod summaries;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use engine::record::StudyRecord;
use prost::Message as _;
use search_spaces::goals::Measure;

use self::{
    hparams::Searched,
    proto::{Dataset, Event, HParamsData},
    run::{Run, VALUE},
    summaries::{event, seconds, version},
};
use super::moments::moments;
use crate::{error::ReportError, files, tables::Tables};

/// How names of event files begin, and how those written here end.
const PREFIX: &str = "events.out.tfevents.";
const SUFFIX: &str = ".thawline";

/// A study being told.
struct Study<'a> {
    searched: Vec<Searched<'a>>,
    metric: &'a str,
    /// Of constraints and the second objective.
    measures: Vec<Measure>,
    finished: bool,
}

/// Writes event files into `dir`, in whose place they come together: nothing of a former report is left. Refuses to replace a folder that holds anything else.
pub fn write(record: &StudyRecord, tables: &Tables, dir: &Path) -> Result<PathBuf, ReportError> {
    let found = not_ours(dir).map_err(|source| ReportError::Read { path: dir.to_owned(), source })?;
    if let Some(found) = found {
        return Err(ReportError::NotOurs { path: dir.to_owned(), found });
    }
    files::replace_dir(dir, event_files(record, tables))?;
    Ok(dir.to_owned())
}

/// Event files by their paths within the log folder, one of each trial. What is told of the study stands in the first: in a file of its own it would look like
/// one more run.
pub fn event_files<'a>(record: &'a StudyRecord, tables: &'a Tables) -> impl Iterator<Item = (PathBuf, Vec<u8>)> + 'a {
    let (study, runs) = (Study::new(record, tables), runs(record, tables));
    let mut of_study = Some(study.experiment(record, tables));
    // Of a study without trials.
    let alone = of_study.take_if(|_| runs.is_empty()).map(|event| {
        let name = PathBuf::from(file_name(record.created_at));
        (name, encoded(&[version(record.created_at), event]))
    });
    let of_trials = runs.into_iter().map(move |run| {
        let mut events = run::events(&study, &run);
        events.splice(1..1, of_study.take());
        (Path::new(&run_name(run.row.number)).join(file_name(run.moments.start)), encoded(&events))
    });
    alone.into_iter().chain(of_trials)
}

/// Where what a constraint or the second objective measures is told. A program's own metric may be called like anything else.
fn measure_tag(measure: Measure) -> String {
    let of = if measure.metric().is_some() { "validation_" } else { "" };
    format!("trial/{of}{}", measure.name())
}

impl<'a> Study<'a> {
    fn new(record: &'a StudyRecord, tables: &'a Tables) -> Study<'a> {
        Study {
            searched: hparams::searched(tables),
            metric: record.state.objective.metric.name(),
            measures: tables.measures.clone(),
            finished: record.finished,
        }
    }

    /// What the HParams plugin looks for in any of the runs.
    fn experiment(&self, record: &StudyRecord, tables: &Tables) -> Event {
        let mut metrics = vec![(VALUE.to_owned(), format!("{} as ranked", self.metric), Dataset::Validation)];
        metrics.extend(self.measures.iter().map(|measure| (measure_tag(*measure), measure.name().to_owned(), Dataset::Validation)));
        let curves = tables.metrics.iter();
        metrics.extend(curves.map(|name| (format!("validation/{name}"), format!("last validation {name}"), Dataset::Validation)));
        metrics.push(("train/loss".to_owned(), "last training loss".to_owned(), Dataset::Training));
        let at = record.created_at;
        let experiment = hparams::experiment(&record.name, seconds(at), &self.searched, &metrics);
        event(at, 0, vec![summaries::hparams(HParamsData::Experiment(experiment))])
    }
}

fn runs<'a>(record: &'a StudyRecord, tables: &'a Tables) -> Vec<Run<'a>> {
    let measured = |number: usize| record.trials.get(number).map_or(&[][..], |trial| &trial.measured);
    let rows = tables.trials.iter().zip(moments(record)).enumerate();
    let run =
        |(number, (row, moments))| Run { row, moments, evaluations: BTreeMap::new(), segments: Vec::new(), measured: measured(number) };
    let mut runs: Vec<Run<'a>> = rows.map(run).collect();
    for entry in &record.evaluations {
        if let Some(run) = runs.get_mut(entry.trial as usize) {
            run.evaluations.insert(entry.evaluation.step, entry);
        }
    }
    for segment in &record.segments {
        if let Some(run) = runs.get_mut(segment.trial as usize) {
            run.segments.push(segment);
        }
    }
    runs
}

/// `trial-0007`.
fn run_name(trial: u32) -> String {
    format!("trial-{trial:04}")
}

fn file_name(millis: i64) -> String {
    format!("{PREFIX}{:010}{SUFFIX}", millis.div_euclid(1000))
}

fn encoded(events: &[Event]) -> Vec<u8> {
    let mut file = Vec::new();
    for event in events {
        records::append(&mut file, &event.encode_to_vec());
    }
    file
}

/// Something at `dir` that [`write`] has not written.
fn not_ours(dir: &Path) -> io::Result<Option<String>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let run = name.strip_prefix("trial-").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
        if !run {
            if !is_event_file(&name) {
                return Ok(Some(name));
            }
            continue;
        }
        for inner in fs::read_dir(entry.path())? {
            let inner = inner?.file_name().to_string_lossy().into_owned();
            if !is_event_file(&inner) {
                return Ok(Some(format!("{name}/{inner}")));
            }
        }
    }
    Ok(None)
}

fn is_event_file(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

#[cfg(test)]
mod tests {
    use super::{
        proto::{Content, HParams, What},
        *,
    };
    use crate::testing::{running_record, sample_record, with_finalists, with_goals};

    /// The file of `trial`, an event a line.
    fn told(record: &StudyRecord, trial: usize) -> String {
        let tables = Tables::new(record);
        let (_, bytes) = event_files(record, &tables).nth(trial).unwrap();
        let lines = records::read(&bytes).unwrap().into_iter().map(|bytes| line(&Event::decode(bytes).unwrap()));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn line(event: &Event) -> String {
        let values = match event.what.as_ref().unwrap() {
            What::FileVersion(version) => vec![version.clone()],
            What::Summary(summary) => summary.values.iter().map(value).collect(),
        };
        format!("{:.3} {}: {}", event.wall_time, event.step, values.join(", "))
    }

    fn value(value: &proto::SummaryValue) -> String {
        let plugin = value.metadata.as_ref().and_then(|metadata| metadata.plugin.as_ref());
        let content = match (value.content.as_ref().unwrap(), plugin) {
            (Content::Simple(value), _) => value.to_string(),
            (Content::Tensor(tensor), _) if !tensor.strings.is_empty() => String::from_utf8(tensor.strings[0].clone()).unwrap(),
            (Content::Tensor(_), Some(plugin)) => match HParams::decode(&*plugin.content).unwrap().data.unwrap() {
                HParamsData::Experiment(experiment) => format!("{} parameters", experiment.parameters.len()),
                HParamsData::Start(start) => format!("{}: {}", start.group, start.parameters.into_keys().collect::<Vec<_>>().join(" ")),
                HParamsData::End(end) => format!("{:?} {:.3}", end.status(), end.end),
            },
            (Content::Tensor(_), None) => "nothing".to_owned(),
        };
        format!("{} = {content}", value.tag)
    }

    #[test]
    fn the_run_of_a_trial_that_failed() {
        let mut record = sample_record(5, 2, 0);
        record.evaluations.retain(|entry| entry.evaluation.step > 20);
        insta::assert_snapshot!(told(&record, 3), @"
        1795443557.360 0: brain.Event:2
        1795443557.360 0: _hparams_/session_start_info = trial-0003: batch_size dropout.hidden optimizer optimizer.Sgd.learning_rate optimizer.Sgd.momentum unfreeze warmup
        1795443560.550 440: train/loss = inf, validation/accuracy = NaN, validation/loss = inf, learning_rate/embeddings = 0.1024089, learning_rate/layer.0 = 0.1024089, learning_rate/layer.1 = 0.1024089, learning_rate/layer.2 = 0.1024089, learning_rate/layer.3 = 0.1024089, learning_rate/layer.4 = 0.1024089, learning_rate/layer.5 = 0.1024089, learning_rate/head = 0.1024089
        1795443561.710 600: train/loss = inf, validation/accuracy = NaN, validation/loss = inf, learning_rate/embeddings = 0.099073105, learning_rate/layer.0 = 0.099073105, learning_rate/layer.1 = 0.099073105, learning_rate/layer.2 = 0.099073105, learning_rate/layer.3 = 0.099073105, learning_rate/layer.4 = 0.099073105, learning_rate/layer.5 = 0.099073105, learning_rate/head = 0.099073105
        1795443562.110 600: cause =     the training loss became NaN at step 31: a lower learning rate, warm-up or clip_norm usually helps
        1795443562.110 600: _hparams_/session_end_info = Failure 1795443562.110
        ");
    }

    #[test]
    fn the_study_and_what_runs() {
        let mut record = running_record(12, 3, 1);
        with_goals(&mut record, Vec::new());
        let first: Vec<String> = told(&record, 0).lines().take(3).map(str::to_owned).collect();
        insta::assert_snapshot!(first.join("\n"), @"
        1795411140.000 0: brain.Event:2
        1795411140.000 0: _hparams_/experiment = 10 parameters
        1795411140.000 0: _hparams_/session_start_info = trial-0000: batch_size dropout.hidden optimizer optimizer.AdamW.learning_rate optimizer.AdamW.weight_decay unfreeze warmup
        ");
        let running = record.segments.iter().find(|segment| segment.end.is_none()).unwrap().trial as usize;
        let last: Vec<String> = told(&record, running).lines().rev().take(2).map(str::to_owned).collect();
        insta::assert_snapshot!(last.join("\n"), @"
        1795443613.692 1344: _hparams_/session_end_info = Running 0.000
        1795443613.692 1344: trial/trainable_parameters = 8000000
        ");
    }

    #[test]
    fn further_trainings_are_sessions_of_their_finalist() {
        let mut record = sample_record(12, 3, 1);
        let best = record.best().unwrap().trial;
        with_finalists(&mut record, &[(best, &[Some(0.9)])]);
        insta::assert_snapshot!(told(&record, 12), @"
        1795443617.340 0: brain.Event:2
        1795443617.340 0: _hparams_/session_start_info = trial-0006: batch_size dropout.hidden optimizer optimizer.AdamW.learning_rate optimizer.AdamW.weight_decay unfreeze warmup
        1795443626.340 0: trial/value = 0.9
        1795443626.340 0: _hparams_/session_end_info = Success 1795443626.340
        ");
    }

    #[test]
    fn nothing_of_a_former_report_is_left_and_nothing_of_others_is_lost() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("tensorboard");
        let runs = || {
            let mut runs: Vec<String> = fs::read_dir(&dir).unwrap().map(|run| run.unwrap().file_name().into_string().unwrap()).collect();
            runs.sort();
            runs
        };
        for trials in [5, 2] {
            let record = sample_record(trials, 2, 0);
            write(&record, &Tables::new(&record), &dir).unwrap();
        }
        assert_eq!(runs(), ["trial-0000", "trial-0001"]);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1, "temporary folders are gone");
        fs::write(dir.join("trial-0001/notes.txt"), "mine").unwrap();
        let record = sample_record(1, 2, 0);
        let error = write(&record, &Tables::new(&record), &dir).unwrap_err().to_string();
        assert!(error.contains("trial-0001/notes.txt in it is not of a former report"), "{error}");
        assert_eq!(runs().len(), 2);
        let record = sample_record(0, 2, 0);
        let alone: Vec<PathBuf> = event_files(&record, &Tables::new(&record)).map(|(path, _)| path).collect();
        assert_eq!(alone, [Path::new("events.out.tfevents.1795411140.thawline")]);
    }
}
