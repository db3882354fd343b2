//! What early termination has saved, in a word.

use crate::{format, summary::Saved};

/// Up to this it reads as 0 %.
const NOTHING: f64 = 0.005;

/// `64 %` of training in full; `None` where nothing is known yet, or nothing was saved that could be told.
pub(crate) fn share_saved(saved: Saved) -> Option<String> {
    saved.share().filter(|share| *share > NOTHING).map(format::percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_share_reads_as_nothing() {
        let told = |steps_trained, steps_full| share_saved(Saved { steps_trained, steps_full });
        assert_eq!(told(360, 1000).as_deref(), Some("64 %"));
        assert_eq!(told(994, 1000).as_deref(), Some("1 %"));
        // Lost work was trained twice.
        for (steps_trained, steps_full) in [(996, 1000), (1000, 1000), (1200, 1000), (0, 0)] {
            assert_eq!(told(steps_trained, steps_full), None, "{steps_trained} of {steps_full}");
        }
    }
}
