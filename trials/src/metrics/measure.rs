//! What metrics are, and those that a program measures.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use search_spaces::{
    goals,
    metric_name::{BadName, MetricName},
    settings::Metric,
};

use super::{Accuracy, Logits, Loss, MacroF1, Matthews};

/// A figure of how good the predictions on a split are. [`crate::testing::check_measure`] tries whether one keeps to this.
///
/// # Name
/// As [`MetricName`] has it, and always the same. Tables and reports show it, and a space names it: `Maximize(Custom("cohens_kappa"))`.
///
/// # Value
/// A function of the arguments alone, bit for bit, which does not depend on the order of the examples but for rounding. Finite for finite logits:
/// where it is not, the trial ranks last. Whether more is better is for the objective to say.
///
/// # Arguments
/// There is one label for each row of logits and at least one row; labels are below the number of logits in a row. A class may be missing.
pub trait Measure: Debug + Send + Sync {
    fn name(&self) -> &str;

    fn measure(&self, logits: &Logits, labels: &[u32]) -> f64;
}

/// Everything that is measured of each evaluation. Clones share it.
#[derive(Debug, Clone)]
pub struct Measures(Vec<Arc<dyn Measure>>);

/// Why a metric cannot be measured too.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MeasureError {
    #[error(transparent)]
    Name(#[from] BadName),
    #[error("there is a metric called {0:?} already")]
    Taken(String),
}

/// The four that are always measured.
impl Default for Measures {
    fn default() -> Measures {
        Measures(vec![Arc::new(Accuracy), Arc::new(MacroF1), Arc::new(Matthews), Arc::new(Loss)])
    }
}

impl Measures {
    /// Measures `measure` too.
    pub fn with(mut self, measure: impl Measure + 'static) -> Result<Measures, MeasureError> {
        let name = measure.name();
        MetricName::new(name)?;
        if self.names().any(|taken| taken == name) || name == goals::Measure::GroupGap.name() {
            return Err(MeasureError::Taken(name.to_owned()));
        }
        self.0.push(Arc::new(measure));
        Ok(self)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|measure| measure.name())
    }

    /// The one that measures `metric`.
    pub fn get(&self, metric: Metric) -> Option<&dyn Measure> {
        self.0.iter().map(|measure| &**measure).find(|measure| measure.name() == metric.name())
    }

    /// Whether `metric` is among them.
    pub fn has(&self, metric: Metric) -> bool {
        self.get(metric).is_some()
    }

    /// By name. `labels` has one class for each row of `logits`, and at least one.
    pub fn of(&self, logits: &Logits, labels: &[u32]) -> BTreeMap<String, f64> {
        self.0.iter().map(|measure| (measure.name().to_owned(), measure.measure(logits, labels))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_measure;

    #[test]
    fn the_standard_ones_keep_the_contract() {
        for measure in Measures::default().0 {
            check_measure(&*measure);
        }
    }

    #[derive(Debug)]
    struct Called(&'static str);

    impl Measure for Called {
        fn name(&self) -> &str {
            self.0
        }

        fn measure(&self, _logits: &Logits, _labels: &[u32]) -> f64 {
            0.5
        }
    }

    #[test]
    fn names_are_unique_and_plain() {
        let with = |name| Measures::default().with(Called(name)).map(|measures| measures.names().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(with("kappa").unwrap(), ["accuracy", "macro_f1", "matthews", "loss", "kappa"]);
        assert_eq!(with("loss").unwrap_err().to_string(), "there is a metric called \"loss\" already");
        let bad = "a metric's name is small letters, digits and `_`, a letter first, 32 at most: \"F1\" is not";
        assert_eq!(with("F1").unwrap_err().to_string(), bad);
        let measures = Measures::default().with(Called("kappa")).unwrap();
        assert!(measures.has(Metric::Custom(MetricName::new("kappa").unwrap())) && measures.has(Metric::MacroF1));
        assert!(!Measures::default().has(Metric::Custom(MetricName::new("kappa").unwrap())));
        assert_eq!(measures.of(&Logits::new(2, vec![0.0, 1.0]), &[1])["kappa"], 0.5);
    }
}
