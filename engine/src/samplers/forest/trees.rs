//! Regression trees, each on a part of the observations: Breiman 2001, "Random Forests", with cuts drawn at random as in Geurts et al. 2006,
//! "Extremely Randomized Trees".

use rand::{Rng, RngExt};

/// Places of a feature in single precision: what a cut tells apart lies farther apart, and the processor does twice as many at once.
pub(super) type Place = f32;

/// Random cuts tried on each feature that a node looks at.
const CUTS: usize = 3;
/// Share of the observations that a tree grows on, drawn without replacement. A sample with replacement has as many different ones, and its
/// repetitions take time (Bühlmann & Yu 2002, "Analyzing Bagging", have such parts do as well).
const SHARE: f64 = 0.63;
/// A node of fewer is a leaf: most nodes of a tree would lie below, and they tell little more.
const LEAST: usize = 4;

pub(super) struct Trees(Vec<Tree>);

/// Where its node 0 is the root.
struct Tree(Vec<Node>);

enum Node {
    Leaf(f32),
    /// What is at most `at` goes to the next node, the rest to `above`.
    Split {
        feature: u32,
        at: Place,
        above: u32,
    },
}

/// What trees grow on, and memory that all of their nodes share.
struct Soil<'a> {
    /// The features, one by one.
    columns: &'a [Vec<Place>],
    scores: &'a [f32],
    /// The share of the features that a node looks at.
    features: f32,
    /// Of the members of the node that looks for its cut: their scores, and their places on one feature; filled up to whole lanes.
    targets: Vec<f32>,
    places: Vec<Place>,
}

impl Trees {
    /// So many on `columns`, the features of all observations one by one; a node looks at each feature by the chance `features`.
    pub(super) fn grow(count: usize, columns: &[Vec<Place>], scores: &[f32], features: f32, rng: &mut impl Rng) -> Trees {
        let mut soil = Soil { columns, scores, features, targets: Vec::new(), places: Vec::new() };
        Trees((0..count.max(1)).map(|_| Tree::grow(&mut soil, rng)).collect())
    }

    /// Mean and variance between the trees.
    pub(super) fn predict(&self, x: &[Place]) -> (f64, f64) {
        let (mut sum, mut squares) = (0.0, 0.0);
        for tree in &self.0 {
            let value = f64::from(tree.predict(x));
            sum += value;
            squares += value * value;
        }
        let count = self.0.len() as f64;
        let mean = sum / count;
        (mean, (squares / count - mean * mean).max(0.0))
    }
}

impl Tree {
    /// On [`SHARE`] of the observations, down to leaves of few or of equal scores.
    fn grow(soil: &mut Soil<'_>, rng: &mut impl Rng) -> Tree {
        let count = soil.scores.len();
        let kept = (SHARE * count as f64).ceil() as usize;
        let mut members: Vec<u32> = (0..count as u32).collect();
        for place in 0..kept {
            members.swap(place, rng.random_range(place..count));
        }
        members.truncate(kept);
        let mut tree = Tree(Vec::with_capacity(2 * kept));
        tree.node(soil, &mut members, rng);
        tree
    }

    fn node(&mut self, soil: &mut Soil<'_>, members: &mut [u32], rng: &mut impl Rng) -> u32 {
        let here = self.0.len();
        let sum = soil.take_targets(members);
        self.0.push(Node::Leaf(sum / members.len() as f32));
        if let Some((feature, at)) = soil.cut(members, sum, rng) {
            let column = soil.columns[feature].as_slice();
            let mut middle = 0;
            for position in 0..members.len() {
                if column[members[position] as usize] <= at {
                    members.swap(position, middle);
                    middle += 1;
                }
            }
            let (below, above) = members.split_at_mut(middle);
            self.node(soil, below, rng);
            let above = self.node(soil, above, rng);
            self.0[here] = Node::Split { feature: feature as u32, at, above };
        }
        here as u32
    }

    fn predict(&self, x: &[Place]) -> f32 {
        let mut node = 0;
        loop {
            match self.0[node] {
                Node::Leaf(mean) => return mean,
                Node::Split { feature, at, above } => node = if x[feature as usize] <= at { node + 1 } else { above as usize },
            }
        }
    }
}

impl Soil<'_> {
    /// The sum of their scores.
    fn take_targets(&mut self, members: &[u32]) -> f32 {
        self.targets.clear();
        self.targets.extend(members.iter().map(|member| self.scores[*member as usize]));
        self.targets.iter().sum()
    }

    /// The feature and the place that tell the members apart best, of those tried; `sum` is that of their scores.
    fn cut(&mut self, members: &[u32], sum: f32, rng: &mut impl Rng) -> Option<(usize, Place)> {
        let first = self.targets[0];
        if members.len() < LEAST || self.targets.iter().all(|target| *target == first) {
            return None;
        }
        let count = members.len() as f32;
        self.targets.resize(members.len().next_multiple_of(LANES), 0.0);
        // By how much a cut lowers the squared error, but for what all cuts share.
        let mut best: Option<(f32, usize, Place)> = None;
        for (feature, column) in self.columns.iter().map(Vec::as_slice).enumerate() {
            if rng.random::<f32>() >= self.features {
                continue;
            }
            self.places.clear();
            self.places.extend(members.iter().map(|member| column[*member as usize]));
            self.places.resize(self.targets.len(), self.places[0]);
            let (low, high) = range(&self.places);
            if low >= high {
                continue;
            }
            // Above every cut.
            self.places[members.len()..].fill(Place::INFINITY);
            let cuts: [Place; CUTS] = std::array::from_fn(|_| low + (high - low) * rng.random::<Place>());
            for (at, (below, below_sum)) in cuts.into_iter().zip(below(&self.places, &self.targets, cuts)) {
                // Single precision may take a cut to the end of the range.
                if below < 1.0 || count - below < 1.0 {
                    continue;
                }
                let gain = below_sum * below_sum / below + (sum - below_sum) * (sum - below_sum) / (count - below);
                if best.is_none_or(|(most, ..)| gain > most) {
                    best = Some((gain, feature, at));
                }
            }
        }
        best.map(|(_, feature, at)| (feature, at))
    }
}

/// What the processor does at once without being asked for more than every one has.
const LANES: usize = 4;

/// The least and the greatest, of whole lanes.
fn range(places: &[Place]) -> (Place, Place) {
    let (least, greatest) = (|a, b| if a < b { a } else { b }, |a, b| if a > b { a } else { b });
    let (mut low, mut high) = ([Place::INFINITY; LANES], [Place::NEG_INFINITY; LANES]);
    for places in places.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            low[lane] = least(low[lane], places[lane]);
            high[lane] = greatest(high[lane], places[lane]);
        }
    }
    (low.into_iter().fold(Place::INFINITY, least), high.into_iter().fold(Place::NEG_INFINITY, greatest))
}

/// For each cut how many of `places` are at most there, and the sum of their targets; in whole lanes. Most of the time of a proposal goes here. Masks and
/// not branches, which the processor would have to guess.
fn below(places: &[Place], targets: &[f32], cuts: [Place; CUTS]) -> [(f32, f32); CUTS] {
    let (mut counts, mut sums) = ([[0_u32; LANES]; CUTS], [[0.0_f32; LANES]; CUTS]);
    for (places, targets) in places.as_chunks::<LANES>().0.iter().zip(targets.as_chunks::<LANES>().0) {
        for cut in 0..CUTS {
            let masks: [u32; LANES] = std::array::from_fn(|lane| if places[lane] <= cuts[cut] { u32::MAX } else { 0 });
            for lane in 0..LANES {
                counts[cut][lane] = counts[cut][lane].wrapping_sub(masks[lane]);
                sums[cut][lane] += f32::from_bits(targets[lane].to_bits() & masks[lane]);
            }
        }
    }
    std::array::from_fn(|cut| (counts[cut].iter().sum::<u32>() as f32, sums[cut].iter().sum()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::{Purpose, stream};

    #[test]
    fn a_cut_counts_and_sums_what_is_at_most_there() {
        let mut rng = stream(0, 0, Purpose::Sampler);
        for members in [4_usize, 5, 8, 31] {
            let mut places: Vec<Place> = (0..members).map(|_| rng.random()).collect();
            let mut targets: Vec<f32> = (0..members).map(|_| rng.random()).collect();
            let whole = members.next_multiple_of(LANES);
            places.resize(whole, places[0]);
            let least = places.iter().copied().fold(Place::INFINITY, Place::min);
            let greatest = places.iter().copied().fold(Place::NEG_INFINITY, Place::max);
            assert_eq!(range(&places), (least, greatest));
            places[members..].fill(Place::INFINITY);
            targets.resize(whole, 0.0);
            // Also at one of them, and above all.
            let cuts = [0.5, places[1], 1.0];
            for (at, (count, sum)) in cuts.into_iter().zip(below(&places, &targets, cuts)) {
                let there = || places.iter().zip(&targets).filter(|(place, _)| **place <= at);
                let expected: f32 = there().map(|(_, target)| *target).sum();
                assert_eq!(count, there().count() as f32);
                assert!((sum - expected).abs() < 1e-4, "{sum} and {expected}");
            }
        }
    }

    #[test]
    fn trees_find_the_feature_that_tells_and_are_unsure_where_it_changes() {
        let mut rng = stream(1, 0, Purpose::Sampler);
        let columns: Vec<Vec<Place>> = (0..3).map(|_| (0..100).map(|_| rng.random()).collect()).collect();
        let scores: Vec<f32> = columns[1].iter().map(|place| if *place < 0.3 { -1.0 } else { 1.0 }).collect();
        let trees = Trees::grow(30, &columns, &scores, 0.7, &mut rng);
        let (low, high, between) = (trees.predict(&[0.9, 0.1, 0.9]), trees.predict(&[0.1, 0.9, 0.1]), trees.predict(&[0.5, 0.3, 0.5]));
        assert!(low.0 < -0.8 && high.0 > 0.8, "{low:?} and {high:?}");
        assert!(between.1 > low.1 && between.1 > high.1, "{between:?} beside {low:?} and {high:?}");
    }
}
