//! What it is worth to let a trial go on, against starting another.

/// Scores at which worth is tabulated.
const SCORES: usize = 37;
const LOWEST: f64 = -4.0;
const STEP: f64 = 0.25;
/// Points at which the normal distribution of a score at the next rung is summed up, in its deviations.
const NODES: usize = 13;
const NODE_STEP: f64 = 0.5;
/// Halvings of the interval in which the price of training lies, on a log axis.
const HALVINGS: usize = 14;

type Table = [f64; SCORES];

fn score_at(entry: usize) -> f64 {
    LOWEST + STEP * entry as f64
}

/// Worth of trials at each rung by their scores, at the price of training at which a new trial is worth just what it costs.
///
/// Scores are normal; from one rung to the next a score *z* becomes *r z* and a normal remainder of variance 1 - *r*², *r* the correlation. What a trial
/// gains is by how much it beats `best` at the top. Its worth is the expected gain less the cost of training at the price, if at each rung it goes on only
/// while that is worth it: a recursion from the top down.
#[derive(Debug)]
pub(super) struct Worth {
    /// By rung, then by score.
    of_going_on: Vec<Table>,
}

/// Where the score lies in the table: the entry below, and the share of the one above.
fn place(score: f64) -> (usize, f64) {
    let place = ((score - LOWEST) / STEP).clamp(0.0, (SCORES - 1) as f64 - 1e-9);
    (place as usize, place.fract())
}

fn interpolate(table: &Table, (below, share): (usize, f64)) -> f64 {
    table[below] * (1.0 - share) + table[below + 1] * share
}

/// The standard normal distribution in [`NODES`] points: where, and how much of it.
fn nodes() -> [(f64, f64); NODES] {
    let at = |node: usize| (node as f64 - (NODES - 1) as f64 / 2.0) * NODE_STEP;
    let weights: [f64; NODES] = std::array::from_fn(|node| (-0.5 * at(node) * at(node)).exp());
    let sum: f64 = weights.iter().sum();
    std::array::from_fn(|node| (at(node), weights[node] / sum))
}

/// Where each score may come to at the next rung: for each score there, the probability by the score here. Most of the time of a decision goes into
/// sums over these, and in this order the processor does several at once.
struct Move(Vec<Table>);

impl Move {
    fn of(correlation: f64, nodes: &[(f64, f64); NODES]) -> Move {
        let deviation = (1.0 - correlation * correlation).max(0.0).sqrt();
        let mut to = vec![[0.0; SCORES]; SCORES];
        let scores: Table = std::array::from_fn(score_at);
        for (from, score) in scores.into_iter().enumerate() {
            for (at, weight) in nodes {
                let (below, share) = place(correlation * score + deviation * at);
                to[below][from] += weight * (1.0 - share);
                to[below + 1][from] += weight * share;
            }
        }
        Move(to)
    }

    /// Of what is tabulated for the next rung, by the score here.
    fn mean(&self, above: &Table) -> Table {
        let mut mean = [0.0; SCORES];
        for (probabilities, value) in self.0.iter().zip(above) {
            for (sum, probability) in mean.iter_mut().zip(probabilities) {
                *sum += probability * value;
            }
        }
        mean
    }
}

impl Worth {
    /// `costs` are those of a segment to each rung, `correlations` those from each rung to the next.
    pub(super) fn of(costs: &[f64], correlations: &[f64], best: f64) -> Worth {
        let nodes = nodes();
        let top = costs.len() - 1;
        // They are the same at all prices.
        let moves: Vec<Move> = correlations.iter().map(|correlation| Move::of(*correlation, &nodes)).collect();
        let gain: Table = std::array::from_fn(|score| (score_at(score) - best).max(0.0));
        let at_price = |price: f64| -> Worth {
            let mut of_going_on = vec![[0.0; SCORES]; top];
            for rung in (0..top).rev() {
                let above = of_going_on.get(rung + 1).unwrap_or(&gain);
                of_going_on[rung] = moves[rung].mean(above).map(|gained| (gained - price * costs[rung + 1]).max(0.0));
            }
            Worth { of_going_on }
        };
        let starts = nodes.map(|(at, weight)| (place(at), weight));
        let of_new = |worth: &Worth, price: f64| {
            let first = worth.of_going_on.first().unwrap_or(&gain);
            starts.iter().map(|(place, weight)| weight * interpolate(first, *place)).sum::<f64>() - price * costs[0]
        };
        // Worth falls with the price. Nobody gains more than a few deviations for the cheapest segment.
        let (mut low, mut high) = ((1e-9 / costs[0]).ln(), (5.0 / costs[0]).ln());
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if of_new(&at_price(middle.exp()), middle.exp()) > 0.0 { low = middle } else { high = middle }
        }
        at_price(low.exp())
    }

    /// Of a trial that waits at `rung`, below the top; 0 when it should not go on.
    pub(super) fn of_going_on(&self, rung: usize, score: f64) -> f64 {
        interpolate(&self.of_going_on[rung], place(score))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lowest score that goes on.
    fn threshold(worth: &Worth, rung: usize) -> f64 {
        (0..200).map(|step| f64::from(step) * 0.05 - 4.0).find(|score| worth.of_going_on(rung, *score) > 0.0).unwrap()
    }

    #[test]
    fn with_one_rung_left_it_is_the_expected_improvement_less_the_price() {
        // Costs 1 and 2, correlation 0.6, nothing is better than 1. The price p makes a new trial worth nothing: E[max(0, E[(Z - 1)+ | z] - 2 p)] = p.
        let worth = Worth::of(&[1.0, 2.0], &[0.6], 1.0);
        let density = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
        let below = |x: f64| 0.5 * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2));
        let improvement = |score: f64| {
            let z = (0.6 * score - 1.0) / 0.8;
            0.8 * (z * below(z) + density(z))
        };
        let integral = |price: f64| -> f64 {
            (-600..600).map(|i| f64::from(i) * 0.01).map(|z| 0.01 * density(z) * (improvement(z) - 2.0 * price).max(0.0)).sum::<f64>()
                - price
        };
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if integral(middle) > 0.0 { low = middle } else { high = middle }
        }
        for score in [0.0, 1.0, 2.0, 3.0] {
            let (found, expected) = (worth.of_going_on(0, score), (improvement(score) - 2.0 * low).max(0.0));
            assert!((found - expected).abs() < 0.02, "{score}: {found} and {expected}");
        }
    }

    #[test]
    fn more_go_on_where_values_say_less_and_where_going_on_is_cheap() {
        let of = |correlation: f64, cost: f64| threshold(&Worth::of(&[1.0, cost, 6.0], &[correlation, 0.9], 2.0), 0);
        assert!(of(0.2, 2.0) < of(0.5, 2.0) && of(0.5, 2.0) < of(0.9, 2.0));
        assert!(of(0.8, 1.0) < of(0.8, 4.0));
    }

    #[test]
    fn worth_grows_with_the_score_and_falls_with_what_is_to_be_beaten() {
        let (low, high) = (Worth::of(&[1.0, 2.0, 6.0], &[0.8, 0.8], 1.0), Worth::of(&[1.0, 2.0, 6.0], &[0.8, 0.8], 2.5));
        for rung in 0..2 {
            let scores: Vec<f64> = (0..50).map(|step| low.of_going_on(rung, f64::from(step) * 0.15 - 4.0)).collect();
            assert!(scores.is_sorted());
        }
        assert!(low.of_going_on(1, 2.0) > high.of_going_on(1, 2.0));
    }
}
