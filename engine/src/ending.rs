//! What a segment's end is in events.

use search_spaces::config::Config;

use crate::{
    events::Event,
    runner::{Checkpoint, Completed, Outcome, TrialError},
    store::StudyFolder,
    study::StudyState,
    worker::WorkerError,
};

pub(crate) const UNASKED: &str = "it stopped before its rung without being asked to";

/// How a segment came to its end, in the study's terms.
#[derive(Debug)]
pub(crate) struct Ending {
    /// To be committed together.
    pub events: Vec<Event>,
    /// The fault of the machine or the device, which ends the worker.
    pub ends_worker: Option<WorkerError>,
    /// A line for the user.
    pub mended: Option<String>,
}

/// The end of the segment of `trial` to `rung` that was claimed under `fence`; `state` is the study by then, and `asked` says that it had
/// been told to stop.
pub(crate) fn of_segment(
    folder: &StudyFolder,
    (trial, rung, fence): (u32, usize, u64),
    state: &StudyState,
    outcome: Result<Outcome, TrialError>,
    asked: bool,
) -> Ending {
    let failed = |cause: String| vec![Event::SegmentFailed { trial, rung, fence, cause }];
    let lost = |cause: String| Event::SegmentLost { trial, rung, fence, cause, crashed: false };
    let progress = &state.trials[trial as usize];
    let (mut ends_worker, mut mended) = (None, None);
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
            ends_worker = Some(WorkerError::Machine(why.clone()));
            vec![lost(why)]
        }
        // Whoever notices the end of the worker releases the claim.
        Err(TrialError::Device(why)) => {
            ends_worker = Some(WorkerError::Device(why));
            Vec::new()
        }
        Err(TrialError::OutOfMemory(why)) => {
            let (at_a_time, cause) = (state.at_a_time(trial), why.clone());
            match progress.micro_batch {
                None if at_a_time > 1 => {
                    let micro_batch = at_a_time.div_ceil(2);
                    let line =
                        format!("the memory was too little for {at_a_time} examples at a time ({why}); it goes on with {micro_batch}");
                    mended = Some(format!("trial {trial}: {line}, in batches of the same size"));
                    vec![Event::OutOfMemory { trial, fence, micro_batch, cause }, lost(line)]
                }
                before => failed(too_little_memory(&state.search.trials()[trial as usize].config, at_a_time, before.is_some(), &why)),
            }
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
    Ending { events, ends_worker, mended }
}

/// Why a trial fails that needs too much memory with so many examples at a time; `again`: it had been tried with more before.
pub(crate) fn too_little_memory(config: &Config, at_a_time: u32, again: bool, why: &str) -> String {
    let more = config.micro_batch.map_or(config.batch_size, |count| count.min(config.batch_size));
    let sizes = if again { format!("{more} examples at a time, and again for {at_a_time}") } else { "one example at a time".to_owned() };
    let smaller = match at_a_time / 2 {
        0 => String::new(),
        half => format!("`micro_batch: Some({half})`, "),
    };
    format!("the memory was too little for {sizes} ({why}): {smaller}fewer slots, or fewer blocks that train need less")
}

/// A checkpoint as events name it.
pub(crate) fn official(folder: &StudyFolder, checkpoint: Checkpoint) -> Checkpoint {
    Checkpoint { path: folder.relative(&checkpoint.path), ..checkpoint }
}

pub(crate) fn not_finite(completed: &Completed) -> String {
    format!("its objective became {} at step {}", crate::numbers::name(completed.value), completed.step)
}
