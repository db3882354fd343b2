//! From values to places along an axis, and where its ticks are.

use crate::format;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Axis {
    Linear {
        low: f64,
        high: f64,
    },
    /// `low > 0`.
    Log {
        low: f64,
        high: f64,
    },
    /// A value is an index into these.
    Names(Vec<String>),
}

/// Beyond this, sums and products of bounds would be infinite.
const WIDEST: f64 = 1e300;

impl Axis {
    /// Never empty: equal bounds are widened.
    pub(super) fn linear(low: f64, high: f64) -> Axis {
        let (low, high) = (low.clamp(-WIDEST, WIDEST), high.clamp(-WIDEST, WIDEST));
        if high > low {
            return Axis::Linear { low, high };
        }
        let room = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
        Axis::Linear { low: low - room, high: low + room }
    }

    pub(super) fn log(low: f64, high: f64) -> Axis {
        let (low, high) = (low.clamp(-WIDEST, WIDEST), high.clamp(-WIDEST, WIDEST));
        match (low > 0.0, high > low) {
            (true, true) => Axis::Log { low, high },
            (true, false) => Axis::Log { low: low / 2.0, high: low * 2.0 },
            (false, _) => Axis::linear(low, high),
        }
    }

    /// 0 at the lower end, 1 at the upper; cut off there.
    pub(super) fn share(&self, value: f64) -> f64 {
        let share = match self {
            Axis::Linear { low, high } => (value - low) / (high - low),
            Axis::Log { low, high } => (value.max(f64::MIN_POSITIVE).ln() - low.ln()) / (high.ln() - low.ln()),
            Axis::Names(names) => (value + 0.5) / names.len().max(1) as f64,
        };
        if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
    }

    pub(super) fn ticks(&self, at_most: usize) -> Vec<(f64, String)> {
        match self {
            Axis::Linear { low, high } => linear_ticks(*low, *high, at_most.max(2)),
            Axis::Log { low, high } => log_ticks(*low, *high, at_most.max(2)),
            Axis::Names(names) => names.iter().enumerate().map(|(index, name)| (index as f64, name.clone())).collect(),
        }
    }
}

fn linear_ticks(low: f64, high: f64, at_most: usize) -> Vec<(f64, String)> {
    let rough = (high - low) / at_most as f64;
    let magnitude = 10f64.powf(rough.log10().floor());
    let Some(step) = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|factor| factor * magnitude).find(|step| *step >= rough * 0.999) else {
        return Vec::new();
    };
    let decimals = (0..9).find(|decimals| {
        let shifted = step * 10f64.powi(*decimals);
        (shifted - shifted.round()).abs() < 1e-6 * shifted
    });
    let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
    let label = |value: f64| match decimals {
        Some(decimals) if (1e-3..1e6).contains(&step) => format!("{:.*}", decimals as usize, if value == 0.0 { 0.0 } else { value }),
        _ => format::number(value),
    };
    (first..=last).map(|k| k as f64 * step).map(|value| (value, label(value))).collect()
}

fn log_ticks(low: f64, high: f64, at_most: usize) -> Vec<(f64, String)> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let within = |value: &f64| *value >= low * 0.999 && *value <= high * 1.001;
    let choices: [&[f64]; 3] = [&[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
    let of = |factors: &[f64], every: i32| -> Vec<f64> {
        let decades = (first..=last).filter(|decade| decade.rem_euclid(every) == 0);
        decades.flat_map(|decade| factors.iter().map(move |factor| factor * 10f64.powi(decade))).filter(within).collect()
    };
    let dense = choices.iter().map(|factors| of(factors, 1));
    let sparse = (2..100).map(|every| of(&[1.0], every));
    let ticks = dense.chain(sparse).find(|ticks| ticks.len() <= at_most).unwrap_or_default();
    ticks.into_iter().map(|value| (value, format::number(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, at_most: usize) -> String {
        axis.ticks(at_most).into_iter().map(|(_, label)| label).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(labels(&Axis::linear(0.0, 1.0), 5), "0.0 0.2 0.4 0.6 0.8 1.0");
        assert_eq!(labels(&Axis::linear(0.871, 0.934), 5), "0.88 0.90 0.92");
        assert_eq!(labels(&Axis::linear(-3.0, 1200.0), 4), "0 500 1000");
        assert_eq!(labels(&Axis::log(1e-5, 1e-3), 5), "1e-5 3e-5 1e-4 3e-4 0.001");
        assert_eq!(labels(&Axis::log(1e-5, 1e-3), 4), "1e-5 1e-4 0.001");
        assert_eq!(labels(&Axis::log(2.0, 40.0), 5), "2 5 10 20");
        assert_eq!(labels(&Axis::log(1e-30, 1.0), 4), "1e-24 1e-16 1e-8 1");
        assert_eq!(labels(&Axis::log(1e-30, f64::INFINITY), 4), "1 1e76 1e152 1e228");
        assert_eq!(labels(&Axis::linear(f64::NEG_INFINITY, f64::MAX), 3), "-1e300 0 1e300");
    }

    #[test]
    fn shares_stay_within_whatever_comes() {
        for axis in [Axis::linear(1.0, 1.0), Axis::log(1e-3, 1e-3), Axis::log(0.0, 1.0), Axis::Names(vec![]), Axis::linear(0.0, 2.0)] {
            for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 1.0, 1e300] {
                assert!((0.0..=1.0).contains(&axis.share(value)), "{axis:?} {value}");
            }
        }
        assert!((Axis::log(1e-4, 1e-2).share(1e-3) - 0.5).abs() < 1e-12);
    }
}
