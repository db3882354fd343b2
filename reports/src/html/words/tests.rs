use engine::{record::StudyRecord, state::Phase, study::Dropped};
use search_spaces::goals::Constraint;

use super::{goals, paragraphs};
use crate::{
    summary::Summary,
    tables::Tables,
    testing::{running_record, sample_record, with_finalists, with_goals, with_test},
};

fn words(record: &StudyRecord, validation: Option<u64>) -> String {
    paragraphs(&Summary::new(record, &Tables::new(record)), validation).join("\n")
}

#[test]
fn a_finished_study() {
    insta::assert_snapshot!(words(&sample_record(40, 3, 1), Some(445)), @"
    Trial 28 won with an accuracy of 0.962 on the validation split, against 0.924 of the default recipe: +3.8 points.
    This was measured on 445 validation examples, so one standard error of that accuracy is 0.9 points; differences smaller than about twice that may be chance. The best of many trials is also a little lucky: expect somewhat less on new data.
    40 trials: 11 reached the full length, 1 stopped by early stopping, 24 ended early at a rung, 4 failed.
    Early termination saved 49 % of full-length training: 6,131 optimizer steps instead of 12,072. It took 4 min 13 s of active time on 2 slots, with seed 1.
    ");
}

#[test]
fn a_gain_that_may_be_chance_is_called_so() {
    let record = sample_record(40, 3, 1);
    let summary = Summary::new(&record, &Tables::new(&record));
    let (best, gain) = (summary.best.as_ref().unwrap().value, summary.gain().unwrap());
    // So many that two standard errors are the gain.
    let enough = (best * (1.0 - best) / (gain / 2.0).powi(2)) as u64;
    let said = |examples| words(&record, Some(examples)).contains("the gain over the default recipe is one of them");
    assert_eq!((said(enough - 1), said(enough + 2)), (true, false));
}

#[test]
fn a_study_that_goes_on() {
    insta::assert_snapshot!(words(&running_record(40, 3, 1), None).lines().skip(2).collect::<Vec<_>>().join("\n"), @"
40 trials: 10 reached the full length, 1 stopped by early stopping, 24 waiting at a rung, 1 still running, 4 failed.
The search has not ended, so what early termination saves is not known yet; 6,717 optimizer steps so far. It has taken 4 min 12 s of active time on 2 slots, with seed 1.
");
}

#[test]
fn finalists_and_the_test_split() {
    let mut record = sample_record(40, 3, 1);
    let best: Vec<u32> = record.state.leaderboard().into_iter().take(3).collect();
    let values: [&[Option<f64>]; 3] = [&[Some(0.944), Some(0.951)], &[Some(0.951), Some(0.957)], &[Some(0.916), Some(0.902)]];
    with_finalists(&mut record, &best.iter().copied().zip(values).collect::<Vec<_>>());
    let exported = record.best().unwrap().trial;
    with_test(&mut record, exported, (0.9371, 0.9124, 0.9573));
    insta::assert_snapshot!(words(&record, Some(445)), @"
    Trial 23 won with an accuracy of 0.955 on the validation split in the mean of 3 trainings, against 0.924 of the default recipe: +3.1 points.
    The best 3 configs of the search were trained with 2 other seeds each; the best mean won. In the search trial 23 had 0.957, which is part of its mean; its trainings differ by the seed alone, with a standard deviation of 0.004. Another seed might as well have put trials 28 and 6 first (95 % intervals). What leaves the study is the training in the middle, trial 44.
    On the test split, 445 examples that the search never saw, trial 44 has an accuracy of 0.937 (95 % interval 0.912 to 0.957). The search, at 0.957, had overestimated this config by 2.0 points (95 % interval +0.0 to +4.5 points).
    This was measured on 445 validation examples, so one standard error of that accuracy is 1.0 points; differences smaller than about twice that may be chance.
    40 trials: 11 reached the full length, 1 stopped by early stopping, 24 ended early at a rung, 4 failed.
    Early termination saved 49 % of full-length training: 6,131 optimizer steps instead of 12,072. It took 5 min 07 s of active time on 2 slots, with seed 1.
    ");
    // More trials since, one of them better.
    with_test(&mut record, best[0], (0.9629, 0.9400, 0.9800));
    insta::assert_snapshot!(words(&record, Some(445)).lines().nth(2).unwrap(), @"On the test split, 445 examples that the search never saw, trial 28, the best before the study went on, has an accuracy of 0.963 (95 % interval 0.940 to 0.980). The search, at 0.962, had not overestimated this config (95 % interval of the overestimate -1.8 to +2.2 points). The study went on after the test split had been looked at, so these figures are no longer independent of it: take others for a final judgement.");
    // One finalist, for want of time.
    let mut record = sample_record(40, 3, 1);
    with_finalists(&mut record, &[(best[0], &[Some(0.944)])]);
    insta::assert_snapshot!(words(&record, None).lines().take(2).collect::<Vec<_>>().join("\n"), @"
    Trial 28 won with an accuracy of 0.953 on the validation split in the mean of 2 trainings, against 0.924 of the default recipe: +2.9 points.
    The best config of the search was trained with 1 other seed. In the search trial 28 had 0.962, which is part of its mean; its trainings differ by the seed alone, with a standard deviation of 0.013. What leaves the study is the training in the middle, trial 40.
    ");
}

#[test]
fn constraints_and_a_second_objective() {
    let goals_of = |constraints| {
        let mut record = sample_record(40, 3, 1);
        with_goals(&mut record, constraints);
        goals(&Summary::new(&record, &Tables::new(&record))).join("\n")
    };
    insta::assert_snapshot!(goals_of(Vec::new()), @"6 trials of full length are beaten by no other in both accuracy and trainable_parameters, from trial 28 with 0.962 and 8,000,000 to trial 2 with 0.658 and 1,000,000. What won is the best by accuracy alone.");
    insta::assert_snapshot!(goals_of(vec![Constraint::TrainableParameters(3_500_000), Constraint::GroupGap(0.035)]), @"
    Of 39 trials with a value 6 keep trainable_parameters <= 3,500,000, group_gap <= 0.035; what leads does. Whatever exceeds a limit ranks below all that keeps to it.
    One trial is better than all others of full length in both accuracy and trainable_parameters: trial 2 with 0.658 and 1,000,000.
    ");
    insta::assert_snapshot!(goals_of(vec![Constraint::TrainableParameters(1)]), @"
    None of the 39 trials with a value keeps trainable_parameters <= 1. What won exceeds the limits least, and must not be used where they are binding.
    There is no Pareto front of accuracy and trainable_parameters: no full-length trial keeps the constraints.
    ");
    insta::assert_snapshot!(goals_of(vec![Constraint::SecondsPerEpoch(3.5)]), @"
    Every trial with a value keeps seconds_per_epoch <= 3.5 s; what won does. Whatever exceeds a limit ranks below all that keeps to it.
    6 trials of full length are beaten by no other in both accuracy and trainable_parameters, from trial 28 with 0.962 and 8,000,000 to trial 2 with 0.658 and 1,000,000. What won is the best by accuracy alone.
    ");
}

/// Trial 0 exceeds a limit, and so do others where `others` says so.
fn exceeding(record: &mut StudyRecord, others: impl Fn(u32) -> bool) {
    record.state.constraints = vec![Constraint::GroupGap(0.1)];
    for number in 0..record.state.trials().len() as u32 {
        let exceeded = if number == 0 || others(number) { 0.5 } else { 0.0 };
        record.state.change(number, |trial| trial.exceeded = vec![exceeded; trial.values.len()]);
    }
}

fn first(record: &StudyRecord) -> String {
    words(record, None).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn what_exceeds_a_limit_is_not_forgotten() {
    // Better than the default recipe are some that exceed the limit.
    let mut record = sample_record(40, 3, 1);
    exceeding(&mut record, |number| number % 2 == 0 || number > 2);
    record.state.change(0, |trial| trial.exceeded = vec![0.0; trial.values.len()]);
    insta::assert_snapshot!(first(&record), @"No trial that keeps the constraints did better than the default recipe, which reached an accuracy of 0.924 on the validation split.");
    // All do, the default recipe least.
    exceeding(&mut record, |_| true);
    record.state.change(0, |trial| trial.exceeded = vec![0.1; trial.values.len()]);
    insta::assert_snapshot!(first(&record), @"No trial exceeds the constraints less than the default recipe, which reached an accuracy of 0.924 on the validation split.");
    // Of full length is only what exceeds it, the default recipe included.
    let mut record = running_record(40, 3, 1);
    let full: Vec<bool> = record.state.trials().iter().map(|trial| trial.phase == Phase::Complete).collect();
    exceeding(&mut record, |number| full[number as usize]);
    insta::assert_snapshot!(first(&record), @"No trial that keeps the constraints has reached its full length yet. So far trial 37 leads with an accuracy of 0.903 on the validation split at rung 1. The default recipe, which exceeds a limit, has gone further; at rung 1 it had 0.796 against 0.903 of trial 37 there: +10.7 points.");
    let tables = Tables::new(&record);
    insta::assert_snapshot!(goals(&Summary::new(&record, &tables)).join("\n"), @"Of 39 trials with a value 28 keep group_gap <= 0.100; what leads does. Whatever exceeds a limit ranks below all that keeps to it.");
    // The default recipe waits, and exceeds it already.
    let mut record = sample_record(40, 3, 1);
    exceeding(&mut record, |_| false);
    record.state.change(0, |trial| {
        trial.values.truncate(1);
        trial.phase = Phase::Paused { rung: 0 };
    });
    insta::assert_snapshot!(first(&record), @"Trial 28 won with an accuracy of 0.962 on the validation split. The default recipe, which exceeds a limit, has come to rung 0 only, with 0.515 against 0.645 of trial 28 there: +13.0 points.");
}

#[test]
fn a_front_that_is_not_there_and_a_winner_by_its_mean() {
    // Trained in full and within the limit, but the second measure is not finite.
    let mut record = sample_record(12, 3, 1);
    with_goals(&mut record, vec![Constraint::TrainableParameters(u64::MAX)]);
    for number in 0..12 {
        record.state.change(number, |trial| trial.second = vec![f64::INFINITY; trial.values.len()]);
    }
    let said = |record: &StudyRecord| goals(&Summary::new(record, &Tables::new(record))).pop().unwrap_or_default();
    insta::assert_snapshot!(said(&record), @"There is no Pareto front of accuracy and trainable_parameters: no full-length trial has a value of both.");
    // Nothing trained in full yet, with constraints or without.
    for trial in 0..12 {
        record.state.change(trial, |trial| (trial.values, trial.phase) = (vec![0.5], Phase::Paused { rung: 0 }));
    }
    insta::assert_snapshot!(said(&record), @"There is no Pareto front of accuracy and trainable_parameters yet: no trial has been trained in full.");
    let mut record = sample_record(40, 3, 1);
    with_goals(&mut record, Vec::new());
    let best: Vec<u32> = record.state.leaderboard().into_iter().take(2).collect();
    with_finalists(&mut record, &[(best[0], &[Some(0.944)]), (best[1], &[Some(0.951)])]);
    assert!(said(&record).ends_with(" What won has the best mean accuracy of the finalists."), "{}", said(&record));
}

#[test]
fn what_the_limit_on_the_disk_cost() {
    let mut record = sample_record(1, 3, 1);
    let last = |record: &StudyRecord| words(record, None).lines().last().unwrap_or_default().to_owned();
    record.dropped = Dropped { checkpoints: 1, steps: 0 };
    assert_eq!(last(&record), "To keep to checkpoint_space, 1 checkpoint had to go; no trial that went on was without one.");
    record.dropped = Dropped { checkpoints: 12, steps: 1200 };
    let expected =
        "To keep to checkpoint_space, 12 checkpoints had to go; trials that went on without one trained 1,200 optimizer steps again.";
    assert_eq!(last(&record), expected);
}

#[test]
fn one_trial_and_none() {
    insta::assert_snapshot!(words(&sample_record(1, 3, 1), None), @"
No trial did better than the default recipe, which reached an accuracy of 0.924 on the validation split.
1 trial: 1 reached the full length.
It took 40 s of active time on 1 slot, with seed 1.
");
    insta::assert_snapshot!(words(&sample_record(0, 3, 1), None), @r##"
No trial has started yet.
"##);
}

#[test]
fn a_default_recipe_that_did_not_finish_or_failed() {
    let mut record = sample_record(40, 3, 1);
    record.state.change(0, |trial| {
        trial.values.truncate(1);
        trial.phase = Phase::Paused { rung: 0 };
    });
    insta::assert_snapshot!(words(&record, None).lines().next().unwrap_or_default(), @"Trial 28 won with an accuracy of 0.962 on the validation split. The default recipe has come to rung 0 only, with 0.515 against 0.645 of trial 28 there: +13.0 points.");
    record.state.change(0, |trial| (trial.values, trial.phase) = (vec![f64::NAN], Phase::Failed { rung: 0 }));
    insta::assert_snapshot!(words(&record, None).lines().next().unwrap_or_default(), @"Trial 28 won with an accuracy of 0.962 on the validation split. The default recipe failed, so there is nothing to compare with.");
}

#[test]
fn a_study_that_has_just_begun() {
    let mut record = running_record(40, 3, 1);
    for trial in 0..record.state.trials().len() {
        record.state.change(trial as u32, |trial| {
            trial.values.truncate(1);
            trial.phase = if trial.values.iter().all(|v| v.is_nan()) { Phase::Failed { rung: 0 } } else { Phase::Paused { rung: 0 } };
        });
    }
    insta::assert_snapshot!(words(&record, Some(445)).lines().next().unwrap_or_default(), @"No trial has reached its full length yet. So far trial 37 leads with an accuracy of 0.672 on the validation split at rung 0. The default recipe has come to rung 0 only, with 0.515 against 0.672 of trial 37 there: +15.7 points.");
}
