//! How texts look and how much room they take.

use std::sync::OnceLock;

use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};

use super::{Colour, Fill};

/// The vendored font's name, and what stands in for it where an SVG is looked at without it. Registered under all of this, since plotters writes
/// into an SVG what it looks a font up by.
pub(super) const FAMILY: &str = "Inter, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif";

/// plotters takes a font's size from its highest to its lowest point; of Inter that is 3408 units, and an em is 2816 (table `hhea`).
pub(super) const HEIGHT_OF_EM: f64 = 3408.0 / 2816.0;
/// Height of a capital in ems (Inter, table `OS/2`).
const CAPITAL: f64 = 2048.0 / 2816.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::charts) enum Horizontal {
    Left,
    Center,
    Right,
}

/// Of the capitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::charts) enum Vertical {
    Top,
    Center,
    Bottom,
}

/// How a text looks and where its point is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::charts) struct Type {
    /// An em in logical pixels.
    pub(in crate::charts) size: f64,
    pub(in crate::charts) bold: bool,
    pub(in crate::charts) fill: Fill,
    pub(in crate::charts) horizontal: Horizontal,
    pub(in crate::charts) vertical: Vertical,
}

impl Type {
    /// In ink, its point at the left in the middle of its height.
    pub(in crate::charts) fn new(size: f64) -> Type {
        Type { size, bold: false, fill: Fill::Plain(Colour::Ink), horizontal: Horizontal::Left, vertical: Vertical::Center }
    }

    pub(in crate::charts) fn bold(self) -> Type {
        Type { bold: true, ..self }
    }

    pub(in crate::charts) fn faded(self) -> Type {
        Type { fill: Fill::Plain(Colour::Faded), ..self }
    }

    /// For text that lies on `colour`.
    pub(in crate::charts) fn over(self, colour: Colour) -> Type {
        Type { fill: Fill::Over(colour), ..self }
    }

    pub(in crate::charts) fn anchored(self, horizontal: Horizontal, vertical: Vertical) -> Type {
        Type { horizontal, vertical, ..self }
    }

    /// How far below its point the baseline lies.
    pub(super) fn baseline(&self) -> f64 {
        match self.vertical {
            Vertical::Top => CAPITAL * self.size,
            Vertical::Center => CAPITAL * self.size / 2.0,
            Vertical::Bottom => 0.0,
        }
    }

    /// Of `text` on one line, in logical pixels.
    pub(in crate::charts) fn width(&self, text: &str) -> f64 {
        // plotters gives whole pixels: of a large font these are fine enough.
        const MEASURED_AT: f64 = 32.0;
        let font = font(self.size * MEASURED_AT, self.bold);
        font.layout_box(text).map_or(0.0, |(_, (wide, _))| f64::from(wide) / MEASURED_AT)
    }

    /// `text`, or as much of its beginning as fits into `width`, with an ellipsis; empty when not even a letter does.
    pub(in crate::charts) fn fitted(&self, text: &str, width: f64) -> String {
        if self.width(text) <= width {
            return text.to_owned();
        }
        let letters: Vec<char> = text.chars().collect();
        let cut = |kept: usize| format!("{}…", letters[..kept].iter().collect::<String>().trim_end());
        // The more letters, the wider.
        let (mut fits, mut too_many) = (0, letters.len());
        while fits + 1 < too_many {
            let middle = usize::midpoint(fits, too_many);
            if self.width(&cut(middle)) <= width { fits = middle } else { too_many = middle }
        }
        if fits == 0 { String::new() } else { cut(fits) }
    }
}

/// `em` in the unit of the surface.
pub(super) fn font(em: f64, bold: bool) -> FontDesc<'static> {
    register();
    let style = if bold { FontStyle::Bold } else { FontStyle::Normal };
    FontDesc::new(FontFamily::Name(FAMILY), em * HEIGHT_OF_EM, style)
}

/// Before the first text: plotters has no font of its own here. A font that cannot be read shows when a text is drawn.
fn register() {
    static REGISTERED: OnceLock<()> = OnceLock::new();
    REGISTERED.get_or_init(|| {
        let regular = include_bytes!("../../../fonts/Inter-Regular.otf");
        let bold = include_bytes!("../../../fonts/Inter-SemiBold.otf");
        let _ = register_font(FAMILY, FontStyle::Normal, regular);
        let _ = register_font(FAMILY, FontStyle::Bold, bold);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_font() {
        let plain = Type::new(10.0);
        // fontTools: the advances of "Hamburg" in Inter Regular sum up to 4.06 ems, kerning included.
        let found = plain.width("Hamburg");
        assert!((found - 43.4).abs() < 0.5, "{found}");
        assert!(plain.bold().width("Hamburg") > found);
        assert!((Type::new(20.0).width("Hamburg") - 2.0 * found).abs() < 0.1);
        assert_eq!(plain.width(""), 0.0);
    }

    #[test]
    fn texts_that_do_not_fit_are_cut() {
        let plain = Type::new(10.0);
        assert_eq!(plain.fitted("learning_rate", 100.0), "learning_rate");
        let cut = plain.fitted("learning_rate", 40.0);
        assert!(cut.ends_with('…') && cut.starts_with("lea") && plain.width(&cut) <= 40.0, "{cut}");
        assert_eq!(plain.fitted("learning_rate", 3.0), "");
        assert_eq!(plain.fitted("ein Wort", plain.width("ein…") + 1.0), "ein…");
    }
}
