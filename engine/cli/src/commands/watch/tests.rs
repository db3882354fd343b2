//! Frames of studies, and what they are made of.

use engine::progress::Progress;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{
    super::status::Looked,
    board::Sort,
    history::Reached,
    picture,
    sample::{Sample, claimed_by, evaluation, failed, finished, running},
    ui::{Pane, Ui},
    view::{Parts, View},
};
use crate::progress::Words;

fn view_with(sample: &mut Sample, worked_on: bool, ui: &Ui, problem: Option<&str>) -> View {
    let history = sample.history();
    let now = sample.now + 3500;
    let state = sample.state();
    let looked = Looked { worked_on, now };
    let mut progress = Progress::default();
    progress.update(state, looked.active_until());
    let order = ui.sort.order(state);
    let curve = [(4, 0.4), (9, 0.6), (18, 0.7), (36, 0.8)].map(|(step, value)| evaluation(step, value));
    let words = Words::of(&state.spec);
    let parts = Parts {
        study: "studies/test",
        state,
        looked,
        progress: &progress,
        history: &history,
        words: &words,
        order: &order,
        curve: if order.first().is_some_and(|trial| state.search.trials()[*trial as usize].values.iter().any(|value| !value.is_nan())) {
            &curve
        } else {
            &[]
        },
        problem,
    };
    View::new(parts, ui)
}

fn view(sample: &mut Sample, worked_on: bool) -> View {
    view_with(sample, worked_on, &Ui::default(), None)
}

#[test]
fn a_study_that_runs() {
    let view = view(&mut running(), true);
    insta::assert_snapshot!(picture(&view, (80, 24)), @r#"
    studies/test  running  28 s of a budget of 2 h so far, about 2 min 29 s left
    ███░░░░░░░░░░░░░░░░░ 5 of 8 trials started, 1 complete, 1 paused, 1 failed
    best accuracy 0.8100, trial 0
    Best so far: accuracy ─────────────────  Rungs ─────────────────────────────────
    0.8230│                    ⠐⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒  0  64 ex. ████████ 3 + 1 on the way
          │                 •                1 192 ex. █████░░░ 2
    0.6800│              •                   2 576 ex. ███░░░░░ 1 + 1 on the way
          │     •                            Slots ─────────────────────────────────
    0.5370│       •                          cpu/0 ░░░░ trial 4 to rung 0 of 2, 6 s
          └────────────────────────────────  cpu/1 ███░ trial 3 to rung 2 of 2, 7 s
        0 s             14 s           28 s
    ▶ Trials, best first, 1-5 of 5 ───────────────  Trial 0 ────────────────────────
    trial   value    rung state      config         0.4000 to 0.8000, step 36
    >0      0.8100   2    complete   "literature d      ▄▄▄▄▆▆▆▆████
     3      0.8000   1    training   learning_rate  trained in full
     1      0.6100   0    paused     learning_rate  recipe "literature default"
     4      -        -    training   learning_rate  rung 0: 0.5500  rung 1: 0.7000
     2      -        -    failed     learning_rate  rung 2: 0.8100
                                                    36 steps in 1 min 12 s; 1234
    What happened, by active time ──────────────────────────────────────────────────
    0:00:09 ! trial 2 failed on its way to rung 0: the training loss became NaN at s
    0:00:12   new best: accuracy 0.7000, trial 0 at rung 1 of 2
    0:00:18   new best: accuracy 0.8100, trial 0
    q quit   Tab next pane   arrows or j k move   s other order   ? help
    "#);
    insta::assert_snapshot!(picture(&view, (120, 40)), @r#"
    studies/test  running  28 s of a budget of 2 h so far, about 2 min 29 s left
    ███░░░░░░░░░░░░░░░░░ 5 of 8 trials started, 1 complete, 1 paused, 1 failed
    best accuracy 0.8100, trial 0
    Best so far: accuracy ─────────────────────────────────────  Rungs ─────────────────────────────────────────────────────
    0.8230│                                 ⠠⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤  0  64 ex. ████████ 3 + 1 on the way
          │                                     •                1 192 ex. █████░░░ 2
          │                                                      2 576 ex. ███░░░░░ 1 + 1 on the way
          │                            •                         Slots ─────────────────────────────────────────────────────
          │                      •                               cpu/0 ░░░░ trial 4 to rung 0 of 2, 6 s  learning_rate=0.001
    0.6800│                                                      cpu/1 ███░ trial 3 to rung 2 of 2, 7 s  learning_rate=6.40e
          │
          │       •
          │
          │
    0.5370│           •
          └────────────────────────────────────────────────────
        0 s                        14 s                    28 s
    ▶ Trials, best first, 1-5 of 5 ───────────────────────────────────────  Trial 0 ────────────────────────────────────────
    trial   value    rung state      config                                 0.4000 to 0.8000, step 36
    >0      0.8100   2    complete   "literature default"                           ▄▄▄▄████
     3      0.8000   1    training   learning_rate=6.40e-4 warmup=0.1       ▁▁▁▁████████████
     1      0.6100   0    paused     learning_rate=8.00e-5 warmup=0.1       trained in full
     4      -        -    training   learning_rate=0.0013 warmup=0.0        recipe "literature default"
     2      -        -    failed     learning_rate=2.70e-4 warmup=0.0       rung 0: 0.5500  rung 1: 0.7000  rung 2: 0.8100
                                                                            36 steps in 1 min 12 s; 1234 parameters train

                                                                            The whole config:
                                                                            (
                                                                                epochs: 1,
                                                                                batch_size: 16,
                                                                                optimizer: AdamW(
                                                                                    learning_rate: 5e-5,
    What happened, by active time ──────────────────────────────────────────────────────────────────────────────────────────
    0:00:00   worker cpu#1 begins, with 2 slots of 1 threads
    0:00:04   new best: accuracy 0.6100, trial 1 at rung 0 of 2
    0:00:09 ! trial 2 failed on its way to rung 0: the training loss became NaN at step 3: a lower learning rate, warm-up or
    0:00:12   new best: accuracy 0.7000, trial 0 at rung 1 of 2
    0:00:18   new best: accuracy 0.8100, trial 0

    q quit   Tab next pane   arrows or j k move   s other order   ? help
    "#);
}

#[test]
fn a_study_that_has_finished() {
    let view = view(&mut finished(), false);
    insta::assert_snapshot!(picture(&view, (80, 24)), @r#"
    studies/test  finished  51 s of active time of a budget of 2 h
    ████████████████████ 8 of 8 trials started, 3 complete, 4 paused, 1 failed, 2 o…
    best accuracy 0.8800, trial 8 (trial 3 with another seed), 0.0700 better than t…
    Best so far: accuracy ─────────────────  Rungs ─────────────────────────────────
    0.9225│                ⡖⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒  0  64 ex. ████████ 7
          │         • ⠉⠉⠉⠉⠉⠁                 1 192 ex. ███░░░░░ 3
    0.6750│       •                • •       2 576 ex. ███░░░░░ 3
          │  • •                             Slots: nobody is at work ──────────────
    0.4275│                   • ••
          └────────────────────────────────
        0 s             26 s           51 s
    ▶ Trials, best first, 1-6 of 8 ───────────────  Trial 3 ────────────────────────
    trial   value    rung state      config         0.4000 to 0.8000, step 36
    >3      0.9000   2    complete   learning_rate      ▄▄▄▄▆▆▆▆████
     0      0.8100   2    complete   "literature d  trained in full
     1      0.6600   2    complete   learning_rate  rung 0: 0.7400  rung 1: 0.8000
     7      0.4700   0    paused     learning_rate  rung 2: 0.9000
     6      0.4600   0    paused     learning_rate  36 steps in 1 min 12 s; 1234
     5      0.4500   0    paused     learning_rate  parameters train
    What happened, by active time ──────────────────────────────────────────────────
    0:00:47   trial 3 with another seed: accuracy 0.8800
    0:00:50   trial 0 with another seed: accuracy 0.8300
    0:00:51   worker cpu#1 has ended
    q quit   Tab next pane   arrows or j k move   s other order   ? help
    "#);
    insta::assert_snapshot!(picture(&view, (120, 40)), @r#"
    studies/test  finished  51 s of active time of a budget of 2 h
    ████████████████████ 8 of 8 trials started, 3 complete, 4 paused, 1 failed, 2 of 2 trainings of finalists
    best accuracy 0.8800, trial 8 (trial 3 with another seed), 0.0700 better than the default recipe
    Best so far: accuracy ─────────────────────────────────────  Rungs ─────────────────────────────────────────────────────
    0.9225│                          ⢠⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤  0  64 ex. ████████ 7
          │                          ⢸                           1 192 ex. ███░░░░░ 3
          │                  ⠤⠤⠤⠤⠤⠤⠤⠤⠼                           2 576 ex. ███░░░░░ 3
          │                                                      Slots: nobody is at work ──────────────────────────────────
          │            •  •
    0.6750│                                           •
          │    •                                   •
          │
          │      •
          │                                  •  •
    0.4275│                               •
          └────────────────────────────────────────────────────
        0 s                        26 s                    51 s
    ▶ Trials, best first, 1-8 of 8 ───────────────────────────────────────  Trial 3 ────────────────────────────────────────
    trial   value    rung state      config                                 0.4000 to 0.8000, step 36
    >3      0.9000   2    complete   learning_rate=6.40e-4 warmup=0.1               ▄▄▄▄████
     0      0.8100   2    complete   "literature default"                   ▁▁▁▁████████████
     1      0.6600   2    complete   learning_rate=8.00e-5 warmup=0.1       trained in full
     7      0.4700   0    paused     learning_rate=0.0051 warmup=0.1        rung 0: 0.7400  rung 1: 0.8000  rung 2: 0.9000
     6      0.4600   0    paused     learning_rate=0.0034 warmup=0.0        36 steps in 1 min 12 s; 1234 parameters train
     5      0.4500   0    paused     learning_rate=0.0022 warmup=0.1        learning_rate = 6.40e-4
     4      0.3000   0    paused     learning_rate=0.0013 warmup=0.0        warmup = 0.1
     2      -        -    failed     learning_rate=2.70e-4 warmup=0.0
                                                                            The whole config:
                                                                            (
                                                                                epochs: 1,
                                                                                batch_size: 16,
                                                                                optimizer: AdamW(
    What happened, by active time ──────────────────────────────────────────────────────────────────────────────────────────
    0:00:18   new best: accuracy 0.8100, trial 0
    0:00:26   new best: accuracy 0.9000, trial 3
    0:00:44   the search has ended; the best configs are trained 2 times in all, each with another seed: trial 3, 0
    0:00:47   trial 3 with another seed: accuracy 0.8800
    0:00:50   trial 0 with another seed: accuracy 0.8300
    0:00:51   worker cpu#1 has ended
    q quit   Tab next pane   arrows or j k move   s other order   ? help
    "#);
}

#[test]
fn a_study_in_which_nothing_has_happened() {
    let view = view(&mut Sample::new(), false);
    insta::assert_snapshot!(picture(&view, (80, 24)), @"
    studies/test  stopped  0 s of active time of a budget of 2 h
    ░░░░░░░░░░░░░░░░░░░░ 0 of 8 trials started, 0 complete, 0 paused
    best none yet
    Best so far: accuracy ─────────────────  Rungs ─────────────────────────────────
    no value yet                             0  64 ex. ░░░░░░░░ 0
                                             1 192 ex. ░░░░░░░░ 0
                                             2 576 ex. ░░░░░░░░ 0
                                             Slots: nobody is at work ──────────────



    ▶ Trials, best first ─────────────────────────  Trial ──────────────────────────
    trial   value    rung state      config         no trial yet






    What happened, by active time ──────────────────────────────────────────────────



    q quit   Tab next pane   arrows or j k move   s other order   ? help
    ");
    insta::assert_snapshot!(picture(&view, (120, 40)), @"
    studies/test  stopped  0 s of active time of a budget of 2 h
    ░░░░░░░░░░░░░░░░░░░░ 0 of 8 trials started, 0 complete, 0 paused
    best none yet
    Best so far: accuracy ─────────────────────────────────────  Rungs ─────────────────────────────────────────────────────
    no value yet                                                 0  64 ex. ░░░░░░░░ 0
                                                                 1 192 ex. ░░░░░░░░ 0
                                                                 2 576 ex. ░░░░░░░░ 0
                                                                 Slots: nobody is at work ──────────────────────────────────









    ▶ Trials, best first ─────────────────────────────────────────────────  Trial ──────────────────────────────────────────
    trial   value    rung state      config                                 no trial yet













    What happened, by active time ──────────────────────────────────────────────────────────────────────────────────────────






    q quit   Tab next pane   arrows or j k move   s other order   ? help
    ");
}

#[test]
fn a_study_in_which_everything_failed() {
    let view = view(&mut failed(), false);
    insta::assert_snapshot!(picture(&view, (80, 24)), @r#"
    studies/test  finished  17 s of active time of a budget of 2 h
    ████████████████████ 8 of 8 trials started, 0 complete, 0 paused, 8 failed
    best none yet
    Best so far: accuracy ─────────────────  Rungs ─────────────────────────────────
    no value yet                             0  64 ex. ░░░░░░░░ 0
                                             1 192 ex. ░░░░░░░░ 0
                                             2 576 ex. ░░░░░░░░ 0
                                             Slots: nobody is at work ──────────────



    ▶ Trials, best first, 1-6 of 8 ───────────────  Trial 0 ────────────────────────
    trial   value    rung state      config         failed on the way to rung 0 of 2
    >0      -        -    failed     "literature d  recipe "literature default"
     1      -        -    failed     learning_rate  failed: a panic: index out of
     2      -        -    failed     learning_rate  bounds
     3      -        -    failed     learning_rate
     4      -        -    failed     learning_rate  The whole config:
     5      -        -    failed     learning_rate  (
    What happened, by active time ──────────────────────────────────────────────────
    0:00:14 ! trial 6 failed on its way to rung 0: a panic: index out of bounds
    0:00:16 ! trial 7 failed on its way to rung 0: the training loss became NaN at s
    0:00:17   worker cpu#1 has ended
    q quit   Tab next pane   arrows or j k move   s other order   ? help
    "#);
    insta::assert_snapshot!(picture(&view, (120, 40)), @r#"
    studies/test  finished  17 s of active time of a budget of 2 h
    ████████████████████ 8 of 8 trials started, 0 complete, 0 paused, 8 failed
    best none yet
    Best so far: accuracy ─────────────────────────────────────  Rungs ─────────────────────────────────────────────────────
    no value yet                                                 0  64 ex. ░░░░░░░░ 0
                                                                 1 192 ex. ░░░░░░░░ 0
                                                                 2 576 ex. ░░░░░░░░ 0
                                                                 Slots: nobody is at work ──────────────────────────────────









    ▶ Trials, best first, 1-8 of 8 ───────────────────────────────────────  Trial 0 ────────────────────────────────────────
    trial   value    rung state      config                                 failed on the way to rung 0 of 2
    >0      -        -    failed     "literature default"                   recipe "literature default"
     1      -        -    failed     learning_rate=8.00e-5 warmup=0.1       failed: a panic: index out of bounds
     2      -        -    failed     learning_rate=2.70e-4 warmup=0.0
     3      -        -    failed     learning_rate=6.40e-4 warmup=0.1       The whole config:
     4      -        -    failed     learning_rate=0.0013 warmup=0.0        (
     5      -        -    failed     learning_rate=0.0022 warmup=0.1            epochs: 1,
     6      -        -    failed     learning_rate=0.0034 warmup=0.0            batch_size: 16,
     7      -        -    failed     learning_rate=0.0051 warmup=0.1            optimizer: AdamW(
                                                                                    learning_rate: 5e-5,
                                                                                    beta1: 0.9,
                                                                                    beta2: 0.999,
                                                                                    epsilon: 1e-8,
                                                                                    weight_decay: 0.01,
    What happened, by active time ──────────────────────────────────────────────────────────────────────────────────────────
    0:00:08 ! trial 3 failed on its way to rung 0: a panic: index out of bounds
    0:00:10 ! trial 4 failed on its way to rung 0: the training loss became NaN at step 3
    0:00:12 ! trial 5 failed on its way to rung 0: the training loss became NaN at step 3
    0:00:14 ! trial 6 failed on its way to rung 0: a panic: index out of bounds
    0:00:16 ! trial 7 failed on its way to rung 0: the training loss became NaN at step 3
    0:00:17   worker cpu#1 has ended
    q quit   Tab next pane   arrows or j k move   s other order   ? help
    "#);
}

#[test]
fn a_study_that_was_killed_is_at_work_no_more() {
    let view = view(&mut running(), false);
    assert_eq!((view.state, view.slots.len(), view.idle), ("stopped", 0, 0));
    assert!(view.rungs.iter().all(|(_, here)| here.training == 0), "{:?}", view.rungs);
}

#[test]
fn help_lies_over_the_rest_and_trouble_stands_at_the_top() {
    let ui = Ui { help: true, ..Ui::default() };
    let view = view_with(&mut running(), true, &ui, Some("study.sqlite: failed to read the study:\n disk I/O error"));
    insta::assert_snapshot!(picture(&view, (80, 24)), @"
    ! study.sqlite: failed to read the study:  disk I/O error
    ███░░░░░░░░░░░░░░░░░ 5 of 8 trials started, 1 complete, 1 paused, 1 failed
    best accuracy 0.8100, trial 0
    Best┌ Help ────────────────────────────────────────────────────────────────┐────
    0.82│ q, Esc, Ctrl-C   quit; the sweep goes on                             │
        │ Tab, right       the next pane: trials, one trial, what happened     │
    0.68│ Shift-Tab, left  the pane before                                     │
        │ down, j          the next row, or scroll down                        │────
    0.53│ up, k            the row before, or scroll up                        │6 s
        │ PgDn, PgUp       ten rows                                            │7 s
        │ Home g, End G    the first, the last                                 │
    ▶ Tr│ s                trials: best first, newest first, failed only       │────
    tria│ Ctrl-L, Ctrl-Z   draw anew; put it to sleep                          │
    >0  │ ?                this                                                │
     3  │                                                                      │
     1  │ Dots are values at rungs, the line the best at full length so far.   │
     4  │ 3 + 1 on the way: three trials are at a rung, one trains up to it.   │00
     2  │ A trial marked > is the one that is shown beside. ! means trouble.   │
        │ Nothing here writes to the study or gets in the sweep's way.         │
    What│                                                                      │────
    0:00│ Any key closes this.                                                 │at s
    0:00└──────────────────────────────────────────────────────────────────────┘
    0:00:18   new best: accuracy 0.8100, trial 0
    q quit   Tab next pane   arrows or j k move   s other order   ? help
    ");
}

#[test]
fn a_terminal_that_is_too_small_says_so() {
    let view = view(&mut running(), true);
    insta::assert_snapshot!(picture(&view, (60, 10)), @"
    This needs a terminal of 80 x 24; here are 60 x 10. q
    leaves.
    ");
    for size in [(0, 0), (1, 1), (79, 24), (80, 23), (80, 25), (81, 24), (300, 100), (500, 24), (80, 200)] {
        assert!(picture(&view, size).len() <= 4 * usize::from(size.0 + 1) * usize::from(size.1), "{size:?}");
    }
}

#[test]
fn another_order_and_another_pane() {
    let ui = Ui { sort: Sort::Failed, focus: Pane::Details, details: 1, ..Ui::default() };
    let view = view_with(&mut failed(), false, &ui, None);
    assert_eq!((view.board.total, view.board.rows[0].trial, view.details.as_ref().unwrap().trial), (8, 7, 7));
    let shown = picture(&view, (80, 24));
    assert!(shown.contains("▶ Trial 7") && shown.contains("Trials, failed only, 1-6 of 8"), "{shown}");
    let newest = view_with(&mut finished(), false, &Ui { sort: Sort::Newest, ..Ui::default() }, None);
    assert_eq!(newest.board.rows.iter().map(|row| row.trial).collect::<Vec<_>>(), (0..10).rev().collect::<Vec<_>>());
    assert!(newest.board.rows[0].config.starts_with("trial 0 with another seed: "), "{:?}", newest.board.rows[0]);
}

#[test]
fn keys_lead_through_a_whole_study() {
    let mut sample = finished();
    let mut ui = Ui::default();
    let mut seen = Vec::new();
    loop {
        let view = view_with(&mut sample, false, &ui, None);
        let board = &view.board;
        seen.push(board.rows[board.selected - board.first].trial);
        assert!(picture(&view, (80, 24)).contains(&format!(">{}", seen[seen.len() - 1])));
        let order = ui.sort.order(sample.state());
        ui.key(KeyEvent::new(KeyCode::Down, KeyModifiers::NONE), &order, view.extent());
        if seen.len() == order.len() {
            assert_eq!(seen, order);
            return;
        }
    }
}

#[test]
fn history_counts_active_time() {
    let mut sample = Sample::new();
    sample.begin();
    let trial = sample.start(0);
    // Nobody knows when the worker died: what came after the last event is not its time.
    let lost_at = sample.now + 3_600_000;
    let lost = sample.state().release(&["cpu#1".to_owned()], "its process died", true);
    sample.now = lost_at - 1000;
    sample.tell(&lost);
    let state_says = sample.state().active_millis(lost_at);
    sample.begin_as("cpu#2");
    sample.tell(&[claimed_by("cpu#2", trial, 0, 2, 0)]);
    sample.complete(trial, 0.5);
    let history = sample.history();
    let reached = Reached { trial: 0, at: 4.0, value: 0.5, full: false };
    assert_eq!((state_says, &history.reached[..]), (1000, &[reached][..]));
    let told: Vec<&str> = history.lines.iter().map(|line| line.text.as_str()).collect();
    insta::assert_snapshot!(told.join("\n"), @"
    worker cpu#1 begins, with 2 slots of 1 threads
    lost: worker cpu#1: its process died
    trial 0 is to go on to rung 0 from its last checkpoint: its process died
    worker cpu#2 begins, with 2 slots of 1 threads
    new best: accuracy 0.5000, trial 0 at rung 0 of 2
    ");
}
