//! Training on the validation examples, too: once the search is over they have nothing left to judge.
//!
//! Nothing may watch a metric then: there are no examples that the model has not seen. So the course is fixed beforehand: every schedule runs over the full
//! horizon, which has more steps now, and training ends at the same share of it at which the claimed trial had its best weights.

use std::{path::Path, sync::Arc};

use search_spaces::{
    claim::{Claim, ConfigFile},
    config::{Config, Keep, Schedule, Unfreeze},
    ladder::Ladder,
};
use trials::{data::Task, hub::manifest::TrainedOn, prepare::Prepared};

use super::Course;

/// Longer than any training: only its end is evaluated, which the trainer does by itself.
const NEVER: f64 = 1e6;

/// How `file` is trained on both splits. The error is why that cannot be, and the way out.
pub(super) fn course(file: &ConfigFile, prepared: &Prepared) -> Result<Course, String> {
    let task = &prepared.task;
    check(&file.config, file.claim.is_some())?;
    let both = task.train.and(task.validation.as_ref());
    let (before, now) = (file.config.total_steps(task.train.len() as u64), file.config.total_steps(both.len() as u64));
    let ladder = ladder(file.claim.as_ref().map(|claim| claim.step), before, now);
    let task = Task { train: both, ..task.as_ref().clone() };
    let config = Config { keep: Keep::Last, early_stopping: None, ..file.config.clone() };
    Ok(Course {
        file: ConfigFile { config, ladder, eval_every: NEVER, claim: None, ..file.clone() },
        prepared: Prepared { task: Arc::new(task), ..prepared.clone() },
        on: TrainedOn::TrainAndValidation,
        rung: 0,
    })
}

/// Why a config with a claim is not trained on other training examples, and the way out. The claim is of a step, which is a share of a training on the study's
/// examples; how many those were it does not say.
pub(super) fn on_other_data(config: &Path, trial: u32, claim: &Claim) -> String {
    format!(
        "{} claims that trial {trial} of the study {} was best at step {} of a training on the study's examples; which step that would be with those of --data \
         nobody knows, and with --on train+validation training ends by it\n  \
         train without --data, or take `claim` and `early_stopping` out of the config and write `keep: Last` there: then training goes to its full length",
        config.display(),
        claim.study,
        claim.step
    )
}

/// What would need examples that the model has not seen.
fn check(config: &Config, claimed: bool) -> Result<(), String> {
    let needs = |what: &str, instead: &str| {
        Err(format!("`{what}` goes by a metric, and with --on train+validation no examples are left to measure it on: {instead}"))
    };
    match (&config.unfreeze, &config.schedule) {
        (Unfreeze::Gradual { .. }, _) => needs(
            "unfreeze: Gradual",
            "write `Progressive(...)`, which thaws at fixed times, such as those at which the search's trial thawed",
        ),
        (_, Schedule::Plateau { .. }) => {
            needs("schedule: Plateau", "write a schedule that falls at fixed times, such as `Step(...)` or `Cosine`")
        }
        _ if config.early_stopping.is_some() && !claimed => {
            needs("early_stopping", "take a config that a study claims something for, whose best step tells when to stop, or leave it out")
        }
        _ if config.keep == Keep::Best && !claimed => needs(
            "keep: Best",
            "take a config that a study claims something for, whose best step tells when to stop, or write `keep: Last`",
        ),
        _ => Ok(()),
    }
}

/// Ends, at its first rung, at the share of the horizon of `now` steps that `step` was of that of `before` steps; without a step at its end.
fn ladder(step: Option<u64>, before: u64, now: u64) -> Ladder {
    let share = |step: u64| u128::from(step.min(before)) * u128::from(now) + u128::from(before) / 2;
    let end = step.map_or(now, |step| u64::try_from(share(step) / u128::from(before.max(1))).unwrap_or(now).clamp(1, now));
    Ladder { rungs: if end < now { vec![end, now] } else { vec![now] }, ..Ladder::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use search_spaces::space::Space;

    #[test]
    fn training_ends_at_the_claimed_share_of_the_longer_horizon() {
        let end = |step, before, now| {
            let ladder = ladder(step, before, now);
            ladder.step(0, now)
        };
        assert_eq!([end(Some(30), 60, 80), end(Some(60), 60, 80), end(None, 60, 80)], [40, 80, 80]);
        assert_eq!([end(Some(1), 1000, 3), end(Some(99), 60, 80)], [1, 80], "never none, never more than all");
    }

    #[test]
    fn a_step_of_one_training_is_none_of_another() {
        let claim = Claim { study: "reviews".to_owned(), value: 0.9, step: 30, rule: None };
        insta::assert_snapshot!(on_other_data(Path::new("best.ron"), 3, &claim), @"
        best.ron claims that trial 3 of the study reviews was best at step 30 of a training on the study's examples; which step that would be with those of --data nobody knows, and with --on train+validation training ends by it
          train without --data, or take `claim` and `early_stopping` out of the config and write `keep: Last` there: then training goes to its full length
        ");
    }

    #[test]
    fn what_goes_by_a_metric_is_refused_with_the_way_out() {
        let told = |config: &str, claimed| {
            let text = format!("Sweep(model: Path(\"m\"), data: (files: One(Path(\"d\"))), space: ({config}))");
            let space = Space::parse(std::path::Path::new("/s.ron"), &text).unwrap_or_else(|problems| panic!("{problems}"));
            check(&space.config(&search_spaces::domain::Assignment::default()).unwrap(), claimed).err().unwrap_or_default()
        };
        insta::assert_snapshot!(told("unfreeze: Gradual()", true), @"`unfreeze: Gradual` goes by a metric, and with --on train+validation no examples are left to measure it on: write `Progressive(...)`, which thaws at fixed times, such as those at which the search's trial thawed");
        insta::assert_snapshot!(told("schedule: Plateau()", true), @"`schedule: Plateau` goes by a metric, and with --on train+validation no examples are left to measure it on: write a schedule that falls at fixed times, such as `Step(...)` or `Cosine`");
        insta::assert_snapshot!(told("early_stopping: Some((patience: 2))", false), @"`early_stopping` goes by a metric, and with --on train+validation no examples are left to measure it on: take a config that a study claims something for, whose best step tells when to stop, or leave it out");
        insta::assert_snapshot!(told("epochs: 2", false), @"`keep: Best` goes by a metric, and with --on train+validation no examples are left to measure it on: take a config that a study claims something for, whose best step tells when to stop, or write `keep: Last`");
        assert_eq!(told("early_stopping: Some((patience: 2))", true) + &told("keep: Last", false), "");
    }
}
