//! What training one config shows.

use std::time::Duration;

use engine::{
    clock::Stopwatch,
    runner::{Evaluation, TrialEvent},
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Mode, pace::interval, text};
use crate::context::Context;

/// Evaluations as lines that stay; a bar of steps below them on a terminal. In a log not every evaluation has a line where there are many, and a line says that
/// it goes on where there are few.
pub(crate) struct TrainProgress<'a> {
    context: &'a mut Context,
    metric: &'a str,
    bar: Option<ProgressBar>,
    watch: Stopwatch,
    log: Log,
}

#[derive(Default)]
struct Log {
    lines: usize,
    /// Seconds after the beginning.
    last: f64,
    /// Step and all steps, at the first event: a training may go on from a checkpoint.
    from: Option<(f64, u64)>,
}

impl<'a> TrainProgress<'a> {
    pub(crate) fn new(context: &'a mut Context, metric: &'a str) -> TrainProgress<'a> {
        let bar = (context.mode == Mode::Bars).then(|| {
            let style = ProgressStyle::with_template("{bar:30} step {pos} of {len}, about {eta} left");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5)).with_style(style);
            bar.enable_steady_tick(Duration::from_millis(500));
            bar
        });
        TrainProgress { context, metric, bar, watch: Stopwatch::start(), log: Log::default() }
    }

    pub(crate) fn show(&mut self, event: &TrialEvent) {
        let seconds = self.watch.seconds();
        let line = match (event, &self.bar) {
            (TrialEvent::Step { step, total_steps }, Some(bar)) => {
                bar.set_length(*total_steps);
                bar.set_position(*step);
                None
            }
            (TrialEvent::Step { step, total_steps }, None) => self.log.step(seconds, *step, *total_steps),
            (TrialEvent::Evaluated(evaluation), Some(_)) => Some(evaluated(seconds, evaluation, self.metric)),
            (TrialEvent::Evaluated(evaluation), None) => self.log.evaluated(seconds, evaluation, self.metric),
            (TrialEvent::Alive | TrialEvent::Checkpointed(_), _) => None,
        };
        let (Some(line), context) = (line, &mut *self.context) else { return };
        match &self.bar {
            Some(bar) => bar.suspend(|| context.note(line)),
            None => context.note(line),
        }
    }

    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for TrainProgress<'_> {
    /// Whatever ended the training, the terminal is left as it was.
    fn drop(&mut self) {
        self.clear();
    }
}

impl Log {
    fn evaluated(&mut self, seconds: f64, evaluation: &Evaluation, metric: &str) -> Option<String> {
        // More than that are not read one by one.
        const ALL: usize = 100;
        if self.lines >= ALL && seconds - self.last < interval(seconds) {
            return None;
        }
        (self.lines, self.last) = (self.lines + 1, seconds);
        Some(evaluated(seconds, evaluation, metric))
    }

    fn step(&mut self, seconds: f64, step: u64, total: u64) -> Option<String> {
        let (begun, from) = *self.from.get_or_insert((seconds, step));
        if seconds - self.last < interval(seconds) {
            return None;
        }
        self.last = seconds;
        let done = step.saturating_sub(from);
        let left = (seconds - begun) / done as f64 * total.saturating_sub(step) as f64;
        let left = if done > 0 { format!(", about {} left", text::seconds(left)) } else { String::new() };
        Some(format!("  {seconds:>5.0} s  step {step:>6} of {total}{left}"))
    }
}

fn evaluated(seconds: f64, evaluation: &Evaluation, metric: &str) -> String {
    let Evaluation { step, epoch, train_loss, metrics, .. } = evaluation;
    let value = metrics.get(metric).copied().unwrap_or(f64::NAN);
    format!("  {seconds:>5.0} s  step {step:>6}  pass {epoch:.2}  training loss {train_loss:.4}  {metric} {value:.4}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_of_a_long_training_is_short() {
        let (mut log, mut lines) = (Log::default(), Vec::new());
        for step in 1..=20_000_u64 {
            let seconds = step as f64;
            lines.extend(log.step(seconds, step, 20_000));
            if step.is_multiple_of(10) {
                let metrics = [("accuracy".to_owned(), 0.5)].into();
                let (rates, rung) = (Vec::new(), None);
                let evaluation = Evaluation { step, examples: step, epoch: 0.5, train_loss: 1.0, metrics, learning_rates: rates, rung };
                lines.extend(log.evaluated(seconds, &evaluation, "accuracy"));
            }
        }
        assert!((130..180).contains(&lines.len()), "{}", lines.len());
        insta::assert_snapshot!([&lines[0], &lines[120]].map(String::as_str).join("\n"), @"
          10 s  step     10  pass 0.50  training loss 1.0000  accuracy 0.5000
        2954 s  step   2954 of 20000, about 4 h 44 min left
        ");
    }
}
