//! How far a study has come, in words: what a tired engineer asks first stands first.

use super::{Slot, Summary};
use crate::progress::{Words, gain, text};

/// Slots, and causes of failure, that are shown one by one; `--json` has them all.
const SHOWN: usize = 8;
/// Characters of a config or a cause.
const WIDTH: usize = 110;

pub(super) fn words(summary: &Summary, words: &Words) -> String {
    let mut rows = vec![vec!["state".to_owned(), state(summary)]];
    let mut row = |name: &str, text: String| rows.push(vec![name.to_owned(), text]);
    row("best", best(summary));
    if let (Some(config), Some(rule)) = (&summary.best_config, &summary.best_rule) {
        row("", text::cut(&text::line(config), WIDTH).into_owned());
        row("", format!("chosen as {rule}"));
    }
    if let Some(test) = &summary.test {
        let interval = test.low.zip(test.high).map_or_else(String::new, |(low, high)| format!(", 95 % interval {low:.4} to {high:.4}"));
        let outdated = if test.outdated { ", no longer the best" } else { "" };
        row("test split", format!("{} {:.4} of trial {}{outdated}{interval}", summary.metric, test.value, test.trial));
    }
    row(
        "trials",
        format!(
            "{} of {} started: {} complete, {} paused, {} running, {} failed",
            summary.trials_started,
            summary.trials_planned,
            summary.trials_complete,
            summary.trials_paused,
            summary.segments_running,
            summary.trials_failed
        ),
    );
    let rungs = summary.rungs.iter().zip(&summary.reached).zip(&summary.training).map(|((examples, reached), training)| {
        let training = if *training > 0 { format!(" + {training} on the way") } else { String::new() };
        format!("{reached}{training} at {examples} examples")
    });
    row("rungs", rungs.collect::<Vec<_>>().join(", "));
    if summary.repeats > 0 {
        row("finalists", format!("{} of {} further trainings ended", summary.repeats_ended, summary.repeats));
    }
    if summary.folds > 0 {
        row("folds", format!("{} of {} cross-validated", summary.folds_ended, summary.folds));
    }
    for (index, slot) in summary.at_work.iter().take(SHOWN).enumerate() {
        row(if index == 0 { "slots" } else { "" }, self::slot(slot, words));
    }
    if summary.at_work.len() > SHOWN {
        row("", format!("and {} more at work", summary.at_work.len() - SHOWN));
    }
    let idle = summary.slots.saturating_sub(summary.at_work.len());
    if idle > 0 {
        row(if summary.at_work.is_empty() { "slots" } else { "" }, format!("{idle} idle"));
    }
    let repeated = match summary.steps_repeated {
        0 => "none of them known to be repeated".to_owned(),
        steps => format!("{steps} of them again, after a worker was lost or a checkpoint had gone"),
    };
    row("steps", format!("{} trained, {repeated}", summary.steps_trained));
    if summary.checkpoints_dropped > 0 {
        let (dropped, steps) = (summary.checkpoints_dropped, summary.steps_dropped);
        row("checkpoints", format!("{dropped} dropped to keep to checkpoint_space, which cost {steps} steps"));
    }
    for (index, cause) in summary.causes.iter().take(SHOWN).enumerate() {
        let cause = format!("{}: {}", trials(&cause.trials), text::cut(&text::line(&cause.cause), 2 * WIDTH));
        row(if index == 0 { "failed" } else { "" }, cause);
    }
    if summary.causes.len() > SHOWN {
        row("", format!("and for {} more reasons; --json has them all", summary.causes.len() - SHOWN));
    }
    for (index, next) in summary.next.iter().enumerate() {
        row(if index == 0 { "next" } else { "" }, format!("{:<60}  {}", next.command, next.why));
    }
    text::table(&rows)
}

fn state(summary: &Summary) -> String {
    let state = match summary.state {
        "running" => "running",
        "finished" => "finished",
        "target_reached" => "finished, the target is reached",
        "budget_spent" => "finished, the budget is spent",
        _ => "stopped, and can go on",
    };
    let active = text::seconds(summary.active_seconds);
    let budget = summary.budget_seconds.map_or_else(String::new, |budget| format!(" of a budget of {}", text::seconds(budget as f64)));
    let left = summary.seconds_left.map_or_else(String::new, |seconds| format!(", about {} to go", text::seconds(seconds)));
    let since = text::seconds(summary.seconds_since_event);
    let last = if summary.state == "running" { format!(", last event {since} ago") } else { String::new() };
    format!("{state}; {active} of active time{budget}{left}{last}")
}

fn best(summary: &Summary) -> String {
    let (Some(trial), Some(value), Some(rung)) = (summary.best_trial, summary.best_value, summary.best_rung) else {
        return "no value yet".to_owned();
    };
    let top = summary.rungs.len() - 1;
    let at = if rung == top { "trained in full".to_owned() } else { format!("at rung {rung} of {top}") };
    let of = summary.best_of.filter(|of| *of != trial).map_or_else(String::new, |of| format!(" (trial {of} with another seed)"));
    let against = match &summary.against_default {
        Some(against) => format!("; {}", gain(against.gain, against.rung)),
        None if trial == 0 => "; it is the default recipe".to_owned(),
        None => String::new(),
    };
    format!("{} {value:.4}: trial {trial}{of}, {at}{against}", summary.metric)
}

fn slot(slot: &Slot, words: &Words) -> String {
    let Slot { worker, name, trial, of, rung, fold, seconds, step, to_step, config } = slot;
    let doing = match (rung, fold) {
        (_, Some(fold)) => format!("trial {trial}, fold {}", fold + 1),
        (Some(_), None) if trial != of => format!("trial {of} with another seed, as trial {trial}"),
        (rung, None) => format!("trial {trial} to rung {} of {}", rung.unwrap_or(0), words.top()),
    };
    let steps = step.zip(*to_step).map_or_else(String::new, |(step, to)| format!(", step {step} of {to}"));
    let time = seconds.map_or_else(String::new, |seconds| format!(", for {}", text::seconds(seconds)));
    // Two workers may have slots of the same name.
    let shown = format!("{name} ({worker})  {doing}{steps}{time}  {config}");
    text::cut(&text::line(&shown), WIDTH + 40).into_owned()
}

/// `2 trials (3, 9)`.
fn trials(trials: &[u32]) -> String {
    const LISTED: usize = 6;
    let listed: Vec<String> = trials.iter().take(LISTED).map(ToString::to_string).collect();
    let more = if trials.len() > LISTED { ", ..." } else { "" };
    match trials {
        [trial] => format!("trial {trial}"),
        _ => format!("{} trials ({}{more})", trials.len(), listed.join(", ")),
    }
}
