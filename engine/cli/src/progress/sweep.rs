//! What a sweep shows while it runs.

use engine::{
    clock::Stopwatch,
    progress::{News, Progress, SlotProgress},
    spec::StudySpec,
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    Mode, Words,
    news::Teller,
    pace::interval,
    text,
    words::{rungs, share_done, time, trials},
};
use crate::context::{Context, harmless};

/// Redrawn so many times a second at most.
const HERTZ: u8 = 5;

/// Bars on a terminal; elsewhere a line when something happens, and now and then.
pub(crate) struct SweepProgress {
    words: Words,
    mode: Mode,
    /// All lines are drawn as one, so that they are of one moment.
    bars: Option<ProgressBar>,
    begun: Stopwatch,
    log: Log,
}

/// What has been written to a log.
#[derive(Default)]
struct Log {
    teller: Teller,
    /// Seconds after the display began.
    last_line: Option<f64>,
}

impl SweepProgress {
    pub(crate) fn new(context: &Context, spec: &StudySpec) -> SweepProgress {
        let bars = (context.mode == Mode::Bars).then(|| {
            let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(HERTZ)).with_style(style)
        });
        SweepProgress { words: Words::of(spec), mode: context.mode, bars, begun: Stopwatch::start(), log: Log::default() }
    }

    pub(crate) fn show(&mut self, progress: &Progress, context: &mut Context) {
        for line in &progress.mended {
            self.suspended(|| context.warn(line));
        }
        let (words, elapsed) = (&self.words, self.begun.seconds());
        match (&self.bars, self.mode) {
            (Some(bars), _) => {
                for line in self.log.above_bars(progress, elapsed, words) {
                    bars.suspend(|| context.note(line));
                }
                let (rows, columns) = console::Term::stderr().size();
                bars.set_message(lines(progress, words, usize::from(columns), usize::from(rows)).join("\n"));
            }
            (None, Mode::Quiet) => {}
            (None, Mode::Bars | Mode::Plain) => self.log.lines(progress, elapsed, words).into_iter().for_each(|line| context.note(line)),
        }
    }

    /// A line that stays, above the bars.
    pub(crate) fn note(&self, context: &mut Context, line: &str) {
        self.suspended(|| context.note(line));
    }

    fn suspended(&self, write: impl FnOnce()) {
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    pub(crate) fn clear(&self) {
        if let Some(bars) = &self.bars {
            bars.finish_and_clear();
        }
    }
}

impl Drop for SweepProgress {
    /// Whatever ended the sweep, the terminal is left as it was.
    fn drop(&mut self) {
        self.clear();
    }
}

impl Log {
    /// News that the bars do not show.
    fn above_bars(&mut self, progress: &Progress, elapsed: f64, words: &Words) -> Vec<String> {
        let news: Vec<_> = progress.news.iter().filter(|news| !matches!(news, News::Best(_))).cloned().collect();
        self.teller.tell(&news, elapsed, words)
    }

    /// Behind the active time of the study.
    fn lines(&mut self, progress: &Progress, elapsed: f64, words: &Words) -> Vec<String> {
        let mut lines = self.teller.tell(&progress.news, elapsed, words);
        let begun = progress.slots.iter().any(|slot| slot.segment.is_some());
        if begun && self.last_line.is_none_or(|last| elapsed - last >= interval(elapsed)) {
            self.last_line = Some(elapsed);
            lines.push(words.line(progress));
        }
        lines.into_iter().map(|line| format!("{}  {line}", text::clock(progress.active_seconds))).collect()
    }
}

/// As a terminal of this size shows them: whatever is too long is cut, and what is too much left out.
fn lines(progress: &Progress, words: &Words, columns: usize, rows: usize) -> Vec<String> {
    // Of the lines above the slots; and the line that the cursor stands in.
    const HEAD: usize = 4;
    let bar = (columns / 4).clamp(4, 30);
    let mut lines = vec![
        format!("{} {}", text::bar(share_done(progress), bar), trials(progress)),
        format!("time   {}", time(progress)),
        format!("rungs  {}", rungs(progress)),
        format!("best   {}", words.best(progress)),
    ];
    let room = rows.saturating_sub(HEAD + 1).max(1);
    let name = progress.slots.iter().map(|slot| slot.slot.chars().count()).max().unwrap_or(0).max(5);
    let slot = |slot: &SlotProgress| format!("{:<name$}  {}", slot.slot, words.slot(slot, bar / 2));
    let all = progress.slots.len();
    let shown = if all > room { room - 1 } else { all };
    lines.extend(progress.slots.iter().take(shown).map(slot));
    if shown < all {
        let busy = progress.slots.iter().skip(shown).filter(|slot| slot.segment.is_some()).count();
        lines.push(format!("and {} more slots, {busy} of them at work", all - shown));
    }
    // A line that fills the last column makes some terminals begin another; and so does one to which a terminal adds `^C`.
    let width = columns.saturating_sub(3).max(1);
    lines.iter().map(|line| text::cut(&harmless(text::line(line)), width).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::words::tests::{progress, words};

    #[test]
    fn bars_fit_the_terminal() {
        let (words, progress) = (words(), progress());
        insta::assert_snapshot!(lines(&progress, &words, 120, 40).join("\n"), @r#"
        ████████████░░░░░░░░░░░░░░░░░░ 8 of 16 trials started, 1 complete, 4 paused, 1 failed
        time   2 min 10 s so far, about 3 min 15 s left
        rungs  0: 7   1: 3 + 1   2: 1   (trials there + on their way)
        best   accuracy 0.9432, trial 4 at rung 1 of 2, 0.0232 better than the default recipe at rung 1
        cpu/0  ████████░░░░░░░ trial 6 to rung 1 of 2, step 20 of 30  "mine"
        cpu/1  ░░░░░░░░░░░░░░░ idle
        "#);
        insta::assert_snapshot!(lines(&progress, &words, 40, 24).join("\n"), @"
        ████░░░░░░ 8 of 16 trials started, 1…
        time   2 min 10 s so far, about 3 mi…
        rungs  0: 7   1: 3 + 1   2: 1   (tri…
        best   accuracy 0.9432, trial 4 at r…
        cpu/0  ███░░ trial 6 to rung 1 of 2,…
        cpu/1  ░░░░░ idle
        ");
        let many = |slot: usize| SlotProgress { slot: format!("cuda:0/{slot}"), segment: progress.slots[slot % 2].segment.clone() };
        let many = Progress { slots: (0..64).map(many).collect(), ..progress.clone() };
        insta::assert_snapshot!(lines(&many, &words, 80, 9).join("\n"), @r#"
        ████████░░░░░░░░░░░░ 8 of 16 trials started, 1 complete, 4 paused, 1 failed
        time   2 min 10 s so far, about 3 min 15 s left
        rungs  0: 7   1: 3 + 1   2: 1   (trials there + on their way)
        best   accuracy 0.9432, trial 4 at rung 1 of 2, 0.0232 better than the defau…
        cuda:0/0   █████░░░░░ trial 6 to rung 1 of 2, step 20 of 30  "mine"
        cuda:0/1   ░░░░░░░░░░ idle
        cuda:0/2   █████░░░░░ trial 6 to rung 1 of 2, step 20 of 30  "mine"
        and 61 more slots, 30 of them at work
        "#);
        for columns in 0..200 {
            for rows in 0..50 {
                let lines = lines(&many, &words, columns, rows);
                assert!(lines.iter().all(|line| console::measure_text_width(line) < columns.max(2)), "{columns}: {lines:?}");
                assert!(lines.len() < rows.max(6), "{rows}: {lines:?}");
            }
        }
    }

    #[test]
    fn a_log_has_no_control_characters_and_few_lines() {
        let (words, progress) = (words(), progress());
        let mut log = Log::default();
        insta::assert_snapshot!(log.lines(&progress, 0.0, &words).join("\n"), @"0:02:10  8 of 16 trials started, 1 complete, 4 paused, 1 failed; best so far: accuracy 0.9432, trial 4 at rung 1 of 2, 0.0232 better than the default recipe at rung 1; about 3 min 15 s left; cpu/0: trial 6 to rung 1 of 2, step 20 of 30");
        // A sweep of a hundred thousand trials in a day, looked at four times a second, in which everything happens all the time.
        let mut written = 0;
        for look in 0..4 * 86_400_u32 {
            let best = engine::progress::Incumbent { trial: look, value: f64::from(look), ..progress.incumbent.unwrap() };
            let news = vec![News::Best(best), News::Failed { trial: look, cause: format!("the loss became NaN at step {look}") }];
            let now = Progress { news, incumbent: Some(best), ..Progress::default() };
            let lines = log.lines(&Progress { slots: progress.slots.clone(), ..now }, f64::from(look) / 4.0, &words);
            assert!(lines.iter().all(|line| !line.contains(char::is_control)));
            written += lines.len();
        }
        assert!((200..1000).contains(&written), "{written}");
    }
}
