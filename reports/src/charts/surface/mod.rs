//! What charts are drawn on: a list of shapes in named colours, recorded once and replayed as PNG or SVG in either theme.

mod colour;
mod drawing;
mod png;
mod replay;
mod svg;
mod text;

pub use colour::Theme;
pub(super) use colour::{Colour, Fill};
pub(super) use drawing::{Drawing, Point};
pub(super) use text::{Horizontal, Type, Vertical};

#[cfg(test)]
pub(super) use drawing::Shape;
