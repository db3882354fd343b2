//! When nothing works, a sweep ends early.

use crate::{events::Event, schedulers::rungs::competitors, state::Phase, study::StudyState};

/// Failures after which a search without any value gives up: there were very different configs among them.
const HOPELESS: usize = 8;

/// The event that ends a search in which no trial but the baseline has ever had a value, and so many have failed since it was last extended.
pub(crate) fn giving_up(state: &StudyState) -> Option<Event> {
    // Nobody has drawn what the user asks for.
    if state.next_enqueued(&state.search).is_some() {
        return None;
    }
    if competitors(&state.search).any(|trial| trial.values.iter().any(|value| value.is_finite())) {
        return None;
    }
    let failed = competitors(&state.search).filter(|trial| matches!(trial.phase, Phase::Failed { .. }));
    let since = failed.filter(|trial| trial.number >= state.gave_up_at).count();
    (since >= HOPELESS).then(|| Event::GivenUp { trials: state.search.searched().len() as u32 })
}
