//! The shapes that stand for things, the same in plot and legend.

use plotters::style::RGBColor;

use super::{
    canvas::{Canvas, Type},
    palette,
};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Mark {
    Dot {
        colour: RGBColor,
        alpha: f64,
    },
    /// A dot with a white heart.
    Ring {
        colour: RGBColor,
    },
    /// A failed trial.
    Cross,
    /// The best trial.
    Star,
    /// The default recipe.
    Diamond,
    /// Still running.
    Play,
    /// Lies beyond the scale, on its worse side.
    Beyond {
        up: bool,
    },
    Line {
        colour: RGBColor,
        width: f64,
    },
    Dashes {
        colour: RGBColor,
    },
    Bar {
        colour: RGBColor,
    },
    Hatched {
        colour: RGBColor,
    },
}

impl Canvas<'_> {
    /// `size` is about the mark's radius.
    pub(super) fn mark(&mut self, at: (f64, f64), mark: Mark, size: f64) {
        let (x, y) = at;
        match mark {
            Mark::Dot { colour, alpha } => self.disc(at, size, colour, alpha),
            Mark::Ring { colour } => {
                self.disc(at, size, colour, 1.0);
                self.disc(at, size - 1.1, palette::WHITE, 1.0);
            }
            Mark::Cross => {
                let arm = size * 0.9;
                self.line(&[(x - arm, y - arm), (x + arm, y + arm)], palette::FAILED, 1.0, 1.8);
                self.line(&[(x - arm, y + arm), (x + arm, y - arm)], palette::FAILED, 1.0, 1.8);
            }
            Mark::Star => {
                self.polygon(&star(at, size * 2.1), palette::INK);
                self.polygon(&star(at, size * 1.6), palette::BEST);
            }
            Mark::Diamond => {
                let diamond = |r: f64| [(x, y - r), (x + r, y), (x, y + r), (x - r, y)];
                self.polygon(&diamond(size * 1.7), palette::WHITE);
                self.polygon(&diamond(size * 1.4), palette::DEFAULT);
            }
            Mark::Play => self.polygon(&[(x - size * 0.8, y - size), (x + size * 1.1, y), (x - size * 0.8, y + size)], palette::RUNNING),
            Mark::Beyond { up } => {
                let tip = if up { -size } else { size };
                self.polygon(&[(x - size, y - tip * 0.7), (x + size, y - tip * 0.7), (x, y + tip)], palette::FADED);
            }
            Mark::Line { colour, width } => self.line(&[(x - 9.0, y), (x + 9.0, y)], colour, 1.0, width),
            Mark::Dashes { colour } => self.dashed((x - 9.0, y), (x + 9.0, y), colour, 1.6),
            Mark::Bar { colour } => self.rectangle((x - 9.0, y - 5.0), (x + 9.0, y + 5.0), colour, 1.0),
            Mark::Hatched { colour } => self.hatched((x - 9.0, y - 5.0), (x + 9.0, y + 5.0), colour),
        }
    }

    /// A pale bar with slanted lines and an outline.
    pub(super) fn hatched(&mut self, from: (f64, f64), to: (f64, f64), colour: RGBColor) {
        const APART: f64 = 5.0;
        self.rectangle(from, to, colour, 0.2);
        let height = to.1 - from.1;
        let mut start = from.0 - height + APART / 2.0;
        while start < to.0 {
            // From the lower left to the upper right, cut at both sides.
            let (low, high) = (start.max(from.0), (start + height).min(to.0));
            if low < high {
                self.line(&[(low, to.1 - (low - start)), (high, to.1 - (high - start))], colour, 1.0, 1.0);
            }
            start += APART;
        }
        if to.0 - from.0 > 2.0 {
            self.outline(from, to, colour, 1.0);
        }
    }

    /// One line an entry, downwards from `at`.
    pub(super) fn legend(&mut self, at: (f64, f64), heading: &str, entries: &[(Mark, String)]) {
        const LINE: f64 = 22.0;
        let (x, mut y) = at;
        self.text((x, y), heading, Type::new(13.0).bold());
        for (mark, text) in entries {
            y += LINE;
            let size = if matches!(mark, Mark::Star) { 3.8 } else { 4.2 };
            self.mark((x + 10.0, y), *mark, size);
            self.text((x + 27.0, y), text, Type::new(13.0));
        }
    }
}

fn star(center: (f64, f64), radius: f64) -> Vec<(f64, f64)> {
    let corner = |k: usize| {
        let angle = std::f64::consts::PI * (k as f64 / 5.0 - 0.5);
        let r = if k.is_multiple_of(2) { radius } else { radius * 0.45 };
        (center.0 + r * angle.cos(), center.1 + r * angle.sin())
    };
    (0..10).map(corner).collect()
}
