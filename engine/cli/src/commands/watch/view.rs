//! All that a frame shows.

use engine::{
    progress::{Doing, Progress, RungProgress},
    runner::Evaluation,
    study::StudyState,
};

use super::{
    super::status::{Looked, config_of},
    board::{Board, of_work},
    details::Details,
    history::{History, Reached},
    log::Line,
    ui::{Extent, Ui},
};
use crate::{
    context::harmless,
    progress::{Words, text, words},
};

/// Points that a chart shows at most; the others are passed over.
const DOTS: usize = 2000;

#[derive(Debug)]
pub(super) struct View {
    pub(super) ui: Ui,
    /// The folder, as the user names it.
    pub(super) study: String,
    pub(super) state: &'static str,
    /// Why what is shown is not the newest.
    pub(super) problem: Option<String>,
    pub(super) time: String,
    pub(super) share: f64,
    pub(super) trials: String,
    pub(super) best: String,
    /// Examples at each rung, and the trials there.
    pub(super) rungs: Vec<(u64, RungProgress)>,
    pub(super) slots: Vec<Slot>,
    pub(super) idle: usize,
    pub(super) chart: Values,
    pub(super) board: Board,
    pub(super) details: Option<Details>,
    /// Oldest first.
    pub(super) log: Vec<Line>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) share: f64,
    pub(super) doing: String,
    pub(super) config: String,
}

/// Values over active seconds.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Values {
    pub(super) metric: String,
    /// Of trials that went, or may go, further.
    pub(super) young: Vec<(f64, f64)>,
    pub(super) full: Vec<(f64, f64)>,
    /// The best at full length until then.
    pub(super) best: Vec<(f64, f64)>,
    pub(super) seconds: f64,
    /// Of the events, while they have not all been read.
    pub(super) read: Option<f64>,
}

/// What a view is made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) study: &'a str,
    pub(super) state: &'a StudyState,
    pub(super) looked: Looked,
    pub(super) progress: &'a Progress,
    pub(super) history: &'a History,
    pub(super) words: &'a Words,
    /// As [`Ui::sort`] asks for.
    pub(super) order: &'a [u32],
    /// Of the selected trial.
    pub(super) curve: &'a [Evaluation],
    pub(super) problem: Option<&'a str>,
}

impl View {
    pub(super) fn new(parts: Parts<'_>, ui: &Ui) -> View {
        let Parts { state, looked, progress, history, words: said, order, .. } = parts;
        let word = looked.word(state);
        let running = word == "running";
        let place = ui.place(order);
        let at_work = if running { state.at_work() } else { Vec::new() };
        let slots: usize = if running { state.workers.values().map(|worker| worker.slots).sum() } else { 0 };
        let selected = order.get(place).copied();
        View {
            ui: ui.clone(),
            study: harmless(parts.study),
            state: word,
            problem: parts.problem.map(text::line),
            time: if running { words::time(progress) + &silence(state, looked) } else { spent(progress) },
            share: if running || word == "stopped" { words::share_done(progress) } else { 1.0 },
            trials: words::trials(progress),
            best: said.best(progress),
            rungs: state.search.ladder.rungs.iter().copied().zip(rungs(progress, running)).collect(),
            idle: slots.saturating_sub(at_work.len()),
            slots: at_work.into_iter().map(|work| slot(state, looked.now, work.slot, &work.doing, said)).collect(),
            chart: values(state, progress, history),
            board: Board::new(state, ui.sort, order, place),
            details: selected.map(|trial| Details::new(state, trial, parts.curve)),
            log: history.lines.iter().map(|line| Line { text: harmless(&line.text), ..line.clone() }).collect(),
        }
    }

    pub(super) fn extent(&self) -> Extent {
        Extent { details: self.details.as_ref().map_or(0, |details| details.lines.len()), log: self.log.len() }
    }
}

fn spent(progress: &Progress) -> String {
    let budget = progress.budget_seconds.map_or_else(String::new, |budget| format!(" of a budget of {}", text::seconds(budget as f64)));
    format!("{} of active time{budget}", text::seconds(progress.active_seconds))
}

/// Where nothing has been heard for longer than evaluations usually take.
fn silence(state: &StudyState, looked: Looked) -> String {
    const LONG: i64 = 60_000;
    let silent = looked.now.saturating_sub(state.last_at());
    if silent < LONG { String::new() } else { format!("; nothing new for {}", text::seconds(silent as f64 / 1000.0)) }
}

/// What was killed with its sweep trains no more.
fn rungs(progress: &Progress, running: bool) -> impl Iterator<Item = RungProgress> + '_ {
    progress.rungs.iter().map(move |rung| RungProgress { training: if running { rung.training } else { 0 }, ..*rung })
}

fn slot(state: &StudyState, now: i64, slot: String, doing: &Doing, words: &Words) -> Slot {
    let (of, share) = of_work(doing);
    let doing = match doing {
        Doing::Segment { trial, parent: Some(parent), since, .. } => {
            format!("trial {parent} with another seed, as trial {trial}, {}", so_long(now, *since))
        }
        Doing::Segment { trial, rung, since, .. } => format!("trial {trial} to rung {rung} of {}, {}", words.top(), so_long(now, *since)),
        Doing::Fold(fold) => format!("trial {}, fold {} of {}", fold.trial, fold.index.saturating_add(1), fold.of),
    };
    Slot { name: slot, share, doing, config: harmless(text::line(&config_of(state, of))) }
}

fn so_long(now: i64, since: i64) -> String {
    text::seconds(now.saturating_sub(since).max(0) as f64 / 1000.0)
}

fn values(state: &StudyState, progress: &Progress, history: &History) -> Values {
    let stride = history.reached.len().div_ceil(DOTS).max(1);
    let dots = |full: bool| {
        history.reached.iter().filter(move |reached| reached.full == full).step_by(stride).map(|reached| (reached.at, reached.value))
    };
    Values {
        metric: state.search.objective.metric.name().to_owned(),
        young: dots(false).collect(),
        full: dots(true).collect(),
        best: best_so_far(state, &history.reached, progress.active_seconds),
        seconds: progress.active_seconds,
        read: (history.upto < state.search.seq).then(|| history.upto as f64 / state.search.seq as f64),
    }
}

/// Corners of the line of the best full-length value that keeps the constraints.
fn best_so_far(state: &StudyState, reached: &[Reached], end: f64) -> Vec<(f64, f64)> {
    let cost = |value: f64| state.search.objective.cost(value);
    let keeps =
        |trial: u32| state.search.trials().get(trial as usize).is_some_and(|trial| trial.exceeded.last().is_none_or(|share| *share <= 0.0));
    let mut corners: Vec<(f64, f64)> = Vec::new();
    for Reached { at, value, .. } in reached.iter().filter(|reached| reached.full && keeps(reached.trial)).copied() {
        match corners.last().copied() {
            Some((_, before)) if cost(value) >= cost(before) => {}
            Some((_, before)) => corners.extend([(at, before), (at, value)]),
            None => corners.push((at, value)),
        }
    }
    if let Some((at, last)) = corners.last().copied() {
        corners.push((end.max(at), last));
    }
    corners
}
