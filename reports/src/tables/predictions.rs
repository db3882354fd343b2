//! What the files of predictions say: a row a file, and rows by class, bin of confidence and group.

mod frames;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use engine::{record::StudyRecord, state::TrialKind};

pub(super) use self::frames::{calibration_frame, class_frame, confusion_frame, frame, gap_frame, group_frame};
use super::{CurveRow, LeaderboardRow};
use crate::{
    bootstrap,
    fairness::{self, Gap, GroupShare},
    intervals::Share,
    predictions::{Predictions, Split},
    quality::{self, Bin, ClassQuality, Confused, Counts},
};

/// The first so many of the leaderboard have an interval: each file is drawn from a thousand times.
const WITH_INTERVAL: usize = 20;

/// Of finalists' trainings the first so many are looked at.
const FINALISTS: usize = 50;

/// How far the accuracy of a file may be from the one that was reported: looking again, a GPU may decide one of so many examples otherwise.
const SAME: f64 = 0.002;
/// The same in examples.
const SAME_EXAMPLES: f64 = 1.5;

/// A file of predictions.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictionsRow {
    /// The training that made them.
    pub trial: u32,
    /// The trial of the search whose config it has.
    pub of: u32,
    pub split: Split,
    /// The training that leaves the study.
    pub best: bool,
    /// Of the default recipe's own config.
    pub default: bool,
    /// Whether there are rows by class and group, too: of the finalists' trainings, the best and the default recipe, as far as their files can be read.
    pub detailed: bool,
    /// In `artefacts/`.
    pub file: String,
    /// What they say, or why nothing can be learned from them.
    pub found: Result<Figures, String>,
}

/// Over all examples of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    pub accuracy: Share,
    pub macro_f1: f64,
    pub matthews: f64,
    /// Mean cross-entropy.
    pub loss: f64,
    /// Mean probability of the class predicted.
    pub confidence: f64,
    pub calibration_error: f64,
    pub brier: f64,
}

/// A row about the predictions of a training for a split.
#[derive(Debug, Clone, PartialEq)]
pub struct Of<T> {
    pub trial: u32,
    pub split: Split,
    pub row: T,
}

pub type ClassRow = Of<ClassQuality>;
pub type ConfusionRow = Of<Confused>;
pub type CalibrationRow = Of<Bin>;
pub type GroupRow = Of<GroupShare>;
pub type GapRow = Of<Gap>;

/// Everything that the files say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Predicted {
    /// The best first, then the default recipe, the finalists' trainings, the rest of the best of the leaderboard, and the last look at the test split.
    pub files: Vec<PredictionsRow>,
    /// By file; classes in the order of the data.
    pub classes: Vec<ClassRow>,
    pub confusion: Vec<ConfusionRow>,
    pub calibration: Vec<CalibrationRow>,
    /// Empty where the data have no groups.
    pub groups: Vec<GroupRow>,
    pub gaps: Vec<GapRow>,
}

impl Predicted {
    /// Rows about the training `trial` on `split`.
    pub fn of<T>(rows: &[Of<T>], trial: u32, split: Split) -> impl Iterator<Item = &T> {
        rows.iter().filter(move |row| (row.trial, row.split) == (trial, split)).map(|row| &row.row)
    }

    /// The training that leaves the study on the split that tells more of it: on the test split, where that was looked at, else on validation. `None` where nothing
    /// is known of either.
    pub fn of_best(&self) -> Option<&PredictionsRow> {
        self.files.iter().filter(|row| row.best && row.found.is_ok()).max_by_key(|row| row.split)
    }

    /// How each group fares, each figure [once](fairness::is_said_already).
    pub fn shares_of(&self, trial: u32, split: Split) -> Vec<&GroupShare> {
        let classes = Predicted::of(&self.classes, trial, split).count();
        Predicted::of(&self.groups, trial, split).filter(|row| !fairness::is_said_already(row.measured, classes)).collect()
    }

    /// The gaps between groups, each [once](fairness::is_said_already).
    pub fn gaps_of(&self, trial: u32, split: Split) -> Vec<&Gap> {
        let classes = Predicted::of(&self.classes, trial, split).count();
        Predicted::of(&self.gaps, trial, split).filter(|gap| !fairness::is_said_already(gap.measured, classes)).collect()
    }

    /// Gaps between groups that are significant, of the predictions that [`of_best`](Predicted::of_best) names: what a user is to be warned of.
    pub fn significant_gaps(&self) -> Vec<&Gap> {
        let gaps = self.of_best().map(|best| self.gaps_of(best.trial, best.split)).unwrap_or_default();
        gaps.into_iter().filter(|gap| gap.is_significant()).collect()
    }

    /// Files of which nothing can be learned.
    pub fn problems(&self) -> impl Iterator<Item = (&PredictionsRow, &str)> {
        self.files.iter().filter_map(|row| Some((row, row.found.as_ref().err()?.as_str())))
    }

    fn take(&mut self, predictions: &Predictions, trial: u32, split: Split) {
        fn of<T>(rows: Vec<T>, trial: u32, split: Split) -> impl Iterator<Item = Of<T>> {
            rows.into_iter().map(move |row| Of { trial, split, row })
        }
        let groups = fairness::shares(predictions);
        self.classes.extend(of(quality::classes(predictions), trial, split));
        self.confusion.extend(of(quality::confusion(predictions), trial, split));
        self.calibration.extend(of(quality::calibration(predictions), trial, split));
        self.gaps.extend(of(fairness::gaps(&groups), trial, split));
        self.groups.extend(of(groups, trial, split));
    }
}

/// How sure a training is of what it predicts, beside how often it is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaning {
    Overconfident,
    Underconfident,
    Balanced,
}

impl Leaning {
    /// Mean confidence and accuracy that are closer than this are the same for a reader.
    const SAME: f64 = 0.01;

    /// After "it is".
    pub fn words(self) -> &'static str {
        match self {
            Leaning::Overconfident => "surer than it is right",
            Leaning::Underconfident => "less sure than it is right",
            Leaning::Balanced => "about as sure as it is right",
        }
    }
}

impl Figures {
    pub fn leaning(&self) -> Leaning {
        match self.confidence - self.accuracy.value().unwrap_or(f64::NAN) {
            off if off >= Leaning::SAME => Leaning::Overconfident,
            off if off <= -Leaning::SAME => Leaning::Underconfident,
            _ => Leaning::Balanced,
        }
    }

    fn of(predictions: &Predictions) -> Figures {
        let counts = Counts::of(predictions);
        let confidence: f64 = predictions.examples.iter().map(|example| example.confidence).sum();
        Figures {
            accuracy: counts.accuracy(),
            macro_f1: counts.macro_f1(),
            matthews: counts.matthews(),
            loss: quality::loss(predictions),
            confidence: confidence / predictions.examples.len() as f64,
            calibration_error: quality::calibration_error(&quality::calibration(predictions)),
            brier: quality::brier(predictions),
        }
    }
}

/// Reads the files of those that are looked at, and gives the first of the leaderboard their intervals.
pub(super) fn read(record: &StudyRecord, curves: &[CurveRow], leaderboard: &mut [LeaderboardRow]) -> Predicted {
    let mut reader = Reader { record, curves, found: Predicted::default() };
    let detailed = detailed(record);
    let first = leaderboard.iter().take(WITH_INTERVAL).map(|row| row.trial);
    let mut seen = BTreeSet::new();
    let trials = detailed.iter().copied().chain(first).filter(|trial| seen.insert(*trial));
    let mut kept: BTreeMap<u32, Predictions> = BTreeMap::new();
    for trial in trials {
        let read = reader.validation(trial, detailed.contains(&trial));
        if let Some(read) = read
            && read.examples.len() <= bootstrap::MAX_EXAMPLES
            && leaderboard.iter().take(WITH_INTERVAL).any(|row| row.trial == trial)
        {
            kept.insert(trial, read);
        }
    }
    reader.test();
    let found = reader.found;
    let (trials, predictions): (Vec<u32>, Vec<&Predictions>) = kept.iter().map(|(trial, predictions)| (*trial, predictions)).unzip();
    let intervals = bootstrap::intervals(record.state.objective.metric, &predictions, record.space.settings.seed);
    for (trial, interval) in trials.into_iter().zip(intervals) {
        leaderboard.iter_mut().filter(|row| row.trial == trial).for_each(|row| row.interval = interval);
    }
    found
}

/// Reads what there is of `trial` alone.
pub(super) fn read_of(record: &StudyRecord, curves: &[CurveRow], trial: u32) -> Predicted {
    let mut reader = Reader { record, curves, found: Predicted::default() };
    reader.validation(trial, true);
    if record.looks.last().is_some_and(|look| look.tested.trial == trial) {
        reader.test();
    }
    reader.found
}

/// Reads one file after the other.
struct Reader<'a> {
    record: &'a StudyRecord,
    curves: &'a [CurveRow],
    found: Predicted,
}

impl Reader<'_> {
    /// The file of `trial` for the validation split, where it left a good one; in `detail` also by class and group.
    fn validation(&mut self, trial: u32, detail: bool) -> Option<Predictions> {
        let path = self.record.trials.get(trial as usize)?.predictions.as_deref()?;
        self.take(trial, Split::Validation, path, reported(self.record, self.curves, trial), detail)
    }

    /// The file of the last look at the test split.
    fn test(&mut self) {
        let tested = self.record.looks.last().map(|look| &look.tested);
        if let Some((tested, path)) = tested.and_then(|tested| Some((tested, tested.predictions.as_deref()?))) {
            self.take(tested.trial, Split::Test, path, tested.metrics.get("accuracy").copied(), true);
        }
    }

    fn take(&mut self, trial: u32, split: Split, path: &Path, reported: Option<f64>, detail: bool) -> Option<Predictions> {
        let read = Predictions::read(path, split).map_err(|error| error.reason());
        let read = read.and_then(|read| fits(&read, reported).map(|()| read));
        if let (Ok(read), true) = (&read, detail) {
            self.found.take(read, trial, split);
        }
        let trials = self.record.state.trials();
        let of = trials[trial as usize].parent.unwrap_or(trial);
        self.found.files.push(PredictionsRow {
            trial,
            of,
            split,
            best: self.record.best().is_some_and(|best| best.trial == trial),
            default: of == 0 && trials[0].kind == TrialKind::Recipe,
            detailed: detail && read.is_ok(),
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            found: read.as_ref().map(Figures::of).map_err(Clone::clone),
        });
        read.ok()
    }
}

/// The best, the default recipe, and the finalists' trainings.
fn detailed(record: &StudyRecord) -> Vec<u32> {
    let default = record.state.trials().first().map(|trial| trial.number);
    let finalists = record.finalists.standings(&record.state).into_iter().flat_map(|standing| standing.trainings);
    let finalists = finalists.map(|training| training.trial).take(FINALISTS);
    let mut seen = BTreeSet::new();
    let best = record.best().map(|best| best.trial);
    best.into_iter().chain(default).chain(finalists).filter(|trial| seen.insert(*trial)).collect()
}

/// The accuracy that the training reported with the weights whose predictions these are.
fn reported(record: &StudyRecord, curves: &[CurveRow], trial: u32) -> Option<f64> {
    let step = record.trials[trial as usize].best_step?;
    let place = curves.binary_search_by_key(&(trial, step), |row| (row.trial, row.step)).ok()?;
    curves[place].metrics.get("accuracy").copied()
}

/// Whether a file has the accuracy that was reported.
fn fits(predictions: &Predictions, reported: Option<f64>) -> Result<(), String> {
    let found = Counts::of(predictions).accuracy().value().unwrap_or(f64::NAN);
    let apart = SAME.max(SAME_EXAMPLES / predictions.examples.len() as f64);
    match reported {
        Some(reported) if (found - reported).abs() > apart => Err(format!(
            "its accuracy is {found:.6}, where {reported:.6} was reported: it is of another training, or of another state of this one"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::{
        fairness::Measured,
        tables::Tables,
        testing::{sample_record, with_finalists, with_predictions, with_test},
    };

    /// A study with finalists and a look at the test split.
    fn study(groups: &[&str]) -> (StudyRecord, TempDir) {
        let mut record = sample_record(40, 3, 1);
        let best = record.state.incumbent().unwrap();
        with_finalists(&mut record, &[(best, &[Some(0.9), Some(0.91)])]);
        let exported = record.best().unwrap().trial;
        with_test(&mut record, exported, (0.9, 0.88, 0.92));
        let folder = tempfile::tempdir().unwrap();
        with_predictions(&mut record, folder.path(), groups);
        (record, folder)
    }

    #[test]
    fn the_best_the_default_and_the_finalists_are_looked_at_in_detail() {
        let (record, _folder) = study(&["mail", "web"]);
        let tables = Tables::read(&record);
        let Predicted { files, classes, confusion, calibration, groups, gaps } = &tables.predicted;
        assert_eq!(tables.predicted.problems().count(), 0, "{files:?}");
        let detailed: Vec<(u32, Split)> = files.iter().filter(|row| row.detailed).map(|row| (row.trial, row.split)).collect();
        let mut expected: Vec<u32> = vec![record.best().unwrap().trial, 0];
        expected
            .extend(record.finalists.trainings(record.finalists.trials()[0]).filter(|trial| !expected.contains(trial)).collect::<Vec<_>>());
        let mut expected: Vec<(u32, Split)> = expected.into_iter().map(|trial| (trial, Split::Validation)).collect();
        expected.push((record.best().unwrap().trial, Split::Test));
        assert_eq!(detailed, expected);
        assert_eq!(classes.len(), 5 * detailed.len());
        assert_eq!(calibration.len(), quality::BINS * detailed.len());
        for (trial, split) in detailed {
            let examples: u64 = Predicted::of(confusion, trial, split).map(|cell| cell.count).sum();
            assert_eq!(examples, 445);
            let accuracy: Vec<&GroupShare> = Predicted::of(groups, trial, split).filter(|row| row.measured == Measured::Accuracy).collect();
            assert_eq!(accuracy.iter().map(|row| (row.group.as_str(), row.share.of)).collect::<Vec<_>>(), [("mail", 223), ("web", 222)]);
            assert!(Predicted::of(gaps, trial, split).any(|gap| gap.higher.0 == "mail" && gap.measured == Measured::Accuracy));
        }
        let best = tables.predicted.of_best().unwrap();
        assert_eq!((best.trial, best.split, best.best), (record.best().unwrap().trial, Split::Test, true));
        let told = tables.predicted.significant_gaps();
        assert!(told.iter().all(|gap| gap.low > 0.0), "{told:?}");
        assert_eq!((told[0].measured, told[0].lower.0.as_str()), (Measured::Accuracy, "web"));
    }

    #[test]
    fn of_one_trial_its_own_files_are_read_in_detail() {
        let (record, _folder) = study(&["mail", "web"]);
        let all = Tables::read(&record).predicted;
        let plain = all.files.iter().find(|row| !row.detailed).unwrap().trial;
        let found = Tables::read_of(&record, plain).predicted;
        assert_eq!(
            found.files.iter().map(|row| (row.trial, row.split, row.detailed)).collect::<Vec<_>>(),
            [(plain, Split::Validation, true)]
        );
        assert_eq!((found.classes.len(), found.shares_of(plain, Split::Validation).len()), (5, 2 * 11));
        let best = record.best().unwrap().trial;
        let found = Tables::read_of(&record, best).predicted;
        assert_eq!(found.files.iter().map(|row| row.split).collect::<Vec<_>>(), [Split::Validation, Split::Test]);
        let of_best = |predicted: &Predicted| predicted.gaps.iter().filter(|row| row.trial == best).cloned().collect::<Vec<_>>();
        assert_eq!(of_best(&found), of_best(&all));
    }

    #[test]
    fn what_is_read_is_what_the_trial_reported_and_the_first_rows_have_intervals() {
        let (record, _folder) = study(&[]);
        let tables = Tables::read(&record);
        assert!(tables.predicted.groups.is_empty() && tables.predicted.gaps.is_empty());
        for row in &tables.predicted.files {
            let figures = row.found.as_ref().unwrap();
            let value = tables.trials[row.trial as usize].last_value().unwrap();
            let reported = if row.split == Split::Test { 0.9 } else { value };
            assert!((figures.accuracy.value().unwrap() - reported).abs() < 0.002, "{row:?}, not {reported}");
        }
        let (with, without) = tables.leaderboard.split_at(WITH_INTERVAL);
        for row in with {
            let ((low, high), value) = (row.interval.unwrap(), row.value.unwrap());
            assert!(low <= value && value <= high && high - low < 0.1, "{row:?}");
        }
        assert!(without.iter().all(|row| row.interval.is_none()));
        assert_eq!(Tables::read(&record).leaderboard, tables.leaderboard, "drawn from seeded streams");
    }

    #[test]
    fn a_file_that_is_missing_damaged_or_of_another_training_is_a_row_that_says_so() {
        let (record, folder) = study(&["mail", "web"]);
        let path = |trial: u32| folder.path().join(format!("trial-{trial}-predictions.csv"));
        let first: Vec<u32> = record.state.leaderboard().into_iter().filter(|trial| *trial != 0).take(3).collect();
        std::fs::remove_file(path(0)).unwrap();
        let half = std::fs::read_to_string(path(first[1])).unwrap();
        std::fs::write(path(first[1]), &half[..half.len() / 2 - 3]).unwrap();
        std::fs::copy(path(first[0]), path(first[2])).unwrap();
        let tables = Tables::read(&record);
        let mut problems: Vec<String> = tables.predicted.problems().map(|(row, why)| format!("{}: {why}", row.trial)).collect();
        problems.sort();
        insta::assert_snapshot!(problems.join("\n"), @"
        0: cannot be read: No such file or directory (os error 2)
        23: no predictions of this study: line 224: 1 of 10 fields
        6: its accuracy is 0.961798, where 0.952809 was reported: it is of another training, or of another state of this one
        ");
        assert!(tables.leaderboard.iter().filter(|row| first[1..].contains(&row.trial)).all(|row| row.interval.is_none()));
        assert!(tables.frames().is_ok());
    }

    #[test]
    fn names_may_hold_anything() {
        let mut record = sample_record(5, 1, 1);
        let folder = tempfile::tempdir().unwrap();
        with_predictions(&mut record, folder.path(), &["a, \"b\"", "c d", "ünï✓", "-"]);
        let tables = Tables::read(&record);
        let names: BTreeSet<&str> = tables.predicted.groups.iter().map(|row| row.row.group.as_str()).collect();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["-", "a, \"b\"", "c d", "ünï✓"]);
        crate::tables::write_tables(&tables, folder.path()).unwrap();
        assert!(std::fs::read_to_string(folder.path().join("gaps.csv")).unwrap().contains("\"a, \"\"b\"\"\""));
    }
}
