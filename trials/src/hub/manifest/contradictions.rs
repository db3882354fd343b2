//! What no manifest that this program wrote says: a stranger's could claim what nobody would check.

use super::{Claim, Manifest, TrainedOn};

/// As many as a config may ask for.
const MOST_THREADS: usize = 4096;

impl Manifest {
    /// Why this cannot be true, whatever the folder holds.
    pub(super) fn contradiction(&self) -> Option<String> {
        if self.labels.len() < 2 {
            return Some("it names fewer than two labels".to_owned());
        }
        let threads = [Some(self.made.threads), self.made.trained_with_threads];
        if let Some(threads) = threads.into_iter().flatten().find(|threads| !(1..=MOST_THREADS).contains(threads)) {
            return Some(format!("it was computed with {threads} threads, where from 1 to {MOST_THREADS} are possible"));
        }
        match (self.trained_on, &self.measured.validation) {
            // There are validation examples in every data set.
            (TrainedOn::Train, None) => {
                return Some(
                    "it says nothing of what was measured on the validation examples, and so nothing that could be checked".to_owned(),
                );
            }
            (TrainedOn::TrainAndValidation, Some(_)) => {
                return Some("it says what was measured on validation examples that the model was trained on".to_owned());
            }
            _ => {}
        }
        for (what, measured, examples) in
            [("validation", &self.measured.validation, self.data.splits.validation), ("test", &self.measured.test, self.data.splits.test)]
        {
            if let Some(measured) = measured.as_ref().filter(|measured| measured.examples != examples) {
                return Some(format!("it was measured on {} {what} examples, where the data have {examples}", measured.examples));
            }
        }
        self.claim.as_ref().and_then(|claim| self.contradiction_of(claim))
    }

    fn contradiction_of(&self, claim: &Claim) -> Option<String> {
        let metric = self.config.objective.metric.name();
        if claim.metric != metric {
            return Some(format!("it claims a value of {}, where the objective is {metric}", claim.metric));
        }
        if self.trained_on == TrainedOn::TrainAndValidation {
            return Some("it claims what a study measured of a model that was trained on other examples".to_owned());
        }
        let same = |config: &search_spaces::claim::Claim| {
            claim.value.to_bits() == config.value.to_bits() && claim.step == config.step && claim.trial == self.config.trial
        };
        if !self.config.claim.as_ref().is_some_and(same) {
            return Some("it claims another trial, value or step than its config does".to_owned());
        }
        match (&claim.test, &self.measured.test) {
            (Some(_), None) => Some(
                "it claims a value on the test split, but does not say what was measured there, and so nothing that could be checked"
                    .to_owned(),
            ),
            (Some(claimed), Some(measured)) if claimed.examples != measured.examples => {
                Some(format!("it claims a value on {} test examples, where {} were measured", claimed.examples, measured.examples))
            }
            _ => None,
        }
    }
}
