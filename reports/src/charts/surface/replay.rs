//! A drawing on one of plotters' backends.

use plotters::{
    coord::Shift,
    drawing::DrawingArea,
    element::{Circle, PathElement, Polygon, Rectangle},
    prelude::DrawingBackend,
    style::{
        Color, FontTransform, RGBColor, ShapeStyle, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{
    Drawing, Horizontal, Point, Theme,
    drawing::Shape,
    text::{HEIGHT_OF_EM, font},
};

/// The backends' units of a logical pixel: they take whole ones.
pub(super) const SCALE: u32 = 4;

/// What the backends do not do alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Medium {
    Bitmap,
    Svg,
}

/// plotters divides a font's size by this for an SVG.
const SVG_SIZE: f64 = 1.24;
/// Where its SVG puts the baseline below the top of a text, in ems.
const SVG_BASELINE: f64 = 0.76;

pub(super) fn replay<B: DrawingBackend>(
    drawing: &Drawing,
    theme: Theme,
    medium: Medium,
    area: &DrawingArea<B, Shift>,
) -> Result<(), String> {
    for shape in &drawing.shapes {
        match shape {
            Shape::Rectangle { from, to, colour, alpha } => {
                let element = Rectangle::new([point(*from), point(*to)], colour.rgb(theme).mix(*alpha).filled());
                area.draw(&element).map_err(said)?;
            }
            Shape::Line { points, colour, alpha, width } => line(area, medium, points, (colour.rgb(theme), *alpha), *width)?,
            Shape::Disc { center, radius, colour, alpha } => {
                let element = Circle::new(point(*center), units(*radius), colour.rgb(theme).mix(*alpha).filled());
                area.draw(&element).map_err(said)?;
            }
            Shape::Polygon { corners, colour } => {
                let corners: Vec<(i32, i32)> = corners.iter().copied().map(point).collect();
                area.draw(&Polygon::new(corners, colour.rgb(theme).filled())).map_err(said)?;
            }
            Shape::Text { .. } => text(area, theme, medium, shape)?,
        }
    }
    area.present().map_err(said)
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn units(value: f64) -> i32 {
    (value * f64::from(SCALE)).round() as i32
}

fn point(at: Point) -> (i32, i32) {
    (units(at.0), units(at.1))
}

fn line<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    medium: Medium,
    points: &[Point],
    (colour, alpha): (RGBColor, f64),
    width: f64,
) -> Result<(), String> {
    let style = ShapeStyle::from(colour.mix(alpha)).stroke_width(units(width).max(1) as u32);
    let points: Vec<(i32, i32)> = points.iter().copied().map(point).collect();
    if medium == Medium::Svg {
        return area.draw(&PathElement::new(points, style)).map_err(said);
    }
    // The bitmap's own joints are pointed, and run far out where a line turns back sharply.
    for pair in points.windows(2) {
        area.draw(&PathElement::new(pair.to_vec(), style)).map_err(said)?;
    }
    if alpha >= 1.0 && width > 1.0 {
        for joint in points.iter().skip(1).take(points.len().saturating_sub(2)) {
            area.draw(&Circle::new(*joint, units(width / 2.0), colour.filled())).map_err(said)?;
        }
    }
    Ok(())
}

fn text<B: DrawingBackend>(area: &DrawingArea<B, Shift>, theme: Theme, medium: Medium, shape: &Shape) -> Result<(), String> {
    let Shape::Text { at, text, size, bold, fill, horizontal, upright, .. } = shape else { return Ok(()) };
    let em = size * f64::from(SCALE);
    // Both put the top of a text at its point, and each has its own idea of how far the baseline is below it.
    let (em, below) = match medium {
        Medium::Bitmap => (em, em * HEIGHT_OF_EM / 2.0),
        Medium::Svg => (em * SVG_SIZE / HEIGHT_OF_EM, em * SVG_BASELINE),
    };
    let horizontal = match horizontal {
        Horizontal::Left => HPos::Left,
        Horizontal::Center => HPos::Center,
        Horizontal::Right => HPos::Right,
    };
    let colour = fill.rgb(theme);
    let (x, y) = (at.0 * f64::from(SCALE), at.1 * f64::from(SCALE));
    let font = font(em, *bold);
    let (font, at) = if *upright { (font.transform(FontTransform::Rotate270), (x - below, y)) } else { (font, (x, y - below)) };
    let style = TextStyle::from(font).color(&colour).pos(Pos::new(horizontal, VPos::Top));
    area.draw_text(text, &style, (at.0.round() as i32, at.1.round() as i32)).map_err(said)
}
