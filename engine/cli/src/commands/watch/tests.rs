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
        curve: if order.is_empty() { &[] } else { &curve },
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
    insta::assert_snapshot!(picture(&view, (80, 24)), @"");
    insta::assert_snapshot!(picture(&view, (120, 40)), @"");
}

#[test]
fn a_study_that_has_finished() {
    let view = view(&mut finished(), false);
    insta::assert_snapshot!(picture(&view, (80, 24)), @"");
    insta::assert_snapshot!(picture(&view, (120, 40)), @"");
}

#[test]
fn a_study_in_which_nothing_has_happened() {
    let view = view(&mut Sample::new(), false);
    insta::assert_snapshot!(picture(&view, (80, 24)), @"");
    insta::assert_snapshot!(picture(&view, (120, 40)), @"");
}

#[test]
fn a_study_in_which_everything_failed() {
    let view = view(&mut failed(), false);
    insta::assert_snapshot!(picture(&view, (80, 24)), @"");
    insta::assert_snapshot!(picture(&view, (120, 40)), @"");
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
    insta::assert_snapshot!(picture(&view, (80, 24)), @"");
}

#[test]
fn a_terminal_that_is_too_small_says_so() {
    let view = view(&mut running(), true);
    insta::assert_snapshot!(picture(&view, (60, 10)), @"");
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
    insta::assert_snapshot!(told.join("\n"), @"");
}
