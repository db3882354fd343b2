//! The metrics that are always measured, as scikit-learn defines them.

use super::{Logits, Measure};

/// `accuracy_score`.
#[derive(Debug, Clone, Copy)]
pub struct Accuracy;

/// `f1_score(average="macro", zero_division=0)`: the mean over the classes that are there or were predicted.
#[derive(Debug, Clone, Copy)]
pub struct MacroF1;

/// `matthews_corrcoef`; 0 when only one class is there or was predicted.
#[derive(Debug, Clone, Copy)]
pub struct Matthews;

/// Mean cross-entropy, without label smoothing: `log_loss`.
#[derive(Debug, Clone, Copy)]
pub struct Loss;

impl Measure for Accuracy {
    fn name(&self) -> &'static str {
        "accuracy"
    }

    fn measure(&self, logits: &Logits, labels: &[u32]) -> f64 {
        logits.confusion(labels).accuracy()
    }
}

impl Measure for MacroF1 {
    fn name(&self) -> &'static str {
        "macro_f1"
    }

    fn measure(&self, logits: &Logits, labels: &[u32]) -> f64 {
        logits.confusion(labels).macro_f1()
    }
}

impl Measure for Matthews {
    fn name(&self) -> &'static str {
        "matthews"
    }

    fn measure(&self, logits: &Logits, labels: &[u32]) -> f64 {
        logits.confusion(labels).matthews()
    }
}

impl Measure for Loss {
    fn name(&self) -> &'static str {
        "loss"
    }

    fn measure(&self, logits: &Logits, labels: &[u32]) -> f64 {
        logits.cross_entropy(labels)
    }
}
