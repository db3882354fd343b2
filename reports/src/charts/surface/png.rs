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

/// Each two by two pixels as one.
fn average(pixels: &[u8], wide: usize) -> Vec<Pixel> {
    const { assert!(SCALE == 2 * KEPT) };
    let mut kept = Vec::with_capacity(pixels.len() / 12);
    // Written out: this and what follows touch every pixel.
    let mean = |a: u8, b: u8, c: u8, d: u8| ((u16::from(a) + u16::from(b) + u16::from(c) + u16::from(d) + 2) / 4) as u8;
    for rows in pixels.chunks_exact(wide * 3 * 2) {
        let (upper, lower) = rows.split_at(wide * 3);
        for (a, b) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            kept.push(if a == b && a[..3] == a[3..] {
                [a[0], a[1], a[2]]
            } else {
                [mean(a[0], a[3], b[0], b[3]), mean(a[1], a[4], b[1], b[4]), mean(a[2], a[5], b[2], b[5])]
            });
        }
    }
    kept
}

/// So many can be told by a byte.
const MOST: usize = 256;

/// At most 256 colours, and each pixel as an index into them: a third of the bytes, and a third of the time to pack them. The `exact` ones stay what they are;
/// of shades between them, which smoothed edges and transparent crowds have by the thousand, near ones become one.
fn few_colours(pixels: &[Pixel], exact: &[Pixel]) -> (Vec<Pixel>, Vec<u8>) {
    let mut counts: BTreeMap<Pixel, usize> = BTreeMap::new();
    for run in pixels.chunk_by(|a, b| a == b) {
        *counts.entry(run[0]).or_default() += run.len();
    }
    let exact: Vec<Pixel> = exact.iter().copied().filter(|colour| counts.contains_key(colour)).take(MOST).collect();
    let mut others: Vec<(Pixel, usize)> = counts.iter().map(|(colour, count)| (*colour, *count)).collect();
    others.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut shades = Shades::default();
    for bits in [8, 6, 5, 4, 3] {
        // The most frequent shade stands for all that are like it.
        shades = Shades::new(bits, &exact, &others);
        if shades.palette.len() <= MOST {
            break;
        }
    }
    shades.palette.truncate(MOST);
    let own: BTreeMap<Pixel, u8> = exact.iter().enumerate().map(|(index, colour)| (*colour, index as u8)).collect();
    let index: BTreeMap<Pixel, u8> =
        counts.keys().map(|colour| (*colour, own.get(colour).copied().unwrap_or_else(|| shades.index(*colour)))).collect();
    let mut indices = Vec::with_capacity(pixels.len());
    for run in pixels.chunk_by(|a, b| a == b) {
        indices.resize(indices.len() + run.len(), index[&run[0]]);
    }
    (shades.palette, indices)
}

/// Colours that are told apart by so many bits a channel.
#[derive(Default)]
struct Shades {
    bits: u32,
    palette: Vec<Pixel>,
    /// By the bits that tell, an index into `palette`.
    known: BTreeMap<Pixel, usize>,
}

impl Shades {
    /// All that are `exact`, and of the others the first of those that are alike.
    fn new(bits: u32, exact: &[Pixel], others: &[(Pixel, usize)]) -> Shades {
        let mut shades = Shades { bits, ..Shades::default() };
        for (place, colour) in exact.iter().chain(others.iter().map(|(colour, _)| colour)).enumerate() {
            if place < exact.len() || !shades.known.contains_key(&told(*colour, bits)) {
                shades.known.entry(told(*colour, bits)).or_insert(shades.palette.len());
                shades.palette.push(*colour);
            }
        }
        shades
    }

    fn index(&self, colour: Pixel) -> u8 {
        let known = self.known.get(&told(colour, self.bits)).copied();
        known.filter(|index| *index < self.palette.len()).unwrap_or_else(|| self.nearest(colour)) as u8
    }

    fn nearest(&self, [r, g, b]: Pixel) -> usize {
        let (mut nearest, mut least) = (0, u32::MAX);
        for (index, [red, green, blue]) in self.palette.iter().enumerate() {
            let (x, y, z) = (u32::from(r.abs_diff(*red)), u32::from(g.abs_diff(*green)), u32::from(b.abs_diff(*blue)));
            let distance = x * x + y * y + z * z;
            if distance < least {
                (nearest, least) = (index, distance);
            }
        }
        nearest
    }
}

fn told([r, g, b]: Pixel, bits: u32) -> Pixel {
    [r >> (8 - bits), g >> (8 - bits), b >> (8 - bits)]
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
        assert!((60..=256).contains(&palette.len()), "{}", palette.len());
        assert_eq!(palette[usize::from(indices[64_000])], [250, 1, 250]);
        for (pixel, index) in pixels.iter().zip(&indices) {
            let off = (0..3).map(|channel| pixel[channel].abs_diff(palette[usize::from(*index)][channel])).max().unwrap();
            assert!(off < 32, "{pixel:?}");
        }
    }
}
