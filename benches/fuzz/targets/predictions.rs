//! A file of predictions, and what tables say of it.

use reports::{
    fairness,
    predictions::{Predictions, Split},
    quality,
};

pub(crate) fn run(bytes: &[u8]) {
    for split in [Split::Validation, Split::Test] {
        let Ok(predictions) = Predictions::parse(bytes, split) else { continue };
        let examples = predictions.examples.len() as u64;
        assert_eq!(quality::confusion(&predictions).iter().map(|cell| cell.count).sum::<u64>(), examples);
        assert_eq!(quality::classes(&predictions).iter().map(|class| class.support).sum::<u64>(), examples);
        let bins = quality::calibration(&predictions);
        assert!((0.0..=1.0).contains(&quality::calibration_error(&bins)) && (0.0..=2.1).contains(&quality::brier(&predictions)));
        for gap in fairness::gaps(&fairness::shares(&predictions)) {
            assert!(gap.low <= gap.difference && gap.difference <= gap.high && gap.difference >= 0.0, "{gap:?}");
        }
    }
}
