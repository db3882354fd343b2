//! From an encoded image to pixels of the wanted size.

use std::io::Cursor;

use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer, images::Image};
use image::{DynamicImage, ImageFormat, ImageReader, Limits};

/// A picture larger than this on a side, or in memory, is refused: a file of a few bytes may claim any size.
const MAX_SIDE: u32 = 20_000;
const MAX_BYTES: u64 = 1 << 30;

/// What pictures are turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) side: usize,
    /// One (grey) or three (red, green, blue).
    pub(super) channels: usize,
}

/// A picture as pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decoded {
    /// `[side, side, channels]`.
    pub(super) pixels: Vec<u8>,
    /// What had to be changed besides the size.
    pub(super) change: Option<Change>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// Grey for a model of colours: each channel has the same values.
    GreyToColour,
    /// Colours for a model of greys: their luminance.
    ColourToGrey,
    /// What is transparent was left out, and only the colours kept.
    Opaque,
}

impl Wanted {
    /// Decodes JPEG or PNG, whichever it is by its content.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) fn decode(self, encoded: &[u8]) -> Result<Decoded, String> {
        if encoded.is_empty() {
            return Err("the file is empty".to_owned());
        }
        let mut reader = ImageReader::new(Cursor::new(encoded)).with_guessed_format().map_err(|e| e.to_string())?;
        match reader.format() {
            None => return Err("it is neither JPEG nor PNG".to_owned()),
            // The decoder fills what is missing with grey.
            Some(ImageFormat::Jpeg) if !ends(encoded) => {
                return Err("it is cut short: a JPEG ends with a mark that is not there".to_owned());
            }
            Some(_) => {}
        }
        let mut limits = Limits::default();
        limits.max_image_width = Some(MAX_SIDE);
        limits.max_image_height = Some(MAX_SIDE);
        limits.max_alloc = Some(MAX_BYTES);
        reader.limits(limits);
        let picture = reader.decode().map_err(|e| e.to_string())?;
        self.shaped(&picture)
    }

    /// Eight-bit greys of `height` x `width`.
    pub(super) fn greys(self, greys: Vec<u8>, height: usize, width: usize) -> Result<Decoded, String> {
        let picture = image::GrayImage::from_raw(width as u32, height as u32, greys).ok_or("it has the wrong number of pixels")?;
        self.shaped(&DynamicImage::ImageLuma8(picture))
    }

    fn shaped(self, picture: &DynamicImage) -> Result<Decoded, String> {
        let (width, height) = (picture.width(), picture.height());
        if width == 0 || height == 0 {
            return Err("it has no pixels".to_owned());
        }
        let colour = picture.color();
        let change = match (self.channels, colour.has_color()) {
            (3, false) => Some(Change::GreyToColour),
            (1, true) => Some(Change::ColourToGrey),
            _ if colour.has_alpha() => Some(Change::Opaque),
            _ => None,
        };
        // The square in the middle, so that nothing is distorted.
        let square = width.min(height);
        let cut = (width != height).then(|| picture.crop_imm((width - square) / 2, (height - square) / 2, square, square));
        let picture = cut.as_ref().unwrap_or(picture);
        let (pixels, kind) = if self.channels == 1 {
            (picture.to_luma8().into_raw(), PixelType::U8)
        } else {
            (picture.to_rgb8().into_raw(), PixelType::U8x3)
        };
        if square as usize == self.side {
            return Ok(Decoded { pixels, change });
        }
        let source = Image::from_vec_u8(square, square, pixels, kind).map_err(|e| e.to_string())?;
        let mut target = Image::new(self.side as u32, self.side as u32, kind);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        Resizer::new().resize(&source, &mut target, &options).map_err(|e| e.to_string())?;
        Ok(Decoded { pixels: target.into_vec(), change })
    }
}

/// Whether the end mark of a JPEG follows the start of its last scan: a preview before it may have an end of its own.
fn ends(jpeg: &[u8]) -> bool {
    const SCAN: [u8; 2] = [0xff, 0xda];
    const END: [u8; 2] = [0xff, 0xd9];
    let scan = jpeg.windows(2).rposition(|pair| pair == SCAN).unwrap_or(0);
    jpeg[scan..].windows(2).any(|pair| pair == END)
}

#[cfg(test)]
mod tests {
    use image::{GrayAlphaImage, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.into().write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    const COLOUR: Wanted = Wanted { side: 2, channels: 3 };
    const GREY: Wanted = Wanted { side: 2, channels: 1 };

    #[test]
    fn pictures_of_the_right_size_keep_every_pixel() {
        let picture = RgbImage::from_fn(2, 2, |x, y| Rgb([10 * x as u8, 20 * y as u8, 7]));
        let found = COLOUR.decode(&encoded(picture.clone(), ImageFormat::Png)).unwrap();
        assert_eq!(found, Decoded { pixels: picture.into_raw(), change: None });
    }

    #[test]
    fn channels_are_made_to_fit_and_it_is_told() {
        let grey = image::GrayImage::from_pixel(2, 2, Luma([9]));
        assert_eq!(
            COLOUR.decode(&encoded(grey, ImageFormat::Png)).unwrap(),
            Decoded { pixels: vec![9; 12], change: Some(Change::GreyToColour) }
        );
        let red = RgbImage::from_pixel(2, 2, Rgb([255, 0, 0]));
        assert_eq!(GREY.decode(&encoded(red, ImageFormat::Png)).unwrap().change, Some(Change::ColourToGrey));
        let clear = RgbaImage::from_pixel(2, 2, Rgba([1, 2, 3, 0]));
        let found = COLOUR.decode(&encoded(clear, ImageFormat::Png)).unwrap();
        assert_eq!(found, Decoded { pixels: [1, 2, 3].repeat(4), change: Some(Change::Opaque) });
        let clear = GrayAlphaImage::from_pixel(2, 2, LumaA([5, 0]));
        assert_eq!(GREY.decode(&encoded(clear, ImageFormat::Png)).unwrap(), Decoded { pixels: vec![5; 4], change: Some(Change::Opaque) });
    }

    #[test]
    fn others_are_cut_to_the_middle_square_and_resized() {
        // Black, white, black: the middle is white.
        let wide = RgbImage::from_fn(30, 10, |x, _| if (10..20).contains(&x) { Rgb([255; 3]) } else { Rgb([0; 3]) });
        assert_eq!(COLOUR.decode(&encoded(wide, ImageFormat::Png)).unwrap().pixels, [255; 12]);
        let dot = RgbImage::from_pixel(1, 1, Rgb([3, 4, 5]));
        assert_eq!(COLOUR.decode(&encoded(dot, ImageFormat::Png)).unwrap().pixels, [3, 4, 5].repeat(4));
        let jpeg = encoded(RgbImage::from_pixel(17, 9, Rgb([200, 200, 200])), ImageFormat::Jpeg);
        assert!(COLOUR.decode(&jpeg).unwrap().pixels.iter().all(|v| v.abs_diff(200) < 3));
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let whole = encoded(RgbImage::from_pixel(64, 64, Rgb([1, 2, 3])), ImageFormat::Png);
        for bytes in [&b""[..], b"GIF89a", b"some text", &whole[..whole.len() / 2], &whole[..20]] {
            COLOUR.decode(bytes).unwrap_err();
        }
        let jpeg = encoded(RgbImage::from_fn(64, 64, |x, y| Rgb([(x * y) as u8, 2, 3])), ImageFormat::Jpeg);
        for length in [30, jpeg.len() / 2, jpeg.len() - 2] {
            COLOUR.decode(&jpeg[..length]).unwrap_err();
        }
        // A preview in a comment, with an end mark of its own.
        let preview = [&jpeg[..2], &[0xff, 0xfe, 0x00, 0x04, 0xff, 0xd9], &jpeg[2..]].concat();
        COLOUR.decode(&preview).unwrap();
        COLOUR.decode(&preview[..preview.len() / 2]).unwrap_err();
        // A header that claims more pixels than there is memory for.
        let mut huge = whole.clone();
        huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
        COLOUR.decode(&huge).unwrap_err();
        assert!(GREY.greys(vec![0; 5], 2, 3).is_err());
    }
}
