//! An Optuna journal: what `JournalStorage(JournalFileBackend("journal.log"))` reads, as Optuna 5 writes it (and reads it since version 4).
//!
//! A line an operation, in JSON. Every trial is one entry that makes it with all that is known of it, in the order of their numbers, so that Optuna counts
//! them as Thawline does.

mod distributions;
mod json;
mod trial;

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader},
    path::{Path, PathBuf},
};

use engine::record::StudyRecord;
use search_spaces::{data::Location, goals::Second, settings::Direction};

use self::{
    distributions::Searched,
    json::{Json, object},
};
use super::moments::moments;
use crate::{
    error::ReportError,
    files, format,
    tables::{CurveRow, Tables},
};

/// Of the operations of a journal.
const CREATE_STUDY: i64 = 0;
const SET_STUDY_USER_ATTR: i64 = 2;
const SET_STUDY_SYSTEM_ATTR: i64 = 3;
const CREATE_TRIAL: i64 = 4;

/// Who is said to have written an entry.
const WORKER: &str = "thawline";

/// A study being told.
struct Study<'a> {
    record: &'a StudyRecord,
    tables: &'a Tables,
    searched: Vec<Searched>,
    second: Option<Second>,
}

/// Writes `journal.log` into `dir` in one go. Refuses to replace one to which another program has added something.
pub fn write(record: &StudyRecord, tables: &Tables, dir: &Path) -> Result<PathBuf, ReportError> {
    let path = dir.join("journal.log");
    let added = added(&path).map_err(|source| ReportError::Read { path: path.clone(), source })?;
    if added > 0 {
        return Err(ReportError::Added { path, added });
    }
    files::create_dir(dir)?;
    files::write(&path, journal(record, tables).as_bytes())
}

/// The whole journal.
pub fn journal(record: &StudyRecord, tables: &Tables) -> String {
    let searched = distributions::searched(&record.space, &tables.parameters);
    let study = Study { record, tables, searched, second: tables.second };
    let mut entries = vec![study.created()];
    entries.extend(study.attributes());
    let mut curves: Vec<Vec<&CurveRow>> = vec![Vec::new(); tables.trials.len()];
    for row in &tables.curves {
        curves[row.trial as usize].push(row);
    }
    let trials = tables.trials.iter().zip(record.state.trials()).zip(moments(record)).zip(&curves);
    entries.extend(trials.map(|(((row, trial), moments), curve)| trial::entry(&study, row, trial, moments, curve)));
    let mut lines: Vec<String> = entries.iter().map(ToString::to_string).collect();
    lines.push(String::new());
    lines.join("\n")
}

impl Study<'_> {
    fn metric(&self) -> &str {
        self.record.state.objective.metric.name()
    }

    /// What trial `number` has of the second objective, if there is one: the worst where it is not known or not finite, which Optuna can compare.
    fn second(&self, number: u32) -> Option<f64> {
        let second = self.second?;
        let measured = self.record.trials.get(number as usize).and_then(|trial| trial.measured.last().copied());
        let worst = match second.direction {
            Direction::Maximize => f64::NEG_INFINITY,
            Direction::Minimize => f64::INFINITY,
        };
        Some(measured.filter(|value| value.is_finite()).unwrap_or(worst))
    }

    fn created(&self) -> Json {
        let direction = |direction| match direction {
            Direction::Minimize => Json::Integer(1),
            Direction::Maximize => Json::Integer(2),
        };
        let directions = [Some(self.record.state.objective.direction), self.second.map(|second| second.direction)];
        object([
            ("op_code", Json::Integer(CREATE_STUDY)),
            ("worker_id", WORKER.into()),
            ("study_name", self.record.name.as_str().into()),
            ("directions", Json::List(directions.into_iter().flatten().map(direction).collect())),
        ])
    }

    fn attributes(&self) -> Vec<Json> {
        let record = self.record;
        let settings = &record.space.settings;
        let names: Vec<&str> =
            [Some(self.metric()), self.second.as_ref().map(|second| second.measure.name())].into_iter().flatten().collect();
        let attribute = |op_code: i64, kind: &str, key: &str, value: Json| {
            object([
                ("op_code", Json::Integer(op_code)),
                ("worker_id", WORKER.into()),
                ("study_id", Json::Integer(0)),
                (kind, object([(key, value)])),
            ])
        };
        let best = record.best();
        let model = match &record.space.model {
            Location::Path(path) => path.display().to_string(),
            Location::Asset(name) => name.clone(),
        };
        let user = [
            ("written_by", concat!("thawline ", env!("CARGO_PKG_VERSION")).into()),
            ("steps_are", "training examples seen".into()),
            ("rungs", self.tables.ladder.clone().into()),
            ("finished", record.finished.into()),
            ("best_training", best.map(|best| best.trial).into()),
            ("best_training_is", best.map(|best| best.rule.to_string()).into()),
            ("seed", settings.seed.into()),
            ("sampler", format!("{:?}", settings.sampler).into()),
            ("scheduler", format!("{:?}", settings.scheduler).into()),
            ("model", model.into()),
            ("space", record.space_hash.as_str().into()),
        ];
        let user = user.into_iter().filter(|(_, value)| *value != Json::None);
        std::iter::once(attribute(SET_STUDY_SYSTEM_ATTR, "system_attr", "study:metric_names", names.into()))
            .chain(user.map(|(key, value)| attribute(SET_STUDY_USER_ATTR, "user_attr", key, value)))
            .collect()
    }
}

/// As Optuna writes moments.
fn moment(millis: i64) -> String {
    let minutes = format::date(millis);
    let rest = millis.rem_euclid(60_000);
    format!("{}:{:02}.{:03}000+00:00", minutes.trim_end_matches(" UTC").replace(' ', "T"), rest / 1000, rest % 1000)
}

/// How many entries of the journal at `path` others than this program have written.
fn added(path: &Path) -> io::Result<usize> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        file => file?,
    };
    let ours = |line: &[u8]| {
        let code = line.strip_prefix(b"{\"op_code\":").unwrap_or(b"?");
        let digits = code.iter().take_while(|byte| byte.is_ascii_digit()).count();
        code[digits..].starts_with(format!(",\"worker_id\":\"{WORKER}\",").as_bytes())
    };
    BufReader::new(file).split(b'\n').try_fold(0, |added, line| Ok(added + usize::from(!ours(&line?))))
}

#[cfg(test)]
mod tests {
    use engine::state::Phase;

    use super::*;
    use crate::testing::{running_record, sample_record, with_finalists, with_goals};

    fn journal_of(record: &StudyRecord) -> String {
        journal(record, &Tables::new(record))
    }

    /// The trials as Python would have them, but for `NaN`, which serde does not read.
    fn trials(record: &StudyRecord) -> Vec<serde_json::Value> {
        let journal = journal_of(record).replace(":NaN", ":null").replace(",NaN", ",null");
        journal.lines().map(|line| serde_json::from_str(line).unwrap()).filter(|entry: &serde_json::Value| entry["op_code"] == 4).collect()
    }

    #[test]
    fn a_small_journal() {
        let mut record = sample_record(2, 2, 1);
        record.space.parameters.truncate(3);
        let journal = journal_of(&record);
        let (study, trials): (Vec<&str>, Vec<&str>) = journal.lines().partition(|line| !line.starts_with("{\"op_code\":4"));
        insta::assert_snapshot!(study.join("\n"), @r#"
        {"op_code":0,"worker_id":"thawline","study_name":"sample","directions":[2]}
        {"op_code":3,"worker_id":"thawline","study_id":0,"system_attr":{"study:metric_names":["accuracy"]}}
        {"op_code":2,"worker_id":"thawline","study_id":0,"user_attr":{"written_by":"thawline 0.1.0"}}
        {"op_code":2,"worker_id":"thawline","study_id":0,"user_attr":{"steps_are":"training examples seen"}}
        {"op_code":2,"worker_id":"thawline","study_id":0,"user_attr":{"rungs":[1780,5340]}}
        {"op_code":2,"worker_id":"thawline","study_id":0,"user_attr":{"finished":true}}
        {"op_code":2,"worker_id":"thawline","study_id":0,"user_attr":{"best_training":0}}
        {"op_code":2,"worker_id":"thawline","study_id":0,"user_attr":{"best_training_is":"the best value of the search"}}
        {"op_code":2,"worker_id":"thawline","study_id":0,"user_attr":{"seed":1}}
        {"op_code":2,"worker_id":"thawline","study_id":0,"user_attr":{"sampler":"Tpe"}}
        {"op_code":2,"worker_id":"thawline","study_id":0,"user_attr":{"scheduler":"Asha"}}
        {"op_code":2,"worker_id":"thawline","study_id":0,"user_attr":{"model":"all-MiniLM-L6-v2"}}
        {"op_code":2,"worker_id":"thawline","study_id":0,"user_attr":{"space":"0000000000000000000000000000000000000000000000000000000000000000"}}
        "#);
        insta::assert_snapshot!(trials[1], @r#"{"op_code":4,"worker_id":"thawline","study_id":0,"datetime_start":"2026-11-23T05:19:00.000000+00:00","state":2,"value":0.6561797752808989,"values":null,"datetime_complete":"2026-11-23T05:19:03.984000+00:00","distributions":{"batch_size":"{\"name\":\"CategoricalDistribution\",\"attributes\":{\"choices\":[8,16,32]}}","optimizer":"{\"name\":\"CategoricalDistribution\",\"attributes\":{\"choices\":[\"AdamW\",\"Sgd\"]}}","optimizer.AdamW.learning_rate":"{\"name\":\"FloatDistribution\",\"attributes\":{\"step\":null,\"low\":1e-5,\"high\":0.001,\"log\":true}}"},"params":{"batch_size":1,"optimizer":0,"optimizer.AdamW.learning_rate":1.2823760329773584e-5},"user_attrs":{"kind":"search","phase":"paused","rung_values":[0.6561797752808989],"steps":112,"seconds":3.984,"trainable_parameters":1925,"best_step":112,"validation_loss":0.6344943820224719},"system_attrs":{},"intermediate_values":{"448":0.3775280898876405,"896":0.5056179775280899,"1344":0.597752808988764,"1792":0.6561797752808989}}"#);
    }

    #[test]
    fn states_are_those_that_optuna_knows() {
        let of = |record: &StudyRecord, wanted: fn(Phase) -> bool| {
            let place = record.state.trials().iter().position(|trial| wanted(trial.phase)).unwrap();
            trials(record)[place].clone()
        };
        let record = sample_record(12, 3, 1);
        let paused: fn(Phase) -> bool = |phase| matches!(phase, Phase::Paused { .. });
        let pruned = of(&record, paused);
        let last = pruned["intermediate_values"].as_object().unwrap().iter().max_by_key(|(step, _)| step.parse::<u64>().unwrap()).unwrap();
        assert_eq!((&pruned["state"], &pruned["value"]), (&2.into(), last.1));
        let failed = of(&record, |phase| matches!(phase, Phase::Failed { .. }));
        assert_eq!((&failed["state"], &failed["value"]), (&3.into(), &serde_json::Value::Null));
        assert!(failed["user_attrs"]["cause"].as_str().unwrap().starts_with("the training loss became NaN"));
        let record = running_record(12, 3, 1);
        for running in [of(&record, paused), of(&record, |phase| matches!(phase, Phase::Active { .. }))] {
            assert_eq!((&running["state"], running.get("datetime_complete")), (&0.into(), None));
        }
    }

    #[test]
    fn with_two_objectives_there_are_two_values_and_no_intermediate_ones() {
        let mut record = sample_record(12, 3, 1);
        with_goals(&mut record, vec![search_spaces::goals::Constraint::TrainableParameters(3_500_000)]);
        assert!(journal_of(&record).starts_with(r#"{"op_code":0,"worker_id":"thawline","study_name":"sample","directions":[2,1]}"#));
        let trial = trials(&record).swap_remove(0);
        assert_eq!((&trial["value"], trial["values"][1].as_f64()), (&serde_json::Value::Null, Some(8e6)));
        assert_eq!(trial["intermediate_values"], serde_json::json!({}));
        assert!(trial["user_attrs"]["curve"].as_array().unwrap().len() > 3);
        assert!(trial["system_attrs"]["constraints"][0].as_f64().unwrap() > 1.0);
    }

    #[test]
    fn finalists_have_their_own_numbers_and_their_parents_parameters() {
        let mut record = sample_record(12, 3, 1);
        let best = record.best().unwrap().trial;
        with_finalists(&mut record, &[(best, &[Some(0.9), None])]);
        let trials = trials(&record);
        assert_eq!(trials.len(), 14);
        assert_eq!((&trials[12]["user_attrs"]["parent"], &trials[12]["user_attrs"]["kind"]), (&best.into(), &"finalist".into()));
        assert_eq!(trials[12]["params"], trials[best as usize]["params"]);
        assert_eq!(trials[13]["state"], 3);
    }

    #[test]
    fn a_journal_is_replaced_unless_others_have_written_into_it() {
        let dir = tempfile::tempdir().unwrap();
        let record = sample_record(5, 2, 0);
        let tables = Tables::new(&record);
        let path = write(&record, &tables, dir.path()).unwrap();
        assert_eq!(write(&record, &tables, dir.path()).unwrap(), path);
        let ours = std::fs::read_to_string(&path).unwrap();
        assert_eq!(ours, journal(&record, &tables));
        let theirs = format!("{ours}{{\"op_code\":4,\"worker_id\":\"0c1d-139\",\"study_id\":0}}\n");
        std::fs::write(&path, &theirs).unwrap();
        let error = write(&record, &tables, dir.path()).unwrap_err().to_string();
        assert!(
            error.ends_with("holds 1 entries that another program has added, which would be lost; move it elsewhere, then write it again"),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), theirs);
    }

    #[test]
    fn moments_are_utc() {
        assert_eq!(moment(1_795_411_140_042), "2026-11-23T05:19:00.042000+00:00");
        assert_eq!(moment(-1), "1969-12-31T23:59:59.999000+00:00");
    }
}
