//! What became of the trials, and what they took.

use engine::study::Dropped;

use crate::{format, saving::share_saved, summary::Summary};

pub(super) fn trials(summary: &Summary) -> String {
    let counts = summary.counts;
    let mut parts = Vec::new();
    for (count, words) in [
        (counts.full_length, "reached the full length"),
        (counts.stopped_themselves, "stopped by early stopping"),
        (counts.paused, if summary.finished { "ended early at a rung" } else { "waiting at a rung" }),
        (counts.running, "still running"),
        (counts.failed, "failed"),
    ] {
        if count > 0 {
            parts.push(format!("{} {words}", format::count(count as u64)));
        }
    }
    let planned = if summary.planned as usize > counts.trials {
        format!(" (of {} planned)", format::count(u64::from(summary.planned)))
    } else {
        String::new()
    };
    format!("{}{planned}: {}.", format::counted(counts.trials as u64, "trial"), parts.join(", "))
}

pub(super) fn cost(summary: &Summary) -> String {
    let slots = format::counted(summary.slots as u64, "slot");
    let took = if summary.finished { "It took" } else { "It has taken" };
    let time = format!("{took} {} of active time on {slots}, with seed {}.", format::duration(summary.active_seconds), summary.seed);
    if !summary.finished {
        let steps = format::counted(summary.steps, "optimizer step");
        return format!("The search has not ended, so what early termination saves is not known yet; {steps} so far. {time}");
    }
    match share_saved(summary.saved) {
        Some(share) => format!(
            "Early termination saved {share} of full-length training: {} optimizer steps instead of {}. {time}",
            format::count(summary.saved.steps_trained),
            format::count(summary.saved.steps_full)
        ),
        None => time,
    }
}

pub(super) fn dropped(summary: &Summary) -> Option<String> {
    let Dropped { checkpoints, steps } = summary.dropped;
    let again = match steps {
        0 => "no trial that went on was without one".to_owned(),
        steps => format!("trials that went on without one trained {} again", format::counted(steps, "optimizer step")),
    };
    (checkpoints > 0).then(|| format!("To keep to checkpoint_space, {} had to go; {again}.", format::counted(checkpoints, "checkpoint")))
}
