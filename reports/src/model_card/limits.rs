//! What the card does not show.

use search_spaces::data::{Data, Files};

use super::{Card, groups, results};
use crate::{format, summary::Summary};

/// Above this, probabilities are not to be taken at their word.
const MISCALIBRATED: f64 = 0.05;

pub(super) fn limits(card: &Card<'_>, results: &results::Section, groups: Option<&groups::Section>) -> Vec<String> {
    let mut limits = vec![
        "Nobody but its makers can say what the model is meant for, and what it must not be used for: write it here before you publish it."
            .to_owned(),
        sources(card),
    ];
    limits.extend(test(card));
    if card.trained_on_validation {
        limits.push("The validation examples were trained on, so they say nothing of these weights.".to_owned());
    }
    limits.extend(list(&results.rare, "class", "classes").map(|rare| {
        format!(
            "Fewer than {} examples of the {} split have {rare}: what stands above of {} says little.",
            results::FEW,
            results.split,
            them(&results.rare)
        )
    }));
    match groups {
        Some(groups) => limits.extend(list(&groups.small, "group", "groups").map(|small| {
            format!("Fewer than {} examples are in {small}: what stands above of {} says little.", results::FEW, them(&groups.small))
        })),
        None => limits
            .push("Groups of examples were not compared: whether the model does equally well for all of them is not known.".to_owned()),
    }
    if let Some(error) = results.calibration_error.filter(|error| *error > MISCALIBRATED) {
        limits.push(format!("Its probabilities are off by {error:.3} in the mean: do not take them at their word."));
    }
    if let Data::Text(data) = &card.file.data {
        limits.push(format!("What comes after the first {} tokens of a text is not read.", data.max_tokens));
    }
    limits
}

/// Where the figures are from. What somebody gave as a split of its own may be of another source; nothing says so.
fn sources(card: &Card<'_>) -> String {
    let others = if card.is_images() { "cameras, places" } else { "languages, domains" };
    match card.file.data.files() {
        Files::One(_) => {
            format!(
                "All figures are from data of the same source as the training data. Other {others}, times and sources were not looked at."
            )
        }
        Files::Splits { .. } => format!(
            "The splits were given as files of their own: whether their sources are the same is not known here. Other {others}, times and sources than theirs were \
             not looked at."
        ),
    }
}

/// What the test split leaves open.
fn test(card: &Card<'_>) -> Vec<String> {
    let Some(test) = &card.test else {
        let why = if card.validation.is_some() {
            "so what to expect of new data is known from the validation split only"
        } else {
            "so what to expect of new data is not known"
        };
        return vec![format!("There is no figure from a test split, {why}.")];
    };
    let mut limits = Vec::new();
    if let Some([low, high]) = test.interval {
        let half = (high - low) / 2.0;
        limits.push(format!(
            "The test split has {}: differences below about {} in {} cannot be seen with it.",
            format::counted(test.examples, "example"),
            format::apart(card.metric(), half, 0.0),
            card.metric().name().replace('_', " ")
        ));
    }
    let reused = card.study.and_then(|study| Summary::new(study.record, study.tables).test).is_some_and(|test| test.reused);
    if reused {
        limits.push(
            "The study went on after the test split had been looked at, so its figures are no longer independent of it: take others for a final judgement."
                .to_owned(),
        );
    }
    limits
}

fn list(names: &[String], one: &str, many: &str) -> Option<String> {
    const SHOWN: usize = 10;
    match names {
        [] => None,
        [name] => Some(format!("the {one} {name}")),
        names if names.len() > SHOWN => Some(format!("{} {many}", names.len())),
        [others @ .., last] => Some(format!("the {many} {} and {last}", others.join(", "))),
    }
}

fn them(names: &[String]) -> &'static str {
    if names.len() == 1 { "it" } else { "them" }
}
