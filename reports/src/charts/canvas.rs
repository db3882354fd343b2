//! A drawing surface in logical pixels, encoded as PNG.

use std::sync::OnceLock;

use image::{ExtendedColorType, ImageEncoder, codecs::png};
use plotters::{
    coord::Shift,
    drawing::{DrawingArea, IntoDrawingArea},
    element::{Circle, PathElement, Polygon, Rectangle},
    prelude::BitMapBackend,
    style::{
        Color, FontDesc, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle, register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::palette;

/// Pixels drawn for a logical one.
const DRAWN: u32 = 4;
/// Pixels kept for a logical one: each two by two that are drawn are averaged, which smooths every edge.
const KEPT: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Horizontal {
    Left,
    Center,
    Right,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vertical {
    Top,
    Center,
    Bottom,
}

/// How a text looks and where its point is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Type {
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) colour: RGBColor,
    pub(super) horizontal: Horizontal,
    pub(super) vertical: Vertical,
}

impl Type {
    pub(super) fn new(size: f64) -> Type {
        let (horizontal, vertical) = (Horizontal::Left, Vertical::Center);
        Type { size, bold: false, colour: palette::INK, horizontal, vertical }
    }

    pub(super) fn bold(self) -> Type {
        Type { bold: true, ..self }
    }

    pub(super) fn faded(self) -> Type {
        Type { colour: palette::FADED, ..self }
    }

    pub(super) fn anchored(self, horizontal: Horizontal, vertical: Vertical) -> Type {
        Type { horizontal, vertical, ..self }
    }

    fn style(&self) -> TextStyle<'_> {
        let weight = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = FontDesc::new(FontFamily::SansSerif, self.size * f64::from(DRAWN), weight);
        let horizontal = match self.horizontal {
            Horizontal::Left => HPos::Left,
            Horizontal::Center => HPos::Center,
            Horizontal::Right => HPos::Right,
        };
        let vertical = match self.vertical {
            Vertical::Top => VPos::Top,
            Vertical::Center => VPos::Center,
            Vertical::Bottom => VPos::Bottom,
        };
        TextStyle::from(font).color(&self.colour).pos(Pos::new(horizontal, vertical))
    }
}

pub(super) struct Canvas<'a> {
    area: DrawingArea<BitMapBackend<'a>, Shift>,
    /// The first thing that went wrong; `draw` returns it.
    failure: Option<String>,
}

/// Draws on a white surface of `width` x `height` logical pixels and returns it as PNG with twice as many pixels each way.
pub(super) fn draw(width: u32, height: u32, paint: impl FnOnce(&mut Canvas<'_>)) -> Result<Vec<u8>, String> {
    fonts()?;
    let (wide, high) = (width * DRAWN, height * DRAWN);
    let mut pixels = vec![255u8; wide as usize * high as usize * 3];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (wide, high)).into_drawing_area();
        let mut canvas = Canvas { area, failure: None };
        paint(&mut canvas);
        if let Some(failure) = canvas.failure {
            return Err(failure);
        }
        canvas.area.present().map_err(|error| error.to_string())?;
    }
    encode(&average(&pixels, wide as usize), width * KEPT, height * KEPT)
}

/// Registered before the first text: plotters has no font of its own here.
fn fonts() -> Result<(), String> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let register = || {
        let regular = include_bytes!("../../fonts/Inter-Regular.otf");
        let bold = include_bytes!("../../fonts/Inter-SemiBold.otf");
        ["sans-serif", "serif", "monospace"]
            .iter()
            .all(|family| register_font(family, FontStyle::Normal, regular).is_ok() && register_font(family, FontStyle::Bold, bold).is_ok())
    };
    if *REGISTERED.get_or_init(register) { Ok(()) } else { Err("the built-in font cannot be read".to_owned()) }
}

fn average(pixels: &[u8], wide: usize) -> Vec<u8> {
    const { assert!(DRAWN == 2 * KEPT) };
    let mut kept = Vec::with_capacity(pixels.len() / 4);
    for rows in pixels.chunks_exact(wide * 3 * 2) {
        let (upper, lower) = rows.split_at(wide * 3);
        for (above, below) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            for channel in 0..3 {
                let four = [above[channel], above[channel + 3], below[channel], below[channel + 3]];
                kept.push(((four.iter().map(|value| u16::from(*value)).sum::<u16>() + 2) / 4) as u8);
            }
        }
    }
    kept
}

fn encode(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let encoder = png::PngEncoder::new_with_quality(&mut bytes, png::CompressionType::Default, png::FilterType::Adaptive);
    encoder.write_image(pixels, width, height, ExtendedColorType::Rgb8).map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn device(value: f64) -> i32 {
    (value * f64::from(DRAWN)).round() as i32
}

fn point(at: (f64, f64)) -> (i32, i32) {
    (device(at.0), device(at.1))
}

impl Canvas<'_> {
    pub(super) fn rectangle(&mut self, from: (f64, f64), to: (f64, f64), colour: RGBColor, alpha: f64) {
        let element = Rectangle::new([point(from), point(to)], colour.mix(alpha).filled());
        self.keep(|area| area.draw(&element).map_err(|error| error.to_string()));
    }

    pub(super) fn outline(&mut self, from: (f64, f64), to: (f64, f64), colour: RGBColor, width: f64) {
        for (a, b) in [(from, (to.0, from.1)), ((to.0, from.1), to), (to, (from.0, to.1)), ((from.0, to.1), from)] {
            self.line(&[a, b], colour, 1.0, width);
        }
    }

    /// A polyline. Opaque ones get round joints.
    pub(super) fn line(&mut self, points: &[(f64, f64)], colour: RGBColor, alpha: f64, width: f64) {
        let style = ShapeStyle::from(colour.mix(alpha)).stroke_width(device(width).max(1) as u32);
        for pair in points.windows(2) {
            let element = PathElement::new(vec![point(pair[0]), point(pair[1])], style);
            self.keep(|area| area.draw(&element).map_err(|error| error.to_string()));
        }
        if alpha >= 1.0 && width > 1.0 {
            for joint in points.iter().skip(1).take(points.len().saturating_sub(2)) {
                self.disc(*joint, width / 2.0, colour, 1.0);
            }
        }
    }

    pub(super) fn dashed(&mut self, from: (f64, f64), to: (f64, f64), colour: RGBColor, width: f64) {
        const DASH: f64 = 5.0;
        const GAP: f64 = 4.0;
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy);
        let at = |along: f64| (from.0 + dx * along / length, from.1 + dy * along / length);
        for dash in 0..(length / (DASH + GAP)).ceil() as usize {
            let start = dash as f64 * (DASH + GAP);
            self.line(&[at(start), at((start + DASH).min(length))], colour, 1.0, width);
        }
    }

    pub(super) fn disc(&mut self, center: (f64, f64), radius: f64, colour: RGBColor, alpha: f64) {
        let element = Circle::new(point(center), device(radius), colour.mix(alpha).filled());
        self.keep(|area| area.draw(&element).map_err(|error| error.to_string()));
    }

    pub(super) fn polygon(&mut self, corners: &[(f64, f64)], colour: RGBColor) {
        let corners: Vec<(i32, i32)> = corners.iter().copied().map(point).collect();
        let element = Polygon::new(corners, colour.filled());
        self.keep(|area| area.draw(&element).map_err(|error| error.to_string()));
    }

    pub(super) fn text(&mut self, at: (f64, f64), text: &str, style: Type) {
        // plotters takes the middle of the line's box; the middle of the letters lies lower.
        let lower = if style.vertical == Vertical::Center { style.size * 0.16 } else { 0.0 };
        let at = (at.0, at.1 + lower);
        let style = style.style();
        self.keep(|area| area.draw_text(text, &style, point(at)).map_err(|error| error.to_string()));
    }

    /// In logical pixels.
    pub(super) fn width(&self, text: &str, style: Type) -> f64 {
        let size = self.area.estimate_text_size(text, &style.style());
        size.map_or(0.0, |(wide, _)| f64::from(wide) / f64::from(DRAWN))
    }

    /// `text`, or as much of its beginning as fits, with an ellipsis.
    pub(super) fn fitted(&self, text: &str, style: Type, width: f64) -> String {
        if self.width(text, style) <= width {
            return text.to_owned();
        }
        let letters: Vec<char> = text.chars().collect();
        let cut = |kept: usize| format!("{}…", letters[..kept].iter().collect::<String>());
        let fits = (1..letters.len()).rev().find(|kept| self.width(&cut(*kept), style) <= width);
        fits.map_or_else(String::new, cut)
    }

    fn keep(&mut self, drawn: impl FnOnce(&DrawingArea<BitMapBackend<'_>, Shift>) -> Result<(), String>) {
        if self.failure.is_none() {
            self.failure = drawn(&self.area).err();
        }
    }
}
