//! What a study came to, and what must hold of every study.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use engine::{
    events::{Event, Logged},
    replay::replay,
    runner::Checkpoint,
    store::{MemoryStore, SqliteStore, Store as _, StoreError, StudyFolder},
    study::StudyState,
};
use serde_json::{Value, json};

/// A study read whole.
#[derive(Debug)]
pub(crate) struct Study {
    pub(crate) state: StudyState,
    pub(crate) events: Vec<Logged>,
}

impl Study {
    /// `None`: it has not been started.
    pub(crate) fn read(folder: &Path) -> Result<Option<Study>, StoreError> {
        let folder = StudyFolder::new(folder);
        if folder.database().metadata().map_or(true, |file| file.len() == 0) {
            return Ok(None);
        }
        let mut store = SqliteStore::open(&folder)?;
        let Some(state) = store.state()?.cloned() else { return Ok(None) };
        Ok(Some(Study { state, events: store.events(0)? }))
    }

    /// Everything that must be the same however the study was disturbed.
    pub(crate) fn leaderboard(&self) -> Value {
        let search = &self.state.search;
        let finalists = self.state.finalists.chosen().map(|chosen| (chosen.trials.clone(), chosen.seeds));
        let folds = self.state.folds.iter().map(|(fold, run)| {
            let outcome = run.outcome.as_ref().map(|outcome| outcome.as_ref().map(|folded| (folded.value, folded.steps)));
            json!([fold.name(), format!("{outcome:?}")])
        });
        json!({
            "leaderboard": search.leaderboard(),
            "best": self.state.finalists.best(search).map(|best| best.trial),
            "finalists": finalists,
            "folds": folds.collect::<Vec<_>>(),
            "tests": self.state.looks.iter().map(|look| (look.tested.trial, look.tested.value)).collect::<Vec<_>>(),
            "trials": search.trials(),
        })
    }

    /// What is wrong with it, whether it has ended or not.
    pub(crate) fn mistakes(&self, folder: &Path) -> Vec<String> {
        let mut wrong = self.counted_twice();
        wrong.extend(self.files_missing(folder));
        match replay(&mut MemoryStore::from_events(self.events.clone()), |_| {}) {
            Ok(replayed) => wrong
                .extend(replayed.mismatches.into_iter().map(|m| format!("decision {} was {}, and now is {}", m.seq, m.recorded, m.now))),
            Err(error) => wrong.push(format!("cannot be replayed: {error}")),
        }
        wrong
    }

    fn counted_twice(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let (mut ended, mut fences) = (BTreeSet::new(), BTreeMap::new());
        for logged in &self.events {
            let seq = logged.seq;
            match &logged.event {
                Event::SegmentClaimed { trial, fence, .. } => {
                    let grows = fences.insert(*trial, *fence).is_none_or(|before| before < *fence);
                    wrong.extend((!grows).then(|| format!("event {seq}: the fence of trial {trial} does not grow")));
                }
                Event::SegmentCompleted { trial, rung, fence, .. } | Event::SegmentFailed { trial, rung, fence, .. } => {
                    if fences.get(trial) != Some(fence) {
                        wrong.push(format!("event {seq}: trial {trial} ends under the fence {fence}, which is not its newest"));
                    }
                    if !ended.insert((*trial, *rung, None)) {
                        wrong.push(format!("event {seq}: rung {rung} of trial {trial} counts twice"));
                    }
                }
                Event::Evaluated { trial, fence, .. }
                | Event::Checkpointed { trial, fence, .. }
                | Event::CheckpointLost { trial, fence, .. }
                | Event::OutOfMemory { trial, fence, .. }
                | Event::SegmentLost { trial, fence, .. } => {
                    let stale = fences.get(trial) != Some(fence);
                    wrong.extend(
                        stale.then(|| format!("event {seq}: what is said of trial {trial} has the fence {fence}, which is not its newest")),
                    );
                }
                Event::FoldCompleted { fold, .. } | Event::FoldFailed { fold, .. } => {
                    let first = ended.insert((fold.trial, 0, Some(*fold)));
                    wrong.extend((!first).then(|| format!("event {seq}: {} counts twice", fold.name())));
                }
                _ => {}
            }
        }
        wrong
    }

    /// Checkpoints that the study counts on and that are not there whole.
    fn files_missing(&self, folder: &Path) -> Vec<String> {
        let named: BTreeMap<_, &Checkpoint> =
            self.events.iter().filter_map(|logged| checkpoint(&logged.event)).map(|c| (&c.path, c)).collect();
        let missing = self.state.kept_checkpoints().into_iter().filter_map(|path| {
            let Some(checkpoint) = named.get(&path) else { return Some(format!("no event names {}, which is kept", path.display())) };
            match fs::read(folder.join(&path)) {
                Ok(bytes) if *blake3::hash(&bytes).to_hex() == *checkpoint.blake3 => None,
                Ok(bytes) => Some(format!("{} is damaged: {} bytes of {}", path.display(), bytes.len(), checkpoint.bytes)),
                Err(error) => Some(format!("{} is lost: {error}", path.display())),
            }
        });
        missing.collect()
    }

    /// Segments and folds whose worker died while they ran, and that have not ended since: another death would be their own fault.
    pub(crate) fn has_suspects(&self) -> bool {
        let mut suspects = BTreeSet::new();
        for logged in &self.events {
            match &logged.event {
                Event::SegmentLost { trial, crashed: true, .. } => {
                    suspects.insert((*trial, None));
                }
                Event::SegmentCompleted { trial, .. } | Event::SegmentFailed { trial, .. } => {
                    suspects.remove(&(*trial, None));
                }
                Event::FoldLost { fold, crashed: true, .. } => {
                    suspects.insert((fold.trial, Some(*fold)));
                }
                Event::FoldCompleted { fold, .. } | Event::FoldFailed { fold, .. } => {
                    suspects.remove(&(fold.trial, Some(*fold)));
                }
                _ => {}
            }
        }
        !suspects.is_empty()
    }
}

fn checkpoint(event: &Event) -> Option<&Checkpoint> {
    match event {
        Event::Checkpointed { checkpoint, .. } => Some(checkpoint),
        Event::SegmentCompleted { completed, .. } => completed.checkpoint.as_ref(),
        _ => None,
    }
}

/// Of `later`, whether it begins with all of `before`: what it lacks or has differently.
pub(crate) fn lost(before: &[Logged], later: &[Logged]) -> Option<String> {
    let text = |logged: &Logged| serde_json::to_string(logged).unwrap_or_else(|error| error.to_string());
    let differs = before.iter().enumerate().find(|(at, logged)| later.get(*at).is_none_or(|now| text(logged) != text(now)));
    differs.map(|(at, logged)| match later.get(at) {
        Some(now) => format!("event {} was {}, and now is {}", logged.seq, text(logged), text(now)),
        None => format!("event {} of {} is gone: {}", logged.seq, before.len(), text(logged)),
    })
}
