//! A study that is looked at again and again: only what is new is read, and nothing is written.

use std::path::{Path, PathBuf};

use engine::{
    clock::Stopwatch,
    progress::Progress,
    runner::Evaluation,
    store::{SqliteStore, StudyFolder},
};

use super::{
    super::{status::Looked, study},
    board::Sort,
    history::{History, KINDS},
    ui::Ui,
    view::{Parts, View},
};
use crate::{exit::Error, progress::Words};

/// Events that are looked through at a time, so that keys need not wait.
const PIECE: u64 = 20_000;
/// Of the selected trial.
const EVALUATIONS: usize = 2000;
/// Seconds between two looks at whether anybody is at work, as long as events do not say so.
const LOCKS_EVERY: f64 = 3.0;

pub(super) struct Model {
    folder: StudyFolder,
    /// As the user names it.
    shown: PathBuf,
    store: SqliteStore,
    /// Of the database that is open.
    file: Option<FileId>,
    words: Words,
    history: History,
    worked_on: bool,
    looked: Option<Stopwatch>,
    progress: Progress,
    order: Order,
    curve: Curve,
    problem: Option<String>,
    seq: u64,
}

/// The order of the trials, as it was at one event.
#[derive(Default)]
struct Order {
    of: Option<(u64, Sort)>,
    trials: Vec<u32>,
}

/// The evaluations of one trial, as they were at one event.
#[derive(Default)]
struct Curve {
    of: Option<(u64, u32)>,
    evaluations: Vec<Evaluation>,
}

impl Model {
    pub(super) fn open(shown: &Path) -> Result<Model, Error> {
        let (folder, mut store) = study::open(shown)?;
        store.read_only().map_err(study::store_error)?;
        let words = Words::of(&engine::store::study(&mut store).map_err(study::store_error)?.spec);
        let mut model = Model {
            file: FileId::of(&folder.database()),
            folder,
            shown: shown.to_owned(),
            store,
            words,
            history: History::default(),
            worked_on: false,
            looked: None,
            progress: Progress::default(),
            order: Order::default(),
            curve: Curve::default(),
            problem: None,
            seq: 0,
        };
        model.look()?;
        Ok(model)
    }

    /// Reads what is new. What stands in the way of that is shown, as it may pass.
    pub(super) fn refresh(&mut self) {
        self.problem = self.look().err().map(|error| error.message);
    }

    fn look(&mut self) -> Result<(), Error> {
        let file = FileId::of(&self.folder.database());
        if file != self.file {
            // Another study has taken its place.
            let again = Model::open(&self.shown)?;
            *self = again;
            return Ok(());
        }
        let state = engine::store::study(&mut self.store).map_err(study::store_error)?;
        let news = state.search.seq > self.seq;
        self.seq = state.search.seq;
        if self.looked.is_none_or(|looked| looked.seconds() >= LOCKS_EVERY) && !(news && self.worked_on && !state.workers.is_empty()) {
            self.worked_on = self.folder.is_worked_on(state.workers.values());
            self.looked = Some(Stopwatch::start());
        }
        let looked = Looked::at(state, self.worked_on);
        self.progress.update(state, looked.active_until());
        self.progress.shown();
        Ok(())
    }

    /// Reads on in what had happened before; `false`: there is nothing more.
    pub(super) fn read_history(&mut self) -> bool {
        let upto = self.seq.min(self.history.upto + PIECE);
        if upto <= self.history.upto {
            return false;
        }
        let events = match self.store.of_kinds(self.history.upto, upto, &KINDS) {
            Ok(events) => events,
            Err(error) => {
                self.problem = Some(error.to_string());
                return false;
            }
        };
        let Some(state) = self.store.last_state() else { return false };
        for (before, logged) in &events {
            self.history.take(*before, logged, state, &self.words);
        }
        self.history.upto = upto;
        upto < self.seq
    }

    /// The order that [`View`] shows.
    pub(super) fn order(&self) -> &[u32] {
        &self.order.trials
    }

    /// `None`: nothing could be read.
    pub(super) fn view(&mut self, ui: &Ui) -> Option<View> {
        let state = self.store.last_state()?;
        if self.order.of != Some((self.seq, ui.sort)) {
            self.order = Order { of: Some((self.seq, ui.sort)), trials: ui.sort.order(state) };
        }
        let selected = self.order.trials.get(ui.place(&self.order.trials)).copied();
        if let Some(trial) = selected.filter(|trial| self.curve.of != Some((self.seq, *trial))) {
            match self.store.evaluations(trial, EVALUATIONS) {
                Ok(evaluations) => self.curve = Curve { of: Some((self.seq, trial)), evaluations },
                Err(error) => self.problem = Some(error.to_string()),
            }
        }
        let state = self.store.last_state()?;
        Some(View::new(
            Parts {
                study: &self.shown.to_string_lossy(),
                state,
                looked: Looked::at(state, self.worked_on),
                progress: &self.progress,
                history: &self.history,
                words: &self.words,
                order: &self.order.trials,
                curve: if self.curve.of.is_some_and(|(_, trial)| Some(trial) == selected) { &self.curve.evaluations } else { &[] },
                problem: self.problem.as_deref(),
            },
            ui,
        ))
    }
}

/// Tells one file from another that has taken its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    fn of(path: &Path) -> Option<FileId> {
        use std::os::unix::fs::MetadataExt as _;
        path.metadata().ok().map(|file| FileId(file.dev(), file.ino()))
    }

    #[cfg(not(unix))]
    fn of(_: &Path) -> Option<FileId> {
        None
    }
}
