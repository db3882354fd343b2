//! What the command says of studies.

use std::path::Path;

use super::{Looked, summarise, words::words};
use crate::{
    commands::watch::sample::{Sample, failed, finished, running},
    progress::Words,
};

fn told(sample: &mut Sample, worked_on: bool) -> String {
    let now = sample.now + 3500;
    let state = sample.state();
    let summary = summarise(state, Looked { worked_on, now }, Path::new("studies/test"), Path::new("/nowhere/studies/test"));
    words(&summary, &Words::of(&state.spec))
}

#[test]
fn a_study_that_runs() {
    insta::assert_snapshot!(told(&mut running(), true), @r#"
    state   running; 28 s of active time of a budget of 2 h, about 2 min 29 s to go, last event 4 s ago
    best    accuracy 0.8100: trial 0, trained in full; it is the default recipe
            "literature default"
            chosen as the best value of the search
    trials  5 of 8 started: 1 complete, 1 paused, 2 running, 1 failed
    rungs   3 + 1 on the way at 64 examples, 2 at 192 examples, 1 + 1 on the way at 576 examples
    slots   cpu/0 (cpu#1)  trial 4 to rung 0 of 2, step 0 of 4, for 6 s  learning_rate=0.0013 warmup=0.0
            cpu/1 (cpu#1)  trial 3 to rung 2 of 2, step 27 of 36, for 7 s  learning_rate=6.40e-4 warmup=0.1
    steps   52 trained, none of them known to be repeated
    failed  trial 2: the training loss became NaN at step 3: a lower learning rate, warm-up or clip_norm usually helps
    next    thawline watch studies/test                                   see what it does
    "#);
}

#[test]
fn a_study_that_has_stopped() {
    insta::assert_snapshot!(told(&mut running(), false), @r#"
    state   stopped, and can go on; 24 s of active time of a budget of 2 h, about 2 min 32 s to go
    best    accuracy 0.8100: trial 0, trained in full; it is the default recipe
            "literature default"
            chosen as the best value of the search
    trials  5 of 8 started: 1 complete, 1 paused, 0 running, 1 failed
    rungs   3 at 64 examples, 2 at 192 examples, 1 at 576 examples
    steps   52 trained, none of them known to be repeated
    failed  trial 2: the training loss became NaN at step 3: a lower learning rate, warm-up or clip_norm usually helps
    next    thawline sweep /spaces/test.ron --study studies/test          go on where it stopped
    "#);
}

#[test]
fn a_study_that_has_finished() {
    insta::assert_snapshot!(told(&mut finished(), false), @"
    state      finished; 51 s of active time of a budget of 2 h
    best       accuracy 0.8800: trial 8 (trial 3 with another seed), trained in full; 0.0700 better than the default recipe
               learning_rate=6.40e-4 warmup=0.1
               chosen as the best mean of 2 finalists, its median training of 2
    trials     8 of 8 started: 3 complete, 4 paused, 0 running, 1 failed
    rungs      7 at 64 examples, 3 at 192 examples, 3 at 576 examples
    finalists  2 of 2 further trainings ended
    steps      172 trained, none of them known to be repeated
    failed     trial 2: the training loss became NaN at step 3: a lower learning rate, warm-up or clip_norm usually helps
    next       thawline report studies/test                                  write the report
               thawline sweep /spaces/test.ron --study studies/test --trials 16  search on
    ");
}

#[test]
fn a_study_in_which_everything_failed() {
    insta::assert_snapshot!(told(&mut failed(), false), @"
    state   finished; 17 s of active time of a budget of 2 h
    best    no value yet
    trials  8 of 8 started: 0 complete, 0 paused, 0 running, 8 failed
    rungs   0 at 64 examples, 0 at 192 examples, 0 at 576 examples
    steps   0 trained, none of them known to be repeated
    failed  5 trials (1, 2, 4, 5, 7): the training loss became NaN at step 3
            3 trials (0, 3, 6): a panic: index out of bounds
    next    thawline check /spaces/test.ron --probe                       no trial has a value: see the causes
    ");
}

#[test]
fn a_study_in_which_nothing_has_happened() {
    insta::assert_snapshot!(told(&mut Sample::new(), false), @"
    state   stopped, and can go on; 0 s of active time of a budget of 2 h
    best    no value yet
    trials  0 of 8 started: 0 complete, 0 paused, 0 running, 0 failed
    rungs   0 at 64 examples, 0 at 192 examples, 0 at 576 examples
    steps   0 trained, none of them known to be repeated
    next    thawline sweep /spaces/test.ron --study studies/test          go on where it stopped
    ");
}

/// Programs read these; there may only be more of them.
#[test]
fn the_names_of_the_json() {
    let mut sample = running();
    let now = sample.now;
    let summary = summarise(sample.state(), Looked { worked_on: true, now }, Path::new("study"), Path::new("/study"));
    let serde_json::Value::Object(json) = serde_json::to_value(&summary).unwrap() else { panic!("no object") };
    insta::assert_snapshot!(json.keys().cloned().collect::<Vec<_>>().join(" "), @"active_seconds against_default at_work best_config best_feasible best_of best_rule best_rung best_second best_trial best_value budget_seconds causes checkpoints_dropped failures folds folds_ended front metric next reached repeats repeats_ended rungs second seconds_left seconds_since_event segments_running slots state steps_dropped steps_repeated steps_trained test training trials_complete trials_failed trials_paused trials_planned trials_started");
    insta::assert_snapshot!(json["at_work"][0], @r#"{"config":"learning_rate=0.0013 warmup=0.0","fold":null,"of":4,"rung":0,"seconds":2.0,"slot":"cpu/0","step":0,"to_step":4,"trial":4,"worker":"cpu#1"}"#);
    insta::assert_snapshot!(json["against_default"], @"null");
}
