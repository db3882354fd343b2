//! What a trial is measured by beside its objective: for constraints and a second objective.

use search_spaces::goals::{Constraint, Measure};

use crate::{
    runner::{Completed, Evaluation},
    state::SearchState,
    study::TrialProgress,
};

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

    /// What the newest of `completed` says of `measure`; NaN where it says nothing.
    pub(crate) fn measured(&self, measure: Measure) -> f64 {
        let Some((_, _, last)) = self.completed.last() else { return f64::NAN };
        match measure {
            Measure::TrainableParameters => last.weights.parameters as f64,
            Measure::CheckpointBytes => last.weights.bytes as f64,
            Measure::SecondsPerEpoch => {
                let sum = |of: fn(&Completed) -> f64| self.completed.iter().map(|(_, _, completed)| of(completed)).sum::<f64>();
                let passes = sum(|completed| completed.passes);
                if passes > 0.0 { sum(|completed| completed.seconds) / passes } else { f64::NAN }
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
