//! The shapes that stand for things, the same in plot and legend.

use super::surface::{Colour, Drawing, Point};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Mark {
    Dot {
        colour: Colour,
        alpha: f64,
    },
    /// A dot with an empty heart.
    Ring {
        colour: Colour,
    },
    /// Stopped itself.
    Square {
        colour: Colour,
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
        colour: Colour,
        width: f64,
    },
    Dashes {
        colour: Colour,
    },
    Bar {
        colour: Colour,
    },
    Hatched {
        colour: Colour,
    },
    /// With an outline.
    Pale {
        colour: Colour,
    },
}

impl Drawing {
    /// `size` is about the mark's radius.
    pub(super) fn mark(&mut self, at: Point, mark: Mark, size: f64) {
        const BAR: Point = (9.0, 5.0);
        let (x, y) = at;
        let (from, to) = ((x - BAR.0, y - BAR.1), (x + BAR.0, y + BAR.1));
        match mark {
            Mark::Dot { colour, alpha } => self.disc(at, size, colour, alpha),
            Mark::Ring { colour } => {
                self.disc(at, size, colour, 1.0);
                self.disc(at, size - 1.3, Colour::Ground, 1.0);
            }
            Mark::Square { colour } => {
                let half = size * 0.9;
                self.rectangle((x - half, y - half), (x + half, y + half), colour, 1.0);
            }
            Mark::Cross => {
                let arm = size * 0.9;
                self.line(&[(x - arm, y - arm), (x + arm, y + arm)], Colour::Failed, 1.0, 1.8);
                self.line(&[(x - arm, y + arm), (x + arm, y - arm)], Colour::Failed, 1.0, 1.8);
            }
            Mark::Star => {
                self.polygon(&star(at, size * 2.1), Colour::Ink);
                self.polygon(&star(at, size * 1.55), Colour::Best);
            }
            Mark::Diamond => {
                let diamond = |r: f64| [(x, y - r), (x + r, y), (x, y + r), (x - r, y)];
                self.polygon(&diamond(size * 1.7), Colour::Ground);
                self.polygon(&diamond(size * 1.4), Colour::Ink);
            }
            Mark::Play => self.polygon(&[(x - size * 0.8, y - size), (x + size * 1.1, y), (x - size * 0.8, y + size)], Colour::Running),
            Mark::Beyond { up } => {
                let tip = if up { -size } else { size };
                self.polygon(&[(x - size, y - tip * 0.7), (x + size, y - tip * 0.7), (x, y + tip)], Colour::Faded);
            }
            Mark::Line { colour, width } => self.line(&[(from.0, y), (to.0, y)], colour, 1.0, width),
            Mark::Dashes { colour } => self.dashed(&[(from.0, y), (to.0, y)], colour, 1.6),
            Mark::Bar { colour } => self.rectangle(from, to, colour, 1.0),
            Mark::Hatched { colour } => self.hatched(from, to, colour),
            Mark::Pale { colour } => {
                self.rectangle(from, to, colour, 1.0);
                self.outline(from, to, Colour::Faded, 1.0);
            }
        }
    }

    /// A pale bar with slanted lines and an outline.
    pub(super) fn hatched(&mut self, from: Point, to: Point, colour: Colour) {
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
}

fn star(center: Point, radius: f64) -> Vec<Point> {
    let corner = |k: usize| {
        let angle = std::f64::consts::PI * (k as f64 / 5.0 - 0.5);
        let r = if k.is_multiple_of(2) { radius } else { radius * 0.45 };
        (center.0 + r * angle.cos(), center.1 + r * angle.sin())
    };
    (0..10).map(corner).collect()
}
