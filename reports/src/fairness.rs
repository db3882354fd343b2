//! Whether predictions do equally well for groups of examples.
//!
//! No class is "the positive one": for each class there is the rate at which it is wrongly given to examples of others, and that at which it is missed. (With
//! two classes the one is given wrongly as often as the other is missed.)

use std::collections::BTreeSet;

use crate::{
    intervals::{Share, normal_quantile},
    predictions::{Example, Predictions},
};

/// Between more groups than this, only the largest are compared: all pairs are.
pub const MAX_COMPARED: usize = 100;

/// A group with fewer examples that count for a measure is not compared: intervals of so few are too narrow.
pub const LEAST_COMPARED: u64 = 10;

/// What groups are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measured {
    /// Examples whose class was predicted, of all.
    Accuracy,
    /// Examples that a class was predicted for, of those that do not have it.
    FalsePositives,
    /// Examples that another class was predicted for, of those that have it.
    FalseNegatives,
}

impl Measured {
    /// As tables have it.
    pub fn name(self) -> &'static str {
        match self {
            Measured::Accuracy => "accuracy",
            Measured::FalsePositives => "false_positive_rate",
            Measured::FalseNegatives => "false_negative_rate",
        }
    }
}

/// Whether the measure says what another one says already: of two classes the one is missed where the other is wrongly given.
pub fn is_said_already(measured: Measured, classes: usize) -> bool {
    classes == 2 && measured == Measured::FalseNegatives
}

/// How one group fares.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupShare {
    pub group: String,
    pub measured: Measured,
    /// `None` for accuracy.
    pub class: Option<String>,
    pub share: Share,
}

/// How far two groups are apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap {
    pub measured: Measured,
    /// `None` for accuracy.
    pub class: Option<String>,
    /// The group with the higher share, and that with the lower.
    pub higher: (String, Share),
    pub lower: (String, Share),
    pub difference: f64,
    /// The ends of its interval, corrected for `comparisons` (Bonferroni): of all intervals together, 95 % of the time none is wrong.
    pub low: f64,
    pub high: f64,
    pub comparisons: usize,
    /// No other two groups are further apart by this measure. One that is not is there because it is significant, as the largest is not.
    pub largest: bool,
}

impl Gap {
    /// Whether it is more than what the draw of examples alone would make.
    pub fn is_significant(&self) -> bool {
        self.low > 0.0
    }
}

/// By measure, then by class, then by group; a measure of which a group has no examples is left out. Empty where the data have no groups.
pub fn shares(predictions: &Predictions) -> Vec<GroupShare> {
    let classes = predictions.labels.len();
    let mut counts = vec![Counts::default(); predictions.groups.len()];
    for example in &predictions.examples {
        if let Some(group) = example.group {
            counts[group as usize].add(example, classes);
        }
    }
    let measures = measures(classes);
    let mut shares = Vec::new();
    for (measured, class) in measures {
        for (group, counts) in predictions.groups.iter().zip(&counts) {
            let share = counts.share(measured, class);
            if share.of > 0 {
                let class = (measured != Measured::Accuracy).then(|| predictions.labels[class].clone());
                shares.push(GroupShare { group: group.clone(), measured, class, share });
            }
        }
    }
    shares
}

/// Each measure, and the index of its class.
fn measures(classes: usize) -> impl Iterator<Item = (Measured, usize)> {
    let of = move |measured: Measured| (0..classes).map(move |class| (measured, class));
    std::iter::once((Measured::Accuracy, 0)).chain(of(Measured::FalsePositives)).chain(of(Measured::FalseNegatives))
}

/// One group's examples.
#[derive(Debug, Clone, Default)]
struct Counts {
    right: u64,
    all: u64,
    /// By class: examples that have it, that it was predicted for, and both.
    classes: Vec<(u64, u64, u64)>,
}

impl Counts {
    fn add(&mut self, example: &Example, classes: usize) {
        self.classes.resize(classes, (0, 0, 0));
        self.all += 1;
        self.right += u64::from(example.is_right());
        self.classes[example.label as usize].0 += 1;
        self.classes[example.predicted as usize].1 += 1;
        self.classes[example.label as usize].2 += u64::from(example.is_right());
    }

    fn share(&self, measured: Measured, class: usize) -> Share {
        let (there, predicted, right) = self.classes.get(class).copied().unwrap_or_default();
        match measured {
            Measured::Accuracy => Share::new(self.right, self.all),
            Measured::FalsePositives => Share::new(predicted - right, self.all - there),
            Measured::FalseNegatives => Share::new(there - right, there),
        }
    }
}

/// Of each measure the largest gap between two groups of enough examples, and where that is not significant but another is, the largest of those that are.
///
/// Accuracy is corrected for all pairs of groups; the rates, which are looked at beside it, together for all pairs and all classes.
pub fn gaps(shares: &[GroupShare]) -> Vec<Gap> {
    let by_measure: Vec<&[GroupShare]> = shares.chunk_by(|a, b| (a.measured, &a.class) == (b.measured, &b.class)).collect();
    let compared: Vec<Vec<&GroupShare>> = by_measure.into_iter().map(compared).filter(|groups| groups.len() > 1).collect();
    let pairs = |groups: &Vec<&GroupShare>| groups.len() * (groups.len() - 1) / 2;
    let of = |measured: Measured| compared.iter().filter(move |groups| groups[0].measured == measured);
    let classes = shares.iter().filter_map(|share| share.class.as_deref()).collect::<BTreeSet<_>>().len();
    let rates: usize = of(Measured::FalsePositives).map(pairs).sum::<usize>()
        // With two classes these are the same figures.
        + if classes == 2 { 0 } else { of(Measured::FalseNegatives).map(pairs).sum::<usize>() };
    let gaps = |groups: &Vec<&GroupShare>| {
        let comparisons = if groups[0].measured == Measured::Accuracy { pairs(groups) } else { rates.max(pairs(groups)) };
        between(groups, comparisons)
    };
    compared.iter().flat_map(gaps).collect()
}

/// The largest groups, by name.
fn compared(groups: &[GroupShare]) -> Vec<&GroupShare> {
    let mut largest: Vec<&GroupShare> = groups.iter().filter(|group| group.share.of >= LEAST_COMPARED).collect();
    largest.sort_by(|a, b| b.share.of.cmp(&a.share.of).then(a.group.cmp(&b.group)));
    largest.truncate(MAX_COMPARED);
    largest.sort_by(|a, b| a.group.cmp(&b.group));
    largest
}

fn between(groups: &[&GroupShare], comparisons: usize) -> Vec<Gap> {
    let z = normal_quantile(0.05 / comparisons as f64);
    let (mut largest, mut significant): (Option<Gap>, Option<Gap>) = (None, None);
    for (index, a) in groups.iter().enumerate() {
        for b in &groups[index + 1..] {
            let (higher, lower) = if a.share.value() >= b.share.value() { (a, b) } else { (b, a) };
            let Some((difference, low, high)) = higher.share.above(lower.share, z) else { continue };
            let exceeds = |gap: Option<&Gap>| gap.is_none_or(|gap| difference > gap.difference);
            let gap = |largest| Gap {
                measured: a.measured,
                class: a.class.clone(),
                higher: (higher.group.clone(), higher.share),
                lower: (lower.group.clone(), lower.share),
                difference,
                low,
                high,
                comparisons,
                largest,
            };
            if exceeds(largest.as_ref()) {
                largest = Some(gap(true));
            }
            if low > 0.0 && exceeds(significant.as_ref()) {
                significant = Some(gap(false));
            }
        }
    }
    let other = significant.filter(|_| largest.as_ref().is_some_and(|gap| !gap.is_significant()));
    largest.into_iter().chain(other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::predictions;

    /// Groups by name: of how many examples of `no` and of `yes` so many were predicted wrongly.
    fn groups(groups: &[(&'static str, [(u32, u32); 2])]) -> Predictions {
        let rows = groups.iter().flat_map(|(group, counts)| {
            (0..).zip(counts).flat_map(move |(label, (wrong, all))| {
                (0..*all).map(move |k| {
                    let predicted = if k < *wrong { 1 - label } else { label };
                    (label, if predicted == 0 { vec![0.9, 0.1] } else { vec![0.1, 0.9] }, Some(*group))
                })
            })
        });
        predictions(&["no", "yes"], rows.collect::<Vec<_>>().into_iter())
    }

    #[test]
    fn shares_of_each_group() {
        let found = shares(&groups(&[("web", [(3, 10), (1, 5)]), ("mail", [(0, 4), (0, 0)])]));
        let text: Vec<String> = found
            .iter()
            .map(|row| {
                format!(
                    "{} {} {} {}/{}",
                    row.measured.name(),
                    row.class.as_deref().unwrap_or("-"),
                    row.group,
                    row.share.count,
                    row.share.of
                )
            })
            .collect();
        // Nothing in the mail has `yes`: it is neither missed there, nor is `no` wrongly given.
        insta::assert_snapshot!(text.join("\n"), @"
        accuracy - mail 4/4
        accuracy - web 11/15
        false_positive_rate no web 1/5
        false_positive_rate yes mail 0/4
        false_positive_rate yes web 3/10
        false_negative_rate no mail 0/4
        false_negative_rate no web 3/10
        false_negative_rate yes web 1/5
        ");
        assert_eq!(shares(&predictions(&["no", "yes"], [(0, vec![1.0, 0.0], None)].into_iter())), []);
    }

    #[test]
    fn of_three_groups_the_largest_gap_is_corrected_for_three_pairs() {
        let found = gaps(&shares(&groups(&[("a", [(10, 100), (0, 0)]), ("b", [(14, 100), (0, 0)]), ("c", [(40, 100), (0, 0)])])));
        let accuracy = &found[0];
        assert_eq!((accuracy.measured, accuracy.higher.0.as_str(), accuracy.lower.0.as_str()), (Measured::Accuracy, "a", "c"));
        assert_eq!((accuracy.comparisons, accuracy.largest, accuracy.is_significant()), (3, true, true));
        // statsmodels 0.15.0: confint_proportions_2indep(90, 100, 60, 100, method="newcomb", compare="diff", alpha=0.05 / 3)
        for (found, expected) in
            [accuracy.difference, accuracy.low, accuracy.high].into_iter().zip([0.3, 0.155_708_481_290_370_82, 0.430_204_080_511_881_64])
        {
            assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
        }
        // All have `no` alone: of the rates only one can be compared, under both of its names.
        assert_eq!(
            found.iter().map(|gap| (gap.measured, gap.class.as_deref(), gap.comparisons)).collect::<Vec<_>>(),
            [(Measured::Accuracy, None, 3), (Measured::FalsePositives, Some("yes"), 3), (Measured::FalseNegatives, Some("no"), 3)]
        );
    }

    #[test]
    fn a_small_group_does_not_hide_what_is_significant() {
        let found = gaps(&shares(&groups(&[
            ("a", [(20, 200), (0, 0)]),
            ("b", [(50, 200), (0, 0)]),
            ("small", [(3, 11), (0, 0)]),
            ("one", [(1, 1), (0, 0)]),
        ])));
        let [largest, other] = &found.iter().filter(|gap| gap.measured == Measured::Accuracy).collect::<Vec<_>>()[..] else {
            panic!("{found:?}")
        };
        assert_eq!((largest.lower.0.as_str(), largest.largest, largest.is_significant()), ("small", true, false));
        assert_eq!((other.higher.0.as_str(), other.lower.0.as_str(), other.largest, other.is_significant()), ("a", "b", false, true));
    }

    #[test]
    fn one_group_has_nobody_to_be_compared_with() {
        assert_eq!(gaps(&shares(&groups(&[("a", [(1, 10), (2, 10)])]))), []);
    }

    #[test]
    fn of_many_groups_the_largest_are_compared() {
        let names: Vec<String> = (0..MAX_COMPARED + 20).map(|group| format!("g{group:03}")).collect();
        let share = |(index, group): (usize, &String)| GroupShare {
            group: group.clone(),
            measured: Measured::Accuracy,
            class: None,
            share: Share::new(0, if index < 20 { 11 } else { 50 }),
        };
        let found = gaps(&names.iter().enumerate().map(share).collect::<Vec<_>>());
        assert_eq!(found[0].comparisons, MAX_COMPARED * (MAX_COMPARED - 1) / 2);
        assert_eq!((found[0].higher.0.as_str(), found[0].difference), ("g020", 0.0));
    }
}
