//! How the search is run: everything beside the space that the command line may override.

use serde::{Deserialize, Serialize};

use crate::metric_name::MetricName;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Configs to try, recipes included; at least 1. May grow when a study is extended.
    pub trials: u32,
    /// Active time to spend; `None`: until `trials` are done. May grow when a study is extended.
    pub budget_seconds: Option<u64>,
    /// Each rung is so many times as far as the one before, and about one trial in so many goes on from it (the scheduler says how many
    /// exactly); at least 2.
    pub eta: u32,
    /// The first rung.
    pub r_min: Resource,
    #[serde(default)]
    pub rungs: Rungs,
    pub seed: u64,
    pub sampler: SamplerKind,
    pub scheduler: SchedulerKind,
    /// Configs that are trained again with other seeds once the search has ended, the best first; 0: none, and the test split is not touched.
    pub finalists: u32,
    /// Trainings of each finalist in all, that of the search included; at least 1.
    pub finalist_seeds: u32,
    /// Parts for cross-validating the best configs once the search has ended; `None`: they are not.
    pub folds: Option<u32>,
    /// `None`: whatever the machine has. Otherwise as on the command line: `cpu:2,cuda:0`.
    pub devices: Option<String>,
    /// Evaluations this share of a pass apart (and always at rungs).
    pub eval_every: f64,
    /// A checkpoint at least this often within a segment.
    pub checkpoint_every_seconds: u64,
    /// What checkpoints may take of the disk before those that are needed least go; `None`: no limit.
    #[serde(default)]
    pub checkpoint_space_bytes: Option<u64>,
    /// The search ends once a trial that has been trained in full is this good; `None`: no value is good enough to end it. May change when a study is continued.
    #[serde(default)]
    pub target: Option<f64>,
    /// A slot that gets nowhere for so long is taken for wedged.
    #[serde(default = "stall_after")]
    pub stall_after_seconds: u64,
}

/// Of studies of before it could be set.
fn stall_after() -> u64 {
    1800
}

/// What trials have in common at a rung.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rungs {
    /// The training examples they have seen.
    #[default]
    EqualData,
    /// What their training has cost by a model of the network: those that freeze much have seen more examples.
    EqualCost,
}

impl Rungs {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
    pub(crate) fn is_usual(&self) -> bool {
        *self == Rungs::EqualData
    }
}

/// An amount of training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Resource {
    /// Passes over the training data.
    Epochs(f64),
    /// Training examples seen.
    Examples(u64),
    /// A share of the horizon.
    Share(f64),
    /// The first evaluation that says something: see [`Ladder::of`](crate::ladder::Ladder).
    Auto,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SamplerKind {
    /// As the domains say.
    Random,
    /// Every point of a finite space once.
    Grid,
    /// More evenly spread than random draws.
    Sobol,
    /// Where a random forest expects an improvement.
    Forest,
    /// Where earlier trials did well (Bergstra et al. 2011).
    Tpe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SchedulerKind {
    /// Whoever is most likely to beat the best for what it costs goes on (after Swersky et al. 2014).
    FreezeThaw,
    /// Asynchronous successive halving that promotes paused trials (Li et al. 2020).
    Asha,
    /// Synchronous successive halving (Jamieson & Talwalkar 2016).
    SuccessiveHalving,
    /// Asynchronous halving from several first rungs at once (Li et al. 2018).
    Hyperband,
    /// `Asha` with a ceiling that rises while the ranking still changes (Bohdal et al. 2023).
    Pasha,
    /// A trial worse than the median of the others goes no further (Golovin et al. 2017).
    MedianRule,
    /// Every trial runs its full length.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Metric {
    Accuracy,
    MacroF1,
    Matthews,
    Loss,
    /// One that the program brings along itself.
    Custom(MetricName),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    Maximize,
    Minimize,
}

/// What is searched for, measured on the validation split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    pub metric: Metric,
    pub direction: Direction,
}

impl Metric {
    /// The name in tables and reports.
    pub fn name(&self) -> &str {
        match self {
            Metric::Accuracy => "accuracy",
            Metric::MacroF1 => "macro_f1",
            Metric::Matthews => "matthews",
            Metric::Loss => "loss",
            Metric::Custom(name) => name.as_str(),
        }
    }
}

impl Objective {
    /// `value` turned so that lower is better; whatever is not finite is worst. Never a negative zero, so that the two zeros tie.
    pub fn cost(self, value: f64) -> f64 {
        self.direction.cost(value)
    }
}

impl Direction {
    /// [`Objective::cost`] of a value that is to go in this direction.
    pub fn cost(self, value: f64) -> f64 {
        match (value.is_finite(), self) {
            (false, _) => f64::INFINITY,
            (true, Direction::Maximize) => 0.0 - value,
            (true, Direction::Minimize) => value + 0.0,
        }
    }
}

/// Seconds of `8h`, `90m`, `1h30m`, `2d`, `45s`: whole numbers, each with a unit. `None` for anything else, and for no time at all.
pub fn parse_duration(text: &str) -> Option<u64> {
    let mut seconds = 0_u64;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: u64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].chars().next()?;
        let unit_seconds = match unit {
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(count.checked_mul(unit_seconds)?)?;
        rest = rest[digits + unit.len_utf8()..].trim_start();
    }
    (seconds > 0).then_some(seconds)
}

/// Bytes of `20GB`, `500 MB`, `2TB`, or of `16GiB` and the like: a whole number with a unit. `None` for anything else, and for nothing at all.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let unit: u64 = match text[digits..].trim_start() {
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    let bytes = text[..digits].parse::<u64>().ok()?.checked_mul(unit)?;
    (bytes > 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{parse_bytes, parse_duration};

    #[test]
    fn amounts_of_bytes() {
        assert_eq!(parse_bytes("20GB"), Some(20_000_000_000));
        assert_eq!(parse_bytes(" 500 MB "), Some(500_000_000));
        assert_eq!(parse_bytes("16GiB"), Some(16 << 30));
        for wrong in ["", "20", "GB", "0GB", "1.5GB", "20 gigabytes", "20gb", "-1GB", "99999999999999999999GB", "99999999TB"] {
            assert_eq!(parse_bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("8h"), Some(28_800));
        assert_eq!(parse_duration("90m"), Some(5_400));
        assert_eq!(parse_duration("1h30m"), Some(5_400));
        assert_eq!(parse_duration(" 1d 2h 3m 4s "), Some(93_784));
        for wrong in ["", "8", "h", "0h", "1.5h", "8 hours", "-1h", "99999999999999999999h", "9999999999999999d"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }
}
