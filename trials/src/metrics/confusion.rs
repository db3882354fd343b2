//! Counts of predictions, and what is computed from them.

/// How often each class was predicted as each: rows are true classes, columns predicted ones.
#[derive(Debug)]
pub(crate) struct Confusion {
    classes: usize,
    counts: Vec<u64>,
}

impl Confusion {
    pub(super) fn new(classes: usize, counts: Vec<u64>) -> Confusion {
        Confusion { classes, counts }
    }

    fn right(&self, class: usize) -> f64 {
        self.counts[class * self.classes + class] as f64
    }

    fn there(&self, class: usize) -> f64 {
        self.counts[class * self.classes..][..self.classes].iter().sum::<u64>() as f64
    }

    fn predicted(&self, class: usize) -> f64 {
        self.counts[class..].iter().step_by(self.classes).sum::<u64>() as f64
    }

    fn all(&self) -> f64 {
        self.counts.iter().sum::<u64>() as f64
    }

    pub(super) fn accuracy(&self) -> f64 {
        (0..self.classes).map(|class| self.right(class)).sum::<f64>() / self.all()
    }

    pub(super) fn macro_f1(&self) -> f64 {
        let scores: Vec<f64> = (0..self.classes)
            .map(|class| (2.0 * self.right(class), self.there(class) + self.predicted(class)))
            .filter(|(_, seen)| *seen > 0.0)
            .map(|(right, seen)| right / seen)
            .collect();
        scores.iter().sum::<f64>() / scores.len() as f64
    }

    /// Gorodkin's multi-class correlation from counts, as scikit-learn computes it.
    pub(super) fn matthews(&self) -> f64 {
        let sum = |term: &dyn Fn(usize) -> f64| (0..self.classes).map(term).sum::<f64>();
        let all = self.all();
        let agreement = sum(&|c| self.right(c)) * all - sum(&|c| self.there(c) * self.predicted(c));
        let spread_predicted = all * all - sum(&|c| self.predicted(c) * self.predicted(c));
        let spread_there = all * all - sum(&|c| self.there(c) * self.there(c));
        let spread = spread_predicted * spread_there;
        if spread == 0.0 { 0.0 } else { agreement / spread.sqrt() }
    }
}
