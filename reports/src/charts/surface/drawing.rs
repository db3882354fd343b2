//! A chart as a list of shapes, in logical pixels from the upper left corner.

use super::{Colour, Fill, Horizontal, Type};

/// Across and down, in logical pixels.
pub(in crate::charts) type Point = (f64, f64);

#[derive(Debug, Clone, PartialEq)]
pub(in crate::charts) enum Shape {
    Rectangle {
        from: Point,
        to: Point,
        colour: Colour,
        alpha: f64,
    },
    Line {
        points: Vec<Point>,
        colour: Colour,
        alpha: f64,
        width: f64,
    },
    Disc {
        center: Point,
        radius: f64,
        colour: Colour,
        alpha: f64,
    },
    Polygon {
        corners: Vec<Point>,
        colour: Colour,
    },
    Text {
        /// Where its horizontal anchor meets the baseline.
        at: Point,
        text: String,
        /// An em.
        size: f64,
        bold: bool,
        fill: Fill,
        horizontal: Horizontal,
        /// Reads upwards; the anchor is then along that way.
        upright: bool,
        width: f64,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::charts) struct Drawing {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) shapes: Vec<Shape>,
}

impl Drawing {
    pub(in crate::charts) fn new(width: u32, height: u32) -> Drawing {
        Drawing { width, height, shapes: Vec::new() }
    }

    pub(in crate::charts) fn rectangle(&mut self, from: Point, to: Point, colour: Colour, alpha: f64) {
        self.shapes.push(Shape::Rectangle { from, to, colour, alpha });
    }

    pub(in crate::charts) fn outline(&mut self, from: Point, to: Point, colour: Colour, width: f64) {
        self.line(&[from, (to.0, from.1), to, (from.0, to.1), from], colour, 1.0, width);
    }

    /// A polyline.
    pub(in crate::charts) fn line(&mut self, points: &[Point], colour: Colour, alpha: f64, width: f64) {
        if points.len() > 1 {
            self.shapes.push(Shape::Line { points: points.to_vec(), colour, alpha, width });
        }
    }

    pub(in crate::charts) fn dashed(&mut self, points: &[Point], colour: Colour, width: f64) {
        const DASH: f64 = 5.0;
        const GAP: f64 = 4.0;
        // How far the pattern has come by the beginning of each piece.
        let mut before = 0.0;
        for pair in points.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let length = dx.hypot(dy);
            let at = |along: f64| (from.0 + dx * along / length, from.1 + dy * along / length);
            let mut start = -(before % (DASH + GAP));
            while start < length {
                let (begin, end) = (start.max(0.0), (start + DASH).min(length));
                if end > begin {
                    self.line(&[at(begin), at(end)], colour, 1.0, width);
                }
                start += DASH + GAP;
            }
            before += length;
        }
    }

    pub(in crate::charts) fn disc(&mut self, center: Point, radius: f64, colour: Colour, alpha: f64) {
        self.shapes.push(Shape::Disc { center, radius, colour, alpha });
    }

    pub(in crate::charts) fn polygon(&mut self, corners: &[Point], colour: Colour) {
        self.shapes.push(Shape::Polygon { corners: corners.to_vec(), colour });
    }

    pub(in crate::charts) fn text(&mut self, at: Point, text: &str, style: Type) {
        self.write((at.0, at.1 + style.baseline()), text, style, false);
    }

    /// Reads upwards: `style.vertical` says which side of the line `at` is on (`Top`: the text lies right of it), `style.horizontal` where along it.
    pub(in crate::charts) fn upright(&mut self, at: Point, text: &str, style: Type) {
        self.write((at.0 + style.baseline(), at.1), text, style, true);
    }

    fn write(&mut self, at: Point, text: &str, style: Type, upright: bool) {
        if text.is_empty() {
            return;
        }
        let Type { size, bold, fill, horizontal, .. } = style;
        self.shapes.push(Shape::Text { at, text: text.to_owned(), size, bold, fill, horizontal, upright, width: style.width(text) });
    }
}

#[cfg(test)]
impl Drawing {
    pub(in crate::charts) fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// Each text with its upper left and lower right corner.
    pub(in crate::charts) fn texts(&self) -> Vec<(&str, Point, Point)> {
        // Of capitals and of a `g`, in ems.
        const ASCENT: f64 = 0.74;
        const DESCENT: f64 = 0.22;
        let box_of = |shape: &'_ Shape| {
            let Shape::Text { at: (x, y), size, horizontal, upright, width, .. } = shape else { return None };
            let before = match horizontal {
                Horizontal::Left => 0.0,
                Horizontal::Center => width / 2.0,
                Horizontal::Right => *width,
            };
            let (over, under) = (ASCENT * size, DESCENT * size);
            Some(if *upright {
                ((x - over, y - (width - before)), (x + under, y + before))
            } else {
                ((x - before, y - over), (x - before + width, y + under))
            })
        };
        let texts = self.shapes.iter().filter_map(|shape| {
            let Shape::Text { text, .. } = shape else { return None };
            let (from, to) = box_of(shape)?;
            Some((text.as_str(), from, to))
        });
        texts.collect()
    }

    /// What leaves the surface, and which texts lie over each other.
    pub(in crate::charts) fn faults(&self) -> Vec<String> {
        let texts = self.texts();
        let (wide, high) = (f64::from(self.width), f64::from(self.height));
        let mut faults = Vec::new();
        for (index, (text, from, to)) in texts.iter().enumerate() {
            if from.0 < 0.0 || from.1 < 0.0 || to.0 > wide || to.1 > high {
                faults.push(format!("`{text}` leaves the surface: {from:?} to {to:?} of {wide} x {high}"));
            }
            for (other, start, end) in &texts[index + 1..] {
                // A pixel of overlap is not seen.
                let overlap = |a: f64, b: f64, c: f64, d: f64| b.min(d) - a.max(c);
                if overlap(from.0, to.0, start.0, end.0) > 1.0 && overlap(from.1, to.1, start.1, end.1) > 1.0 {
                    faults.push(format!("`{text}` at {from:?} and `{other}` at {start:?} overlap"));
                }
            }
        }
        let inside = |(x, y): &Point| (-1.0..=wide + 1.0).contains(x) && (-1.0..=high + 1.0).contains(y);
        for shape in &self.shapes {
            let points: Vec<Point> = match shape {
                Shape::Rectangle { from, to, .. } => vec![*from, *to],
                Shape::Line { points, .. } => points.clone(),
                Shape::Disc { center, .. } => vec![*center],
                Shape::Polygon { corners, .. } => corners.clone(),
                Shape::Text { .. } => Vec::new(),
            };
            if !points.iter().all(inside) {
                faults.push(format!("{shape:?} leaves the surface"));
            }
        }
        faults
    }
}
