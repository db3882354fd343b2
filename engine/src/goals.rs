//! What a trial is measured by beside its objective: for constraints and a second objective.

use search_spaces::goals::{Constraint, Measure};

use crate::{runner::Evaluation, state::SearchState, study::TrialProgress};

/// The metrics that goals ask for, by name: evaluations are remembered for them.
fn noted(search: &SearchState) -> impl Iterator<Item = Measure> {
    let of_evaluations = |measure: &Measure| measure.metric().is_some() || *measure == Measure::GroupGap;
    search.measures().into_iter().filter(of_evaluations)
}

impl SearchState {
    /// What constraints and the second objective measure: the constraints in their order, the second objective last.
    pub fn measures(&self) -> Vec<Measure> {
        let constrained = self.constraints.iter().map(|constraint| constraint.measure());
        constrained.chain(self.second.map(|second| second.measure)).collect()
    }
}

impl TrialProgress {
    /// Remembers of an evaluation what the goals of `search` ask for.
    pub(crate) fn note(&mut self, search: &SearchState, evaluation: &Evaluation) {
        let named = noted(search).map(|measure| measure.name().to_owned());
        let metrics: Vec<_> = named.filter_map(|name| Some((name.clone(), *evaluation.metrics.get(&name)?))).collect();
        if !metrics.is_empty() {
            self.noted.insert(evaluation.step, metrics);
        }
    }

    /// Seconds, and the passes over the training data that they went by: of the segments that have completed, and of those that were lost up to their last checkpoints.
    pub(crate) fn spent(&self) -> (f64, f64) {
        self.completed
            .iter()
            .fold(self.salvaged, |(seconds, passes), (_, _, completed)| (seconds + completed.seconds, passes + completed.passes))
    }

    /// What the newest of `completed` says of `measure`; NaN where it says nothing.
    pub(crate) fn measured(&self, measure: Measure) -> f64 {
        let Some((_, _, last)) = self.completed.last() else { return f64::NAN };
        match measure {
            Measure::TrainableParameters => last.weights.parameters as f64,
            Measure::CheckpointBytes => last.weights.bytes as f64,
            Measure::SecondsPerEpoch => {
                let (seconds, passes) = self.spent();
                if passes > 0.0 { seconds / passes } else { f64::NAN }
            }
            Measure::GroupGap | Measure::Accuracy | Measure::MacroF1 | Measure::Matthews | Measure::Loss | Measure::Custom(_) => {
                let metrics = self.noted.get(&last.step).into_iter().flatten();
                metrics.filter(|(name, _)| name == measure.name()).map(|(_, value)| *value).next().unwrap_or(f64::NAN)
            }
        }
    }

    /// By how much all of `constraints` together are exceeded, in shares of their limits.
    pub(crate) fn exceeded(&self, constraints: &[Constraint]) -> f64 {
        constraints.iter().map(|constraint| constraint.excess(self.measured(constraint.measure()))).sum()
    }
}

#[cfg(test)]
mod tests {
    use search_spaces::config::Config;

    use crate::{
        events::{Event, TrialAdded},
        runner::{Checkpoint, Completed},
        schedulers::Action,
        state::TrialKind,
        store::{MemoryStore, Store, study},
        testing::{config, spec},
    };

    use super::*;

    /// The seconds a pass took of a trial whose first segment has been lost after a checkpoint of this step, which was there at `at`, and that has then trained the rest of
    /// four steps in so many seconds. A pass has 36 steps.
    fn seconds_per_epoch(saved: u64, at: i64, seconds: f64) -> f64 {
        let mut store = MemoryStore::default();
        store.create(0, spec(9)).unwrap();
        let worker = "cpu#1".to_owned();
        let config = Config { batch_size: 1, ..config(1e-3) };
        let (number, rung, learn_from, snapshot_seq) = (0, 0, 0, 2);
        let added =
            TrialAdded { number, kind: TrialKind::Search, config: config.into(), assignment: None, recipe: None, learn_from, snapshot_seq };
        let claimed = |fence| Event::SegmentClaimed { trial: 0, rung, fence, worker: worker.clone(), slot: "cpu/0".to_owned() };
        let checkpoint = Checkpoint { path: "a".into(), step: saved, blake3: "00".to_owned(), bytes: 2 };
        let (steps_trained, passes) = (4 - saved, (4 - saved) as f64 / 36.0);
        let completed = Completed { value: 0.5, step: 4, steps_trained, passes, seconds, ..Completed::default() };
        let events = [
            (0, Event::WorkerStarted(crate::testing::worker(&worker))),
            (0, Event::Decided { upto_seq: 2, action: Action::Start { learn_from: 0 }, worker: worker.clone() }),
            (0, Event::TrialAdded(Box::new(added))),
            (1_000, claimed(1)),
            (at, Event::Checkpointed { trial: 0, fence: 1, checkpoint }),
            (90_000, Event::SegmentLost { trial: 0, rung, fence: 1, cause: "killed".to_owned(), crashed: true }),
            (99_000, claimed(2)),
            (99_000, Event::SegmentCompleted { trial: 0, rung, fence: 2, completed: Box::new(completed) }),
        ];
        for (at, event) in events {
            store.commit(at, &mut |_| vec![event.clone()]).unwrap();
        }
        study(&mut store).unwrap().trials[0].measured(Measure::SecondsPerEpoch)
    }

    #[test]
    fn what_a_lost_segment_left_counts_for_the_seconds_of_a_pass() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} is not {b}");
        // Half of it in 2 s, the other half in 3 s.
        close(seconds_per_epoch(2, 3_000, 3.0), 5.0 * 9.0);
        // All of it in 4 s, and half a second to find that out: no pass at all is known of the segment that has completed.
        close(seconds_per_epoch(4, 5_000, 0.5), 4.5 * 9.0);
    }
}
