//! What training one config shows.

use std::time::Duration;

use engine::{clock::Stopwatch, runner::TrialEvent};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::context::Context;

/// Evaluations as lines that stay; a bar of steps below them on a terminal.
pub(crate) struct TrainProgress<'a> {
    context: &'a mut Context,
    metric: &'a str,
    bar: ProgressBar,
    watch: Stopwatch,
}

impl<'a> TrainProgress<'a> {
    pub(crate) fn new(context: &'a mut Context, metric: &'a str) -> TrainProgress<'a> {
        let target = if context.interactive { ProgressDrawTarget::stderr_with_hz(5) } else { ProgressDrawTarget::hidden() };
        let style =
            ProgressStyle::with_template("{bar:30} step {pos} of {len}, about {eta} left").unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        bar.enable_steady_tick(Duration::from_millis(500));
        TrainProgress { context, metric, bar, watch: Stopwatch::start() }
    }

    pub(crate) fn show(&mut self, event: &TrialEvent) {
        match event {
            TrialEvent::Step { step, total_steps } => {
                self.bar.set_length(*total_steps);
                self.bar.set_position(*step);
            }
            TrialEvent::Evaluated(evaluation) => {
                let value = evaluation.metrics.get(self.metric).copied().unwrap_or(f64::NAN);
                let line = format!(
                    "  {:>5.0} s  step {:>6}  pass {:.2}  training loss {:.4}  {} {value:.4}",
                    self.watch.seconds(),
                    evaluation.step,
                    evaluation.epoch,
                    evaluation.train_loss,
                    self.metric
                );
                let context = &mut *self.context;
                self.bar.suspend(|| context.note(line));
            }
            TrialEvent::Alive | TrialEvent::Checkpointed(_) => {}
        }
    }

    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
