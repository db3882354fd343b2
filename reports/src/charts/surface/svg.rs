//! A drawing as SVG.

use std::fmt::Write as _;

use plotters::{drawing::IntoDrawingArea, prelude::SVGBackend};

use super::{
    Colour, Drawing, Theme,
    drawing::Shape,
    replay::{Medium, SCALE, replay},
    text::FAMILY,
};

impl Drawing {
    /// Text stays text, and takes the room it was given whatever font it is shown in. `title` and `words` are for those who do not see it.
    pub(in crate::charts) fn svg(&self, theme: Theme, title: &str, words: &str) -> Result<String, String> {
        let (wide, high) = (self.width * SCALE, self.height * SCALE);
        let mut shapes = String::new();
        {
            let area = SVGBackend::with_string(&mut shapes, (wide, high)).into_drawing_area();
            replay(self, theme, Medium::Svg, &area)?;
        }
        let ground = Colour::Ground.rgb(theme);
        // plotters' own first line has no logical size, no round joints and no words.
        let head = format!(
            "<svg width=\"{}\" height=\"{}\" viewBox=\"0 0 {wide} {high}\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" \
             stroke-linejoin=\"round\" font-family=\"{FAMILY}\">\n\
             <title>{}</title>\n<desc>{}</desc>\n<rect width=\"{wide}\" height=\"{high}\" fill=\"#{:02X}{:02X}{:02X}\"/>",
            self.width,
            self.height,
            escaped(title),
            escaped(words),
            ground.0,
            ground.1,
            ground.2
        );
        let (_, body) = shapes.split_once('\n').ok_or("the SVG has no content")?;
        Ok(format!("{head}\n{}", self.with_lengths(&without_defaults(body))))
    }

    /// Gives every text the width it was laid out with: a font that runs wider is squeezed, rather than cut off or laid over its neighbour.
    fn with_lengths(&self, body: &str) -> String {
        const TEXT: &str = "<text ";
        let mut widths = self.shapes.iter().filter_map(|shape| match shape {
            Shape::Text { width, text, .. } => Some(width * f64::from(SCALE)).filter(|_| text.chars().all(is_of_the_font)).or(Some(0.0)),
            _ => None,
        });
        let mut lengths = String::with_capacity(body.len() + 64 * self.shapes.len());
        let mut pieces = body.split(TEXT);
        lengths.extend(pieces.next());
        for piece in pieces {
            lengths.push_str(TEXT);
            if let Some(width) = widths.next().filter(|width| *width > 0.0) {
                let _ = write!(lengths, "textLength=\"{width:.0}\" lengthAdjust=\"spacingAndGlyphs\" ");
            }
            lengths.push_str(piece);
        }
        lengths
    }
}

/// What plotters says on every shape though it is so anyway, or said once for all. Quotes within texts are escaped, so no text is touched.
fn without_defaults(body: &str) -> String {
    let family = format!(" font-family=\"{}\"", FAMILY.replace('\'', "&apos;"));
    let mut body = body.to_owned();
    for default in [" stroke=\"none\" stroke-width=\"1\"", " stroke=\"none\"", " opacity=\"1\"", &family] {
        body = body.replace(default, "");
    }
    body
}

/// Whether the vendored font is known to have it: Latin, Greek, Cyrillic and punctuation. What it does not have is as wide as it will be.
fn is_of_the_font(letter: char) -> bool {
    matches!(letter, '\u{20}'..='\u{52f}' | '\u{2000}'..='\u{206f}')
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charts::surface::Type;

    #[test]
    fn texts_stay_texts_with_their_widths() {
        let mut drawing = Drawing::new(100, 50);
        drawing.text((10.0, 20.0), "a < b & <text c", Type::new(10.0));
        drawing.line(&[(0.0, 0.0), (10.0, 10.0)], Colour::Best, 0.5, 1.0);
        drawing.upright((50.0, 40.0), "日本", Type::new(10.0).bold());
        let svg = drawing.svg(Theme::Dark, "A <title>", "Words & words").unwrap();
        let (head, body) = svg.split_once("</desc>").unwrap();
        assert!(head.starts_with("<svg width=\"100\" height=\"50\" viewBox=\"0 0 400 200\" "), "{head}");
        assert!(head.contains("font-family=\"Inter, 'Helvetica Neue', Arial") && head.contains("stroke-linejoin=\"round\""), "{head}");
        assert!(head.ends_with("<title>A &lt;title&gt;</title>\n<desc>Words &amp; words"), "{head}");
        assert!(body.contains("fill=\"#1D232D\"/>"), "{body}");
        // The second is not of the font: nobody knows how wide it will be.
        assert_eq!((body.matches("<text ").count(), body.matches("textLength=").count()), (2, 1), "{body}");
        assert!(body.contains("\na &lt; b &amp; &lt;text c\n</text>") && body.contains("\n日本\n</text>"), "{body}");
        assert!(body.contains("rotate(270, ") && body.contains("font-weight=\"bold\"") && body.contains("opacity=\"0.5\""), "{body}");
        assert!(!body.contains("opacity=\"1\"") && !body.contains("font-family"), "{body}");
    }
}
