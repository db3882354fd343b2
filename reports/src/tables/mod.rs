//! A study as tables: plain rows, and polars frames of them.
//!
//! Charts, page and terminal take every number from these rows. What a column means is written in [`README`], which stands beside the files.

mod curves;
mod decisions;
mod failures;
mod files;
mod finalists;
mod folds;
mod importance;
mod leaderboard;
mod learning_rates;
mod mean_of;
mod pareto;
mod predictions;
mod rungs;
mod segments;
mod slots;
mod test;
mod trials;

use engine::{record::StudyRecord, state::TrialKind};
use polars::prelude::{Column, DataFrame, NamedFrom, PlSmallStr, PolarsResult, Series};
use search_spaces::{
    goals::{Constraint, Measure, Second},
    settings::Rungs,
};

use crate::{
    active::ActiveTime,
    importance::{self as parameter_importance, Importance},
    parameters::{self, Cell, ParameterColumn},
};

pub use curves::CurveRow;
pub use decisions::DecisionRow;
pub use failures::FailureRow;
pub use files::write_tables;
pub use finalists::{Behind, FinalistRow};
pub use folds::{CrossRow, FoldRow};
pub use leaderboard::LeaderboardRow;
pub use learning_rates::LearningRateRow;
pub use pareto::ParetoRow;
pub use predictions::{CalibrationRow, ClassRow, ConfusionRow, Figures, GapRow, GroupRow, Leaning, Of, Predicted, PredictionsRow};
pub use rungs::RungRow;
pub use segments::{End, SegmentRow};
pub use slots::SlotRow;
pub use test::TestRow;
pub use trials::TrialRow;

/// The columns of all tables and their units; written into the folder of the tables.
pub const README: &str = include_str!("README.md");

/// Tables that not every study has.
const OPTIONAL: [&str; 13] = [
    "failures",
    "learning_rates",
    "pareto",
    "finalists",
    "test",
    "folds",
    "cross_validation",
    "predictions",
    "classes",
    "confusion",
    "calibration",
    "groups",
    "gaps",
];

/// All tables of a study.
#[derive(Debug, Clone)]
pub struct Tables {
    /// By number.
    pub trials: Vec<TrialRow>,
    /// By trial, then step.
    pub curves: Vec<CurveRow>,
    /// Names of the metrics in `curves`, in the order of the columns.
    pub metrics: Vec<String>,
    /// By trial, then rung.
    pub rungs: Vec<RungRow>,
    /// Best first.
    pub leaderboard: Vec<LeaderboardRow>,
    /// Of the first of the leaderboard, by evaluation, then by block; empty before anything has a value.
    pub learning_rates: Vec<LearningRateRow>,
    /// From the best by the first objective to the best by the second; empty without a second.
    pub pareto: Vec<ParetoRow>,
    pub constraints: Vec<Constraint>,
    pub second: Option<Second>,
    /// What they measure: the constraints in their order, the second objective last.
    pub measures: Vec<Measure>,
    /// In the order they were started.
    pub segments: Vec<SegmentRow>,
    /// By device and number.
    pub slots: Vec<SlotRow>,
    /// In the order they were taken.
    pub decisions: Vec<DecisionRow>,
    /// Trials that failed, by number.
    pub failures: Vec<FailureRow>,
    /// Best first; empty unless configs were trained again.
    pub finalists: Vec<FinalistRow>,
    /// In the order of the looks.
    pub test: Vec<TestRow>,
    /// By trial, then by part; empty without cross-validation.
    pub folds: Vec<FoldRow>,
    /// Of each trial that was cross-validated, best mean first.
    pub cross_validation: Vec<CrossRow>,
    /// In the order of the space; their cells by trial number.
    pub parameters: Vec<ParameterColumn>,
    /// Beside `parameters`.
    pub importance: Vec<Importance>,
    /// What the files of predictions say; empty unless they were [read](Tables::read).
    pub predicted: Predicted,
    /// The search has nothing left to do: trials that wait at a rung have been ended there.
    pub finished: bool,
    /// What trials have in common at a rung.
    pub rungs_of: Rungs,
    /// Training examples at each rung, the last the horizon.
    pub ladder: Vec<u64>,
    /// Seconds of activity at which the study was continued after a break.
    pub breaks: Vec<f64>,
    /// Seconds of activity in all.
    pub active_seconds: f64,
}

impl Tables {
    /// All of them: those of [`new`](Tables::new), and what the files of predictions say that the record names. A file that cannot be read is a row that says so.
    pub fn read(record: &StudyRecord) -> Tables {
        let mut tables = Tables::new(record);
        tables.predicted = predictions::read(record, &tables.curves, &mut tables.leaderboard);
        tables
    }

    /// For what is said of `trial` alone: of predictions those of this training, for its validation and, where it is the one that was last tested, for the test split.
    pub fn read_of(record: &StudyRecord, trial: u32) -> Tables {
        let mut tables = Tables::new(record);
        tables.predicted = predictions::read_of(record, &tables.curves, trial);
        tables
    }

    /// Those that the record alone tells.
    pub fn new(record: &StudyRecord) -> Tables {
        let time = ActiveTime::new(record);
        let trials = trials::rows(record, &time);
        let rungs = rungs::rows(record, &time);
        let folds = folds::folds(record);
        let finalists = finalists::rows(record);
        let segments = segments::rows(record, &time);
        let leaderboard = leaderboard::rows(record, &trials, &finalists);
        let parameters = parameters::columns(&record.space, record.state.trials());
        Tables {
            curves: curves::rows(record, &time),
            metrics: curves::metrics(record),
            learning_rates: learning_rates::rows(record, &leaderboard),
            pareto: pareto::rows(record, &leaderboard),
            leaderboard,
            constraints: record.state.constraints.clone(),
            second: record.state.second,
            measures: record.state.measures(),
            slots: slots::rows(&segments, time.total()),
            segments,
            decisions: decisions::rows(record, &time, &trials),
            failures: failures::rows(&trials),
            cross_validation: folds::crosses(record, &folds),
            folds,
            finalists,
            test: test::rows(record),
            importance: parameter_importance::importance(record, &parameters),
            parameters,
            predicted: Predicted::default(),
            finished: record.finished,
            rungs_of: record.state.ladder.kind,
            ladder: record.state.ladder.rungs.clone(),
            breaks: time.breaks(),
            active_seconds: time.total(),
            rungs,
            trials,
        }
    }

    /// The trials of the search: all but the finalists' further trainings.
    pub fn searched(&self) -> impl Iterator<Item = &TrialRow> + Clone {
        self.trials.iter().filter(|trial| trial.kind != TrialKind::Finalist)
    }

    /// The frames by file name, as they are written.
    pub fn frames(&self) -> PolarsResult<Vec<(&'static str, DataFrame)>> {
        let mut frames = vec![
            ("trials", trials::frame(self)?),
            ("curves", curves::frame(self)?),
            ("rungs", rungs::frame(self)?),
            ("leaderboard", leaderboard::frame(self)?),
            ("segments", segments::frame(self)?),
            ("slots", slots::frame(self)?),
            ("decisions", decisions::frame(self)?),
            ("importance", importance::frame(self)?),
        ];
        if !self.learning_rates.is_empty() {
            frames.push(("learning_rates", learning_rates::frame(self)?));
        }
        if !self.failures.is_empty() {
            frames.push(("failures", failures::frame(self)?));
        }
        if !self.pareto.is_empty() {
            frames.push(("pareto", pareto::frame(self)?));
        }
        if !self.finalists.is_empty() {
            frames.push(("finalists", finalists::frame(self)?));
        }
        if !self.test.is_empty() {
            frames.push(("test", test::frame(self)?));
        }
        if !self.folds.is_empty() {
            frames.push(("folds", folds::fold_frame(self)?));
            frames.push(("cross_validation", folds::cross_frame(self)?));
        }
        let predicted = &self.predicted;
        if !predicted.files.is_empty() {
            frames.push(("predictions", predictions::frame(self)?));
        }
        if !predicted.classes.is_empty() {
            frames.push(("classes", predictions::class_frame(self)?));
            frames.push(("confusion", predictions::confusion_frame(self)?));
            frames.push(("calibration", predictions::calibration_frame(self)?));
        }
        if !predicted.groups.is_empty() {
            frames.push(("groups", predictions::group_frame(self)?));
        }
        if !predicted.gaps.is_empty() {
            frames.push(("gaps", predictions::gap_frame(self)?));
        }
        Ok(frames)
    }
}

/// What a column of `measure` is called. A metric has `validation_` before its name, as in the curves: a program's own may be called like any other column.
fn column_name(measure: &Measure) -> String {
    if measure.metric().is_some() { format!("validation_{}", measure.name()) } else { measure.name().to_owned() }
}

/// A column of one value a row.
fn column<R, T, P: ?Sized>(name: impl Into<PlSmallStr>, rows: &[R], value: impl Fn(&R) -> T) -> Column
where
    Series: NamedFrom<Vec<T>, P>,
{
    Column::new(name.into(), rows.iter().map(value).collect::<Vec<T>>())
}

/// The searched parameters as columns, for rows about these trials. Empty where a trial does not have the parameter.
fn parameter_columns(parameters: &[ParameterColumn], trials: &[u32]) -> Vec<Column> {
    let cells = |parameter: &'_ ParameterColumn| -> Vec<Cell> {
        trials.iter().map(|&trial| parameter.cells.get(trial as usize).cloned().unwrap_or(Cell::Inactive)).collect()
    };
    parameters
        .iter()
        .map(|parameter| {
            let name = PlSmallStr::from_str(&parameter.path);
            let cells = cells(parameter);
            if let parameters::Scale::Categories(_) = parameter.scale {
                let text = |cell: &Cell| match cell {
                    Cell::Category(label) => Some(label.clone()),
                    Cell::Number(value) => Some(crate::format::number(*value)),
                    Cell::Inactive => None,
                };
                return Column::new(name, cells.iter().map(text).collect::<Vec<Option<String>>>());
            }
            let number = |cell: &Cell| match cell {
                Cell::Number(value) => Some(*value),
                Cell::Category(_) | Cell::Inactive => None,
            };
            let numbers = cells.iter().map(number);
            if parameter.integer {
                Column::new(name, numbers.map(|value| value.map(|value| value as i64)).collect::<Vec<Option<i64>>>())
            } else {
                Column::new(name, numbers.collect::<Vec<Option<f64>>>())
            }
        })
        .collect()
}
