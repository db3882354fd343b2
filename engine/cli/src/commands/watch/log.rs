//! Events as lines of the log.

use engine::{events::Event, progress::News, study::StudyState};

use crate::progress::{Words, news_line, text};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// Of the study, until then.
    pub(super) active_seconds: f64,
    pub(super) text: String,
    /// Something went wrong.
    pub(super) bad: bool,
}

/// What an event says to whoever watches, and whether something went wrong; `None`: nothing.
pub(super) fn told(event: &Event, state: &StudyState, words: &Words) -> Option<(String, bool)> {
    let news = |news: News| news_line(&news, words).map(|line| (line, false));
    let good = |text: String| Some((text, false));
    let bad = |text: String| Some((text, true));
    match event {
        Event::WorkerStarted(info) => good(format!("worker {} begins, with {} slots of {} threads", info.worker, info.slots, info.threads)),
        Event::WorkerEnded { worker } => good(format!("worker {worker} has ended")),
        Event::WorkersLost { workers, cause } => bad(format!("lost: worker {}: {}", workers.join(", "), text::line(cause))),
        Event::SettingsChanged(settings) => {
            let budget = settings.budget_seconds.map_or_else(|| "no budget".to_owned(), |budget| text::seconds(budget as f64));
            good(format!("other settings: {} trials, {budget}", settings.trials))
        }
        Event::Stopped { millis } => bad(format!("the workers had been stopped for {}", text::seconds(*millis as f64 / 1000.0))),
        Event::Enqueued(enqueued) => good(format!("enqueued: {}", enqueued.name)),
        Event::SpaceExhausted { trials } => good(format!("the space has no more than {trials} configs")),
        Event::StartsClosed { trials, .. } => news(News::StartsClosed { trials: *trials }),
        Event::GivenUp { trials } => news(News::GivenUp { trials: *trials }).map(|(line, _)| (line, true)),
        Event::FinalistsChosen(chosen) if !chosen.added.is_empty() => {
            news(News::Finalists { trials: chosen.trials.clone(), seeds: chosen.seeds })
        }
        Event::CheckpointLost { trial, cause, .. } => {
            bad(format!("trial {trial} goes back to an earlier checkpoint: {}", text::line(cause)))
        }
        Event::OutOfMemory { trial, micro_batch, .. } => {
            bad(format!("too little memory: trial {trial} goes on with {micro_batch} examples at a time"))
        }
        Event::CheckpointsDropped { before, newest } => {
            good(format!("{} checkpoints dropped, to keep to checkpoint_space", before.len() + newest.len()))
        }
        Event::SegmentFailed { trial, rung, cause, .. } => {
            bad(format!("trial {trial} failed on its way to rung {rung}: {}", text::line(cause)))
        }
        Event::SegmentLost { trial, rung, cause, .. } => {
            let asked = cause == "interrupted";
            Some((format!("trial {trial} is to go on to rung {rung} from its last checkpoint: {}", text::line(cause)), !asked))
        }
        Event::FoldCompleted { fold, folded, .. } => good(format!(
            "trial {}, fold {} of {}: {} {:.4}",
            fold.trial,
            fold.index.saturating_add(1),
            fold.of,
            words.metric(),
            folded.value
        )),
        Event::FoldFailed { fold, cause, .. } => {
            bad(format!("trial {}, fold {} of {} failed: {}", fold.trial, fold.index.saturating_add(1), fold.of, text::line(cause)))
        }
        Event::FoldLost { fold, cause, .. } => bad(format!(
            "trial {}, fold {} of {} is to be trained again: {}",
            fold.trial,
            fold.index.saturating_add(1),
            fold.of,
            text::line(cause)
        )),
        Event::Tested(tested) => {
            good(format!("test split: {} {:.4} of trial {}", state.search.objective.metric.name(), tested.value, tested.trial))
        }
        _ => None,
    }
}
