//! What is known of a running sweep, in words.

use engine::{
    progress::{Incumbent, Progress, SlotProgress, SlotSegment},
    spec::StudySpec,
};
use search_spaces::{domain::Parameter, ladder::Ladder, settings::Metric};

use super::{config, text};

/// Slots that a line names; of more it says how many are at work.
const SLOTS_ON_A_LINE: usize = 4;

/// What does not change while a study goes on.
#[derive(Debug)]
pub(crate) struct Words {
    ladder: Ladder,
    metric: Metric,
    parameters: Vec<Parameter>,
}

impl Words {
    pub(crate) fn of(spec: &StudySpec) -> Words {
        let space = &spec.space;
        Words { ladder: spec.ladder.clone(), metric: space.objective.metric, parameters: space.parameters.clone() }
    }

    pub(crate) fn best(&self, progress: &Progress) -> String {
        progress.incumbent.as_ref().map_or_else(|| "none yet".to_owned(), |best| self.incumbent(best))
    }

    pub(crate) fn incumbent(&self, best: &Incumbent) -> String {
        let Incumbent { trial, of, value, rung, .. } = best;
        let again = if of == trial { String::new() } else { format!(" (trial {of} with another seed)") };
        let rung = if *rung == self.ladder.top() { String::new() } else { format!(" at rung {rung} of {}", self.ladder.top()) };
        let against = best.against.as_ref().map_or_else(String::new, |against| format!(", {}", gain(against.gain, against.rung)));
        format!("{} {value:.4}, trial {trial}{again}{rung}{against}", self.metric.name())
    }

    /// What a slot does, without its name.
    pub(crate) fn doing(&self, segment: &SlotSegment) -> String {
        let trial = segment.trial;
        match segment {
            SlotSegment { fold: Some(fold), .. } => format!("trial {trial}, fold {} of {}", fold.index + 1, fold.of),
            SlotSegment { parent: Some(parent), .. } => format!("trial {parent} with another seed, as trial {trial}"),
            SlotSegment { rung, .. } => format!("trial {trial} to rung {rung} of {}", self.ladder.top()),
        }
    }

    /// The step it is at, of those up to the rung.
    fn step(&self, segment: &SlotSegment) -> String {
        match self.span(segment) {
            Some((_, to)) => format!(", step {} of {to}", segment.step),
            None => String::new(),
        }
    }

    pub(crate) fn config(&self, segment: &SlotSegment) -> String {
        config::trial(&self.parameters, segment.recipe.as_deref(), segment.assignment.as_ref())
    }

    /// A line for one slot, with a bar of so many columns.
    pub(super) fn slot(&self, slot: &SlotProgress, bar: usize) -> String {
        let Some(segment) = &slot.segment else { return format!("{} idle", text::bar(0.0, bar)) };
        let share = self.share_of_segment(segment);
        format!("{} {}{}  {}", text::bar(share, bar), self.doing(segment), self.step(segment), self.config(segment))
    }

    /// The steps that a segment begins and ends at; `None` while they are not known.
    fn span(&self, segment: &SlotSegment) -> Option<(u64, u64)> {
        let total = Some(segment.total_steps).filter(|total| *total > 0)?;
        if segment.fold.is_some() || segment.parent.is_some() {
            return Some((0, total));
        }
        let step = |rung: usize| self.ladder.step(rung.min(self.ladder.top()), total);
        Some((segment.rung.checked_sub(1).map_or(0, step), step(segment.rung)))
    }

    /// How far a slot is on its way to the rung.
    pub(super) fn share_of_segment(&self, segment: &SlotSegment) -> f64 {
        let Some((from, to)) = self.span(segment) else { return 0.0 };
        (segment.step.saturating_sub(from) as f64 / to.saturating_sub(from).max(1) as f64).min(1.0)
    }

    /// All of it on a line, for logs.
    pub(super) fn line(&self, progress: &Progress) -> String {
        let busy: Vec<(&str, &SlotSegment)> =
            progress.slots.iter().filter_map(|slot| Some((slot.slot.as_str(), slot.segment.as_ref()?))).collect();
        let slots = if busy.len() > SLOTS_ON_A_LINE {
            vec![format!("{} of {} slots at work", busy.len(), progress.slots.len())]
        } else {
            busy.iter().map(|(slot, segment)| format!("{slot}: {}{}", self.doing(segment), self.step(segment))).collect()
        };
        let parts = [trials(progress), format!("best so far: {}", self.best(progress)), left(progress)];
        parts.into_iter().chain(slots).collect::<Vec<_>>().join("; ")
    }

    /// What is searched for: `accuracy`.
    pub(crate) fn metric(&self) -> &str {
        self.metric.name()
    }

    /// The last rung.
    pub(crate) fn top(&self) -> usize {
        self.ladder.top()
    }

    pub(super) fn folds(&self, folds: usize) -> String {
        format!("{folds} trainings to rung {} on other splits", self.ladder.top())
    }
}

/// `0.0210 better than the default recipe`; at `rung`, or both trained in full.
pub(crate) fn gain(gain: f64, rung: Option<usize>) -> String {
    let at = rung.map_or_else(String::new, |rung| format!(" at rung {rung}"));
    let shown = format!("{:.4}", gain.abs());
    match gain {
        _ if shown.bytes().all(|digit| matches!(digit, b'0' | b'.')) => format!("the same as the default recipe{at}"),
        gain if gain > 0.0 => format!("{shown} better than the default recipe{at}"),
        _ => format!("{shown} worse than the default recipe{at}"),
    }
}

pub(crate) fn trials(progress: &Progress) -> String {
    let started = progress.active + progress.paused + progress.complete + progress.failed;
    let failed = if progress.failed > 0 { format!(", {} failed", progress.failed) } else { String::new() };
    let finalists = match progress.repeats {
        (_, 0) => String::new(),
        (ended, wanted) => format!(", {ended} of {wanted} trainings of finalists"),
    };
    let folds = match progress.folds {
        (_, 0) => String::new(),
        (ended, wanted) => format!(", {ended} of {wanted} folds"),
    };
    format!(
        "{started} of {} trials started, {} complete, {} paused{failed}{finalists}{folds}",
        progress.planned, progress.complete, progress.paused
    )
}

pub(super) fn left(progress: &Progress) -> String {
    progress.seconds_left.map_or_else(|| "time left not known yet".to_owned(), |s| format!("about {} left", text::seconds(s)))
}

pub(crate) fn time(progress: &Progress) -> String {
    let budget = progress.budget_seconds.map_or_else(String::new, |budget| format!(" of a budget of {}", text::seconds(budget as f64)));
    format!("{}{budget} so far, {}", text::seconds(progress.active_seconds), left(progress))
}

/// How many trials have a value at each rung, and how many train up to it.
pub(super) fn rungs(progress: &Progress) -> String {
    let rungs = progress.rungs.iter().enumerate().map(|(rung, here)| {
        let training = if here.training > 0 { format!(" + {}", here.training) } else { String::new() };
        format!("{rung}: {}{training}", here.reached)
    });
    format!("{}   (trials there + on their way)", rungs.collect::<Vec<_>>().join("   "))
}

/// Of the time that the search is expected to take.
pub(crate) fn share_done(progress: &Progress) -> f64 {
    let left = progress.seconds_left.unwrap_or(f64::INFINITY);
    progress.active_seconds / (progress.active_seconds + left).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
pub(super) mod tests {
    use engine::{
        folds::Fold,
        progress::{Against, RungProgress},
    };

    use super::*;

    pub(in crate::progress) fn words() -> Words {
        let ladder = Ladder { eta: 3, rungs: vec![100, 300, 900], ..Ladder::default() };
        Words { ladder, metric: Metric::Accuracy, parameters: Vec::new() }
    }

    pub(in crate::progress) fn progress() -> Progress {
        let segment =
            SlotSegment { trial: 6, rung: 1, step: 20, total_steps: 90, recipe: Some("mine".to_owned()), ..SlotSegment::default() };
        let against = Against { best: 0.943_21, default: 0.92, gain: 0.023_21, rung: Some(1) };
        Progress {
            planned: 16,
            active: 2,
            paused: 4,
            complete: 1,
            failed: 1,
            rungs: [(7, 0), (3, 1), (1, 0)].map(|(reached, training)| RungProgress { reached, training }).into(),
            slots: vec![
                SlotProgress { slot: "cpu/0".to_owned(), segment: Some(segment) },
                SlotProgress { slot: "cpu/1".to_owned(), segment: None },
            ],
            incumbent: Some(Incumbent { trial: 4, of: 4, value: 0.943_21, rung: 1, against: Some(against) }),
            active_seconds: 130.0,
            seconds_left: Some(195.0),
            ..Progress::default()
        }
    }

    #[test]
    fn a_line_says_it_all() {
        let (words, progress) = (words(), progress());
        insta::assert_snapshot!(words.line(&progress), @"8 of 16 trials started, 1 complete, 4 paused, 1 failed; best so far: accuracy 0.9432, trial 4 at rung 1 of 2, 0.0232 better than the default recipe at rung 1; about 3 min 15 s left; cpu/0: trial 6 to rung 1 of 2, step 20 of 30");
        insta::assert_snapshot!(words.line(&Progress { planned: 16, ..Progress::default() }), @"0 of 16 trials started, 0 complete, 0 paused; best so far: none yet; time left not known yet");
        let many = |slot: usize| SlotProgress { slot: format!("cpu/{slot}"), segment: progress.slots[0].segment.clone() };
        let line = words.line(&Progress { slots: (0..64).map(many).collect(), ..progress.clone() });
        assert!(line.ends_with("; 64 of 64 slots at work"), "{line}");
        assert!(trials(&Progress { folds: (3, 20), ..progress.clone() }).ends_with("1 failed, 3 of 20 folds"));
        assert!(trials(&Progress { repeats: (2, 6), ..progress.clone() }).ends_with("1 failed, 2 of 6 trainings of finalists"));
        assert_eq!(share_done(&progress), 0.4);
    }

    #[test]
    fn a_slot_shows_what_it_trains() {
        let (words, progress) = (words(), progress());
        // Between the 10th and the 30th of 90 steps.
        assert_eq!(words.slot(&progress.slots[0], 4), "██░░ trial 6 to rung 1 of 2, step 20 of 30  \"mine\"");
        assert_eq!(words.slot(&progress.slots[1], 4), "░░░░ idle");
        let fold = Some(Fold { trial: 4, index: 1, of: 5 });
        let folding = SlotSegment { trial: 4, fold, step: 30, total_steps: 120, ..SlotSegment::default() };
        assert_eq!((words.doing(&folding).as_str(), words.share_of_segment(&folding)), ("trial 4, fold 2 of 5", 0.25));
        let again = SlotSegment { trial: 20, rung: 2, parent: Some(4), step: 30, total_steps: 120, ..SlotSegment::default() };
        assert_eq!((words.doing(&again).as_str(), words.share_of_segment(&again)), ("trial 4 with another seed, as trial 20", 0.25));
    }

    #[test]
    fn gains_read_well() {
        let all = [0.021, -0.5, 0.000_01].map(|by| gain(by, None));
        assert_eq!(
            all,
            ["0.0210 better than the default recipe", "0.5000 worse than the default recipe", "the same as the default recipe"]
        );
    }
}
