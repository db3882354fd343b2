//! What the marks stand for, in a column on the right.

use super::{
    LEGEND, WIDTH,
    marks::Mark,
    surface::{Drawing, Type},
};

const LINE: f64 = 21.0;
const TEXT: f64 = 12.0;

pub(super) struct Legend {
    heading: String,
    entries: Vec<(Mark, String)>,
}

impl Legend {
    pub(super) fn new(heading: &str) -> Legend {
        Legend { heading: heading.to_owned(), entries: Vec::new() }
    }

    /// `mark` where it is `shown` at all.
    pub(super) fn entry(&mut self, shown: bool, mark: Mark, words: impl Into<String>) {
        if shown {
            self.entries.push((mark, words.into()));
        }
    }

    pub(super) fn height(&self) -> f64 {
        LINE * (self.entries.len() as f64 + 1.0)
    }

    /// Downwards from `top`.
    pub(super) fn draw(&self, drawing: &mut Drawing, top: f64) {
        const WORDS: f64 = 28.0;
        let mut y = top + LINE / 2.0;
        let room = f64::from(WIDTH) - LEGEND - 12.0;
        let heading = Type::new(TEXT).bold();
        drawing.text((LEGEND, y), &heading.fitted(&self.heading, room), heading);
        for (mark, words) in &self.entries {
            y += LINE;
            let size = if matches!(mark, Mark::Star) { 3.8 } else { 4.2 };
            drawing.mark((LEGEND + 10.0, y), *mark, size);
            drawing.text((LEGEND + WORDS, y), &Type::new(TEXT).fitted(words, room - WORDS), Type::new(TEXT));
        }
    }
}
