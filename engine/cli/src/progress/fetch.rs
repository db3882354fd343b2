//! What fetching an asset shows.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Mode;
use crate::{assets::FetchEvent, context::Context};

pub(crate) struct FetchProgress<'a> {
    context: &'a mut Context,
    /// Of the file that is coming.
    bar: Option<(String, ProgressBar)>,
}

impl<'a> FetchProgress<'a> {
    pub(crate) fn new(context: &'a mut Context) -> FetchProgress<'a> {
        FetchProgress { context, bar: None }
    }

    pub(crate) fn show(&mut self, event: FetchEvent) {
        match event {
            FetchEvent::Trying { source, bytes } => self.line(format!("fetching {:.1} MB: {source}", bytes as f64 / 1e6)),
            FetchEvent::Failed { why, .. } => self.line(format!("  no: {why}")),
            FetchEvent::Note(note) => self.line(format!("  note: {note}")),
            FetchEvent::Bytes { file, done, total } => self.bytes(file, done, total),
        }
    }

    fn line(&mut self, line: String) {
        self.clear();
        self.context.note(line);
    }

    fn bytes(&mut self, file: String, done: u64, total: u64) {
        if self.bar.as_ref().is_none_or(|(current, _)| *current != file) {
            self.clear();
            let bars = self.context.mode == Mode::Bars;
            if !bars {
                self.context.note(format!("  {file}, {:.1} MB", total as f64 / 1e6));
            }
            let target = if bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
            // The name of the file comes last: it is what may be cut.
            let style = ProgressStyle::with_template("  {bar:20} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left  {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::with_draw_target(Some(total), target).with_style(style).with_message(file.clone());
            self.bar = Some((file, bar));
        }
        if let Some((_, bar)) = &self.bar {
            bar.set_position(done);
        }
    }

    pub(crate) fn clear(&mut self) {
        if let Some((_, bar)) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
