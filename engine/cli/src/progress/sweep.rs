//! What a sweep shows while it runs.

use engine::{
    clock::Stopwatch,
    progress::{Progress, SlotProgress, SlotSegment},
};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use search_spaces::{ladder::Ladder, settings::Metric};

use super::text;
use crate::context::Context;

/// Without a terminal a line is written this often, and at once when there is a new best trial.
const QUIET_SECONDS: f64 = 20.0;

/// Bars on a terminal; elsewhere a line now and then.
pub(crate) struct SweepProgress {
    words: Words,
    bars: Option<Bars>,
    last_line: Option<Stopwatch>,
    last_best: Option<(u32, f64)>,
}

/// What does not change while the sweep runs.
struct Words {
    ladder: Ladder,
    metric: Metric,
}

struct Bars {
    all: MultiProgress,
    overall: ProgressBar,
    best: ProgressBar,
    slots: Vec<ProgressBar>,
}

impl SweepProgress {
    /// `slots` over all devices.
    pub(crate) fn new(context: &Context, ladder: Ladder, metric: Metric, slots: usize) -> SweepProgress {
        let bars = context.interactive.then(|| Bars::new(slots));
        SweepProgress { words: Words { ladder, metric }, bars, last_line: None, last_best: None }
    }

    pub(crate) fn show(&mut self, progress: &Progress, context: &mut Context) {
        progress.mended.iter().for_each(|line| self.note(context, line));
        if let Some(bars) = &self.bars {
            bars.show(progress, &self.words);
            return;
        }
        let begun = progress.slots.iter().any(|slot| slot.segment.is_some());
        let due = begun && self.last_line.is_none_or(|last| last.seconds() >= QUIET_SECONDS);
        if due || (progress.incumbent.is_some() && progress.incumbent != self.last_best) {
            self.last_line = Some(Stopwatch::start());
            self.last_best = progress.incumbent;
            context.note(self.words.line(progress));
        }
    }

    /// A line that stays, above the bars.
    pub(crate) fn note(&self, context: &mut Context, line: &str) {
        match &self.bars {
            Some(bars) => bars.all.suspend(|| context.note(line)),
            None => context.note(line),
        }
    }

    pub(crate) fn clear(&self) {
        if let Some(bars) = &self.bars {
            // It fails only when standard error is gone, and then nobody reads it.
            let _ = bars.all.clear();
        }
    }
}

impl Bars {
    fn new(slots: usize) -> Bars {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(5));
        let style = |template: &str| ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let line = |template: &str, length: u64| all.add(ProgressBar::new(length).with_style(style(template)));
        Bars {
            overall: line("{bar:30} {msg}", 1000),
            best: line("{msg}", 0),
            slots: (0..slots).map(|_| line("  {bar:28} {msg}", 1000)).collect(),
            all,
        }
    }

    fn show(&self, progress: &Progress, words: &Words) {
        self.overall.set_position((share_done(progress) * 1000.0) as u64);
        self.overall.set_message(format!("{}; {}", trials(progress), time(progress)));
        self.best.set_message(words.best(progress));
        for (bar, slot) in self.slots.iter().zip(&progress.slots) {
            bar.set_position((words.share_of_segment(slot) * 1000.0) as u64);
            bar.set_message(words.slot(slot));
        }
    }
}

impl Words {
    fn best(&self, progress: &Progress) -> String {
        match progress.incumbent {
            Some((trial, value)) => format!("best so far: {} {value:.4}, trial {trial}", self.metric.name()),
            None => "best so far: none yet".to_owned(),
        }
    }

    fn slot(&self, slot: &SlotProgress) -> String {
        match &slot.segment {
            Some(SlotSegment { fold: Some(fold), .. }) => {
                format!("{}: trial {}, fold {} of {}", slot.slot, fold.trial, fold.index + 1, fold.of)
            }
            Some(SlotSegment { parent: Some(parent), .. }) => format!("{}: trial {parent} with another seed", slot.slot),
            Some(segment) => format!("{}: trial {} to rung {} of {}", slot.slot, segment.trial, segment.rung, self.ladder.top()),
            None => format!("{}: idle", slot.slot),
        }
    }

    /// How far a slot is on its way to the rung.
    fn share_of_segment(&self, slot: &SlotProgress) -> f64 {
        let Some(segment) = slot.segment.as_ref().filter(|segment| segment.total_steps > 0) else { return 0.0 };
        let step = |rung: usize| self.ladder.step(rung.min(self.ladder.top()), segment.total_steps);
        if segment.fold.is_some() || segment.parent.is_some() {
            return (segment.step as f64 / segment.total_steps as f64).min(1.0);
        }
        let (from, to) = (segment.rung.checked_sub(1).map_or(0, step), step(segment.rung));
        (segment.step.saturating_sub(from) as f64 / to.saturating_sub(from).max(1) as f64).min(1.0)
    }

    fn line(&self, progress: &Progress) -> String {
        let slots: Vec<String> = progress.slots.iter().map(|slot| self.slot(slot)).collect();
        format!("{}; {}; {}; {}", trials(progress), self.best(progress), time(progress), slots.join("; "))
    }
}

fn trials(progress: &Progress) -> String {
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

fn time(progress: &Progress) -> String {
    let left = progress.seconds_left.map_or_else(|| "time left not known yet".to_owned(), |s| format!("about {} left", text::seconds(s)));
    format!("{} so far, {left}", text::seconds(progress.active_seconds))
}

/// Of the time that the search is expected to take.
fn share_done(progress: &Progress) -> f64 {
    let left = progress.seconds_left.unwrap_or(f64::INFINITY);
    progress.active_seconds / (progress.active_seconds + left).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use engine::folds::Fold;

    use super::*;

    #[test]
    fn a_line_says_it_all() {
        let words = Words { ladder: Ladder { eta: 3, rungs: vec![100, 300, 900], ..Ladder::default() }, metric: Metric::Accuracy };
        let segment = SlotSegment { trial: 6, rung: 1, parent: None, fold: None, step: 20, total_steps: 90 };
        let progress = Progress {
            planned: 16,
            active: 2,
            paused: 4,
            complete: 1,
            failed: 1,
            repeats: (0, 0),
            folds: (0, 0),
            slots: vec![
                SlotProgress { slot: "cpu/0".to_owned(), segment: Some(segment) },
                SlotProgress { slot: "cpu/1".to_owned(), segment: None },
            ],
            incumbent: Some((4, 0.943_21)),
            active_seconds: 130.0,
            seconds_left: Some(195.0),
            mended: Vec::new(),
        };
        insta::assert_snapshot!(words.line(&progress), @"8 of 16 trials started, 1 complete, 4 paused, 1 failed; best so far: accuracy 0.9432, trial 4; 2 min 10 s so far, about 3 min 15 s left; cpu/0: trial 6 to rung 1 of 2; cpu/1: idle");
        insta::assert_snapshot!(words.line(&Progress { planned: 16, ..Progress::default() }), @"0 of 16 trials started, 0 complete, 0 paused; best so far: none yet; 0 s so far, time left not known yet;");
        let fold = Some(Fold { trial: 4, index: 1, of: 5 });
        let folding = SlotSegment { trial: 4, rung: 0, parent: None, fold, step: 30, total_steps: 120 };
        let slot = SlotProgress { slot: "cpu/0".to_owned(), segment: Some(folding) };
        assert_eq!((words.slot(&slot).as_str(), words.share_of_segment(&slot)), ("cpu/0: trial 4, fold 2 of 5", 0.25));
        assert!(trials(&Progress { folds: (3, 20), ..progress.clone() }).ends_with("1 failed, 3 of 20 folds"));
        let again = SlotSegment { trial: 20, rung: 2, parent: Some(4), fold: None, step: 30, total_steps: 120 };
        let slot = SlotProgress { slot: "cpu/0".to_owned(), segment: Some(again) };
        assert_eq!((words.slot(&slot).as_str(), words.share_of_segment(&slot)), ("cpu/0: trial 4 with another seed", 0.25));
        assert!(trials(&Progress { repeats: (2, 6), ..progress.clone() }).ends_with("1 failed, 2 of 6 trainings of finalists"));
        // Between the 10th and the 30th of 90 steps.
        assert_eq!(words.share_of_segment(&progress.slots[0]), 0.5);
        assert_eq!(share_done(&progress), 0.4);
    }
}
