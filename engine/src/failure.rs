//! What made a trial fail, told from the cause that its event gives in words.

use std::fmt;

/// Causes that ask for different remedies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureKind {
    /// The loss or the objective became infinite or NaN.
    Diverged,
    /// It needs more memory than there is.
    Memory,
    /// It ended its worker's process, twice.
    Crash,
    /// A mistake in a program: it panicked.
    Panic,
    /// What the model or the data cannot take, and the rest.
    Other,
}

impl FailureKind {
    /// Of the cause of an [`Event::SegmentFailed`](crate::events::Event::SegmentFailed).
    pub fn of(cause: &str) -> FailureKind {
        let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| cause.starts_with(beginning));
        if begins(&["the training loss became ", "its objective became "]) {
            FailureKind::Diverged
        } else if begins(&["the memory was too little ", "training it takes at least "]) {
            FailureKind::Memory
        } else if begins(&["took its worker down "]) {
            FailureKind::Crash
        } else if begins(&["panicked: "]) {
            FailureKind::Panic
        } else {
            FailureKind::Other
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FailureKind::Diverged => "diverged",
            FailureKind::Memory => "memory",
            FailureKind::Crash => "crash",
            FailureKind::Panic => "panic",
            FailureKind::Other => "other",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ending,
        runner::{Completed, TrialError},
        study::too_large,
        testing::config,
    };

    #[test]
    fn kinds_are_told_from_what_is_said() {
        let diverged = TrialError::NonFiniteLoss { step: 3, loss: "NaN".to_owned() }.to_string();
        assert_eq!(FailureKind::of(&diverged), FailureKind::Diverged);
        assert_eq!(FailureKind::of(&ending::not_finite(&Completed { value: f64::NAN, ..Completed::default() })), FailureKind::Diverged);
        assert_eq!(FailureKind::of(&too_large(&config(1e-3), 1, |_| Some(2)).unwrap()), FailureKind::Memory);
        assert_eq!(FailureKind::of(&ending::too_little_memory(&config(1e-3), 4, false, "full")), FailureKind::Memory);
        // As the tests of sweeps see them.
        assert_eq!(FailureKind::of("took its worker down 2 times, the last time thus: killed by signal 9"), FailureKind::Crash);
        assert_eq!(FailureKind::of("panicked: a shape was wrong"), FailureKind::Panic);
        assert_eq!(FailureKind::of("of 3 classes the model knows 2"), FailureKind::Other);
    }
}
