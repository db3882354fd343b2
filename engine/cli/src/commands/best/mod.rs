//! `thawline best`

mod yaml;

use engine::record::StudyRecord;
use search_spaces::{claim::ConfigFile, data::Data};
use serde::Serialize;
use serde_json::Value;
use trials::hub::training_arguments::Foreign;

use super::{report, study};
use crate::{
    args::{Best, Format},
    context::Context,
    exit::Error,
};

/// What leaves the study for other programs.
#[derive(Debug, Serialize)]
struct Leaving {
    /// What the study measured; `null` before the trial has been trained in full.
    claim: Option<Claim>,
    #[serde(flatten)]
    foreign: Foreign,
    model: Value,
    data: Value,
}

#[derive(Debug, Serialize)]
struct Claim {
    study: String,
    trial: u32,
    rule: Option<String>,
    metric: String,
    /// On the validation split.
    value: f64,
    /// The step whose weights have it.
    step: u64,
    test: Option<Test>,
}

#[derive(Debug, Serialize)]
struct Test {
    value: f64,
    low: f64,
    high: f64,
    examples: u64,
}

pub(super) fn run(arguments: &Best, context: &mut Context) -> Result<(), Error> {
    let (_, record) = study::read(&arguments.study)?;
    if arguments.format == Format::Ron {
        return context.say(report::best_ron(&record)?.trim_end());
    }
    let best = report::best(&record)?;
    // A claim has it with the rest.
    if let Some(words) = report::provisional(&record) {
        context.note(words);
    }
    let leaving = leaving(&record, &best)?;
    if arguments.format == Format::Json {
        context.say_json(&leaving)
    } else {
        let value = serde_json::to_value(&leaving).map_err(|e| Error::failed(format!("cannot write JSON: {e}")))?;
        context.say(yaml::text(&value).trim_end())
    }
}

fn leaving(record: &StudyRecord, best: &ConfigFile) -> Result<Leaving, Error> {
    let json = |value: Result<Value, serde_json::Error>| value.map_err(|e| Error::failed(format!("cannot write JSON: {e}")));
    let look = record.looks.iter().rev().find(|look| look.tested.trial == best.trial);
    let claim = best.claim.as_ref().map(|claim| Claim {
        study: claim.study.clone(),
        trial: best.trial,
        rule: claim.rule.clone(),
        metric: best.objective.metric.name().to_owned(),
        value: claim.value,
        step: claim.step,
        test: look.map(|look| Test {
            value: look.tested.value,
            low: look.tested.low,
            high: look.tested.high,
            examples: look.tested.examples,
        }),
    });
    let data = match &best.data {
        Data::Text(data) => serde_json::to_value(data),
        Data::Images(data) => serde_json::to_value(data),
    };
    Ok(Leaving { claim, foreign: Foreign::of(best), model: json(serde_json::to_value(&best.model))?, data: json(data)? })
}
