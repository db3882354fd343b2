//! What a segment's end is in events.

use crate::{
    events::Event,
    runner::{Checkpoint, Completed, Outcome, TrialError},
    store::StudyFolder,
    study::TrialProgress,
};

pub(crate) const UNASKED: &str = "it stopped before its rung without being asked to";

/// How a segment came to its end, in the study's terms.
#[derive(Debug)]
pub(crate) struct Ending {
    /// To be committed together.
    pub events: Vec<Event>,
    /// The machine's fault, which ends the worker.
    pub machine: Option<String>,
    /// A line for the user.
    pub mended: Option<String>,
}

/// The end of the segment of `trial` to `rung` that was claimed under `fence`; `progress` is what the study knows of the trial by then, and `asked` that it had
/// been told to stop.
pub(crate) fn of_segment(
    folder: &StudyFolder,
    (trial, rung, fence): (u32, usize, u64),
    progress: &TrialProgress,
    outcome: Result<Outcome, TrialError>,
    asked: bool,
) -> Ending {
    let failed = |cause: String| vec![Event::SegmentFailed { trial, rung, fence, cause }];
    let lost = |cause: String| Event::SegmentLost { trial, rung, fence, cause, crashed: false };
    let (mut machine, mut mended) = (None, None);
    let events = match outcome {
        Ok(Outcome::Completed(completed)) if completed.value.is_finite() => {
            let checkpoint = completed.checkpoint.map(|c| official(folder, c));
            let predictions = completed.predictions.map(|path| folder.relative(&path));
            let completed = Box::new(Completed { checkpoint, predictions, ..completed });
            vec![Event::SegmentCompleted { trial, rung, fence, completed }]
        }
        Ok(Outcome::Completed(completed)) => failed(not_finite(&completed)),
        Ok(Outcome::Cancelled) if asked => vec![lost("interrupted".to_owned())],
        Ok(Outcome::Cancelled) => failed(UNASKED.to_owned()),
        Err(TrialError::Machine(why)) => {
            machine = Some(why.clone());
            vec![lost(why)]
        }
        Err(TrialError::CheckpointLost(why)) => {
            let next = match &progress.before {
                Some(before) => format!("it goes on from the one before, of step {}", before.step),
                None => "it is trained again from its start".to_owned(),
            };
            mended = Some(format!("trial {trial}: {why}; {next}"));
            vec![Event::CheckpointLost { trial, fence, cause: why.clone(), only_newest: true }, lost(format!("{why}; {next}"))]
        }
        Err(cause) => failed(cause.to_string()),
    };
    Ending { events, machine, mended }
}

/// A checkpoint as events name it.
pub(crate) fn official(folder: &StudyFolder, checkpoint: Checkpoint) -> Checkpoint {
    Checkpoint { path: folder.relative(&checkpoint.path), ..checkpoint }
}

pub(crate) fn not_finite(completed: &Completed) -> String {
    format!("its objective became {} at step {}", crate::numbers::name(completed.value), completed.step)
}
