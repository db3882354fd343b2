//! A drawing as PNG.

use std::collections::BTreeMap;

use plotters::{drawing::IntoDrawingArea, prelude::BitMapBackend, style::RGBColor};

use super::{
    Colour, Drawing, Theme,
    drawing::Shape,
    replay::{Medium, SCALE, replay},
};

/// Pixels kept for a logical one: each two by two that are drawn are averaged, which smooths every edge.
pub(in crate::charts) const KEPT: u32 = 2;

type Pixel = [u8; 3];

impl Drawing {
    /// Has [`KEPT`] pixels for each logical one, each way.
    pub(in crate::charts) fn png(&self, theme: Theme) -> Result<Vec<u8>, String> {
        let (wide, high) = (self.width * SCALE, self.height * SCALE);
        let RGBColor(r, g, b) = Colour::Ground.rgb(theme);
        let mut pixels = [r, g, b].repeat(wide as usize * high as usize);
        {
            let area = BitMapBackend::with_buffer(&mut pixels, (wide, high)).into_drawing_area();
            replay(self, theme, Medium::Bitmap, &area)?;
        }
        let pixels = average(&pixels, wide as usize);
        let (palette, indices) = few_colours(&pixels, &self.colours(theme));
        encode(&palette, &indices, self.width * KEPT, self.height * KEPT).map_err(|error| error.to_string())
    }

    /// Those of its opaque shapes.
    fn colours(&self, theme: Theme) -> Vec<Pixel> {
        let mut colours: Vec<Pixel> = self
            .shapes
            .iter()
            .map(|shape| match shape {
                Shape::Rectangle { colour, .. }
                | Shape::Line { colour, .. }
                | Shape::Disc { colour, .. }
                | Shape::Polygon { colour, .. } => colour.rgb(theme),
                Shape::Text { fill, .. } => fill.rgb(theme),
            })
            .chain([Colour::Ground.rgb(theme)])
            .map(|RGBColor(r, g, b)| [r, g, b])
            .collect();
        colours.sort_unstable();
        colours.dedup();
        colours
    }
}

fn average(pixels: &[u8], wide: usize) -> Vec<Pixel> {
    const { assert!(SCALE == 2 * KEPT) };
    let mut kept = Vec::with_capacity(pixels.len() / 12);
    for rows in pixels.chunks_exact(wide * 3 * 2) {
        let (upper, lower) = rows.split_at(wide * 3);
        for (above, below) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            let channel = |channel: usize| {
                let four = [above[channel], above[channel + 3], below[channel], below[channel + 3]];
                ((four.iter().map(|value| u16::from(*value)).sum::<u16>() + 2) / 4) as u8
            };
            kept.push([channel(0), channel(1), channel(2)]);
        }
    }
    kept
}

/// At most 256 colours, and each pixel as an index into them: a third of the bytes, and a third of the time to pack them. The `exact` ones stay what they are;
/// of shades between them, which smoothed edges and transparent crowds have by the thousand, near ones become one.
fn few_colours(pixels: &[Pixel], exact: &[Pixel]) -> (Vec<Pixel>, Vec<u8>) {
    const MOST: usize = 256;
    let mut counts: BTreeMap<Pixel, u32> = BTreeMap::new();
    for run in pixels.chunk_by(|a, b| a == b) {
        *counts.entry(run[0]).or_default() += run.len() as u32;
    }
    let mut by_count: Vec<(Pixel, u32)> = counts.iter().map(|(colour, count)| (*colour, *count)).collect();
    by_count.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut palette: Vec<Pixel> = exact.iter().copied().filter(|colour| counts.contains_key(colour)).take(MOST).collect();
    let fixed = palette.len();
    for bits in [8, 6, 5, 4] {
        palette.truncate(fixed);
        let mut seen: std::collections::BTreeSet<Pixel> = palette.iter().map(|colour| colour.map(|value| value >> (8 - bits))).collect();
        // The most frequent shade stands for all that are like it.
        let shades = by_count.iter().filter(|(colour, _)| seen.insert(colour.map(|value| value >> (8 - bits))));
        palette.extend(shades.map(|(colour, _)| *colour));
        if palette.len() <= MOST {
            break;
        }
    }
    palette.truncate(MOST);
    let nearest = |colour: &Pixel| {
        let distance = |other: &Pixel| (0..3).map(|channel| (i32::from(colour[channel]) - i32::from(other[channel])).pow(2)).sum::<i32>();
        (0..palette.len()).min_by_key(|index| distance(&palette[*index])).unwrap_or(0) as u8
    };
    let index: BTreeMap<Pixel, u8> = counts.keys().map(|colour| (*colour, nearest(colour))).collect();
    let mut indices = Vec::with_capacity(pixels.len());
    for run in pixels.chunk_by(|a, b| a == b) {
        indices.resize(indices.len() + run.len(), index[&run[0]]);
    }
    (palette, indices)
}

fn encode(palette: &[Pixel], indices: &[u8], width: u32, height: u32) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette.concat());
    encoder.set_compression(png::Compression::Balanced);
    // Indices have no neighbours that are nearly alike.
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(indices)?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_stay_exact() {
        let pixels = [[0, 0, 0], [0, 0, 0], [9, 9, 9], [255, 0, 0]];
        let (palette, indices) = few_colours(&pixels, &[[255, 0, 0], [1, 2, 3]]);
        let back: Vec<Pixel> = indices.iter().map(|index| palette[usize::from(*index)]).collect();
        assert_eq!(back, pixels);
        assert_eq!(palette.len(), 3);
    }

    #[test]
    fn of_many_shades_near_ones_become_one_and_rare_exact_ones_stay() {
        let mut pixels: Vec<Pixel> = (0..64_000u32).map(|k| [(k % 256) as u8, (k / 256) as u8, (k % 17) as u8]).collect();
        pixels.push([250, 1, 250]);
        let (palette, indices) = few_colours(&pixels, &[[250, 1, 250]]);
        assert_eq!(palette.len(), 256);
        assert_eq!(palette[usize::from(indices[64_000])], [250, 1, 250]);
        for (pixel, index) in pixels.iter().zip(&indices) {
            let off = (0..3).map(|channel| pixel[channel].abs_diff(palette[usize::from(*index)][channel])).max().unwrap();
            assert!(off <= 32, "{pixel:?}");
        }
    }
}
