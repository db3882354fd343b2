//! From an encoded image to pixels of the wanted size.

use std::io::Cursor;

use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer, images::Image};
use image::{DynamicImage, GrayImage, ImageDecoder as _, ImageFormat, ImageReader, Limits, RgbImage, metadata::Orientation};
use zune_jpeg::{
    JpegDecoder,
    errors::DecodeErrors,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

use super::scan;

/// A picture larger than this on a side, or in memory, is refused: a file of a few bytes may claim any size.
const MAX_SIDE: u32 = 20_000;
const MAX_BYTES: u64 = 1 << 30;

/// What pictures are turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) side: usize,
    /// One (grey) or three (red, green, blue).
    pub(crate) channels: usize,
}

/// A picture as pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// `[side, side, channels]`.
    pub(crate) pixels: Vec<u8>,
    /// What had to be changed besides the size, each change once.
    pub(crate) changes: Vec<Change>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// Grey for a model of colours: each channel has the same values.
    GreyToColour,
    /// Colours for a model of greys: their luminance.
    ColourToGrey,
    /// What is transparent was left out, and only the colours kept.
    Opaque,
    /// Turned or mirrored as its EXIF orientation says: cameras store what the sensor saw, and how it was held.
    Turned,
}

impl Wanted {
    /// Decodes JPEG or PNG, whichever it is by its content, and turns it as its EXIF orientation says.
    ///
    /// # Errors
    /// Why it cannot be read. PNG has check sums. JPEG has none: of damage inside one is noticed what makes its codes invalid and what leaves
    /// too few or too many of them (which in a progressive one nobody counts). That is most of what loses a stretch of 512 bytes to zeros or noise, and little of what
    /// changes a single byte: what leaves valid codes gives other pixels, and nobody can tell.
    pub(crate) fn decode(self, encoded: &[u8]) -> Result<Decoded, String> {
        if encoded.is_empty() {
            return Err("it is empty".to_owned());
        }
        let mut reader = ImageReader::new(Cursor::new(encoded)).with_guessed_format().map_err(|e| e.to_string())?;
        let (mut picture, orientation) = match reader.format() {
            Some(ImageFormat::Jpeg) => jpeg(encoded)?,
            Some(ImageFormat::Png) => {
                let mut limits = Limits::default();
                limits.max_image_width = Some(MAX_SIDE);
                limits.max_image_height = Some(MAX_SIDE);
                limits.max_alloc = Some(MAX_BYTES);
                reader.limits(limits.clone());
                let mut decoder = reader.into_decoder().map_err(|e| e.to_string())?;
                limits.reserve(decoder.total_bytes()).map_err(|e| e.to_string())?;
                let orientation = decoder.orientation().map_err(|e| e.to_string())?;
                (DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?, orientation)
            }
            _ => return Err("it is neither JPEG nor PNG".to_owned()),
        };
        picture.apply_orientation(orientation);
        let mut decoded = self.shaped(&picture)?;
        if orientation != Orientation::NoTransforms {
            decoded.changes.push(Change::Turned);
        }
        Ok(decoded)
    }

    /// Eight-bit greys of `height` x `width`.
    pub(crate) fn greys(self, greys: Vec<u8>, height: usize, width: usize) -> Result<Decoded, String> {
        let picture = GrayImage::from_raw(width as u32, height as u32, greys).ok_or("it has the wrong number of pixels")?;
        self.shaped(&DynamicImage::ImageLuma8(picture))
    }

    fn shaped(self, picture: &DynamicImage) -> Result<Decoded, String> {
        let (width, height) = (picture.width(), picture.height());
        if width == 0 || height == 0 {
            return Err("it has no pixels".to_owned());
        }
        let colour = picture.color();
        let mut changes = Vec::new();
        match (self.channels, colour.has_color()) {
            (3, false) => changes.push(Change::GreyToColour),
            (1, true) => changes.push(Change::ColourToGrey),
            _ => {}
        }
        if colour.has_alpha() {
            changes.push(Change::Opaque);
        }
        let (pixels, kind) = if self.channels == 1 {
            (picture.to_luma8().into_raw(), PixelType::U8)
        } else {
            (picture.to_rgb8().into_raw(), PixelType::U8x3)
        };
        // As transformers and torchvision have it, whose users get the model: the shorter side is made to fit, the longer one with it in whole pixels, and the
        // square in the middle is taken, so that nothing is distorted. Pixels beside that square are not computed: of a strip there would be more than there is
        // memory for.
        let shorter = width.min(height);
        let ((left, across), (top, down)) = (self.kept(width, shorter), self.kept(height, shorter));
        let source = Image::from_vec_u8(width, height, pixels, kind).map_err(|e| e.to_string())?;
        let mut target = Image::new(self.side as u32, self.side as u32, kind);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).crop(left, top, across, down);
        Resizer::new().resize(&source, &mut target, &options).map_err(|e| e.to_string())?;
        Ok(Decoded { pixels: target.into_vec(), changes })
    }

    /// Where on a side of `length` pixels the square begins that is kept, and how much of the side it takes. The filter looks beyond both ends, as it would if
    /// all were resized.
    fn kept(self, length: u32, shorter: u32) -> (f64, f64) {
        let side = self.side as u64;
        let resized = side * u64::from(length) / u64::from(shorter);
        if resized == side {
            // Without a factor, whose rounding could lead out of the picture.
            return (0.0, f64::from(length));
        }
        let scale = f64::from(length) / resized as f64;
        (((resized - side) / 2) as f64 * scale, side as f64 * scale)
    }
}

/// The picture as the sensor saw it, and how it is to be turned.
fn jpeg(encoded: &[u8]) -> Result<(DynamicImage, Orientation), String> {
    // The decoder fills what is missing with grey.
    if !ends(encoded) {
        return Err("it is cut short: a JPEG ends with a mark that is not there".to_owned());
    }
    if scan::is_damaged(encoded) {
        return Err("the JPEG is damaged: its codes do not make up the picture".to_owned());
    }
    let told = |error: DecodeErrors| match error {
        DecodeErrors::Format(why) => why,
        DecodeErrors::FormatStatic(why) => why.to_owned(),
        other => other.to_string(),
    };
    let read = match jpeg_as(encoded, true) {
        // Cameras leave such bytes, and every decoder skips them. What is damaged behind them is not noticed.
        Err(DecodeErrors::FormatStatic(why)) if why.contains("Extra bytes between headers") => jpeg_as(encoded, false),
        read => read,
    };
    read.map_err(|error| format!("the JPEG cannot be decoded: {}", told(error)))
}

/// With the decoder of the `image` crate, which has no way to ask for `strict`: without it damaged codes end the picture and leave the
/// rest grey.
fn jpeg_as(encoded: &[u8], strict: bool) -> Result<(DynamicImage, Orientation), DecodeErrors> {
    let options = DecoderOptions::default().set_strict_mode(strict).set_max_width(MAX_SIDE as usize).set_max_height(MAX_SIDE as usize);
    let mut headers = JpegDecoder::new_with_options(ZCursor::new(encoded), options);
    headers.decode_headers()?;
    let (width, height) = headers.dimensions().unwrap_or_default();
    let colours = if headers.input_colorspace() == Some(ColorSpace::Luma) { ColorSpace::Luma } else { ColorSpace::RGB };
    if (width * height * colours.num_components()) as u64 > MAX_BYTES {
        return Err(DecodeErrors::Format(format!("its {width} x {height} pixels take more than {MAX_BYTES} bytes")));
    }
    let orientation = headers.exif().and_then(|chunk| Orientation::from_exif_chunk(chunk)).unwrap_or(Orientation::NoTransforms);
    let pixels = JpegDecoder::new_with_options(ZCursor::new(encoded), options.jpeg_set_out_colorspace(colours)).decode()?;
    let (width, height) = (width as u32, height as u32);
    let picture = if colours == ColorSpace::Luma {
        GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8)
    };
    Ok((picture.ok_or(DecodeErrors::FormatStatic("it has the wrong number of pixels"))?, orientation))
}

/// Whether the end mark of a JPEG follows the start of its last scan: a preview before it may have an end of its own.
fn ends(jpeg: &[u8]) -> bool {
    const SCAN: [u8; 2] = [0xff, 0xda];
    const END: [u8; 2] = [0xff, 0xd9];
    let scan = jpeg.windows(2).rposition(|pair| pair == SCAN).unwrap_or(0);
    jpeg[scan..].windows(2).any(|pair| pair == END)
}

#[cfg(test)]
pub(super) mod tests {
    use image::{GrayAlphaImage, Luma, LumaA, Rgb, Rgba, RgbaImage};

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
        assert_eq!(found, Decoded { pixels: picture.into_raw(), changes: vec![] });
    }

    #[test]
    fn channels_are_made_to_fit_and_it_is_told() {
        let grey = GrayImage::from_pixel(2, 2, Luma([9]));
        assert_eq!(
            COLOUR.decode(&encoded(grey, ImageFormat::Png)).unwrap(),
            Decoded { pixels: vec![9; 12], changes: vec![Change::GreyToColour] }
        );
        let red = RgbImage::from_pixel(2, 2, Rgb([255, 0, 0]));
        assert_eq!(GREY.decode(&encoded(red, ImageFormat::Png)).unwrap().changes, [Change::ColourToGrey]);
        let clear = RgbaImage::from_pixel(2, 2, Rgba([1, 2, 3, 0]));
        let found = COLOUR.decode(&encoded(clear.clone(), ImageFormat::Png)).unwrap();
        assert_eq!(found, Decoded { pixels: [1, 2, 3].repeat(4), changes: vec![Change::Opaque] });
        assert_eq!(GREY.decode(&encoded(clear, ImageFormat::Png)).unwrap().changes, [Change::ColourToGrey, Change::Opaque]);
        let clear = GrayAlphaImage::from_pixel(2, 2, LumaA([5, 0]));
        assert_eq!(GREY.decode(&encoded(clear, ImageFormat::Png)).unwrap(), Decoded { pixels: vec![5; 4], changes: vec![Change::Opaque] });
    }

    #[test]
    fn of_others_the_shorter_side_is_made_to_fit_and_the_middle_square_kept() {
        // Black, white, black: the middle is white, but for what its edges get of both sides.
        let wide = RgbImage::from_fn(30, 10, |x, _| if (10..20).contains(&x) { Rgb([255; 3]) } else { Rgb([0; 3]) });
        assert_eq!(COLOUR.decode(&encoded(wide, ImageFormat::Png)).unwrap().pixels, [224; 12]);
        let dot = RgbImage::from_pixel(1, 1, Rgb([3, 4, 5]));
        assert_eq!(COLOUR.decode(&encoded(dot, ImageFormat::Png)).unwrap().pixels, [3, 4, 5].repeat(4));
        let jpeg = encoded(RgbImage::from_pixel(17, 9, Rgb([200, 200, 200])), ImageFormat::Jpeg);
        assert!(COLOUR.decode(&jpeg).unwrap().pixels.iter().all(|v| v.abs_diff(200) < 3));
    }

    #[test]
    fn pixels_are_those_of_pillow() {
        // Pillow 13.0: im.resize((5, 3), Image.BILINEAR).crop((1, 0, 4, 3)), and for the other the same turned.
        let grey = |x: u32, y: u32| Luma([(x * 37 + y * 53) as u8]);
        let three = Wanted { side: 3, channels: 1 };
        let wide = GrayImage::from_fn(7, 4, grey);
        let tall = GrayImage::from_fn(4, 7, |x, y| grey(y, x));
        let near = |picture: GrayImage, expected: [u8; 9]| {
            let found = three.decode(&encoded(picture, ImageFormat::Png)).unwrap().pixels;
            assert!(found.iter().zip(expected).all(|(found, expected)| found.abs_diff(expected) <= 1), "{found:?}, {expected:?}");
        };
        near(wide, [74, 127, 180, 138, 191, 187, 201, 108, 94]);
        near(tall, [74, 138, 201, 127, 191, 108, 180, 188, 94]);
    }

    #[test]
    fn what_is_kept_is_what_resizing_all_of_it_gives() {
        const SIDE: u32 = 16;
        let of_all = |picture: &GrayImage, wide: u32, high: u32| -> Vec<u8> {
            let source = Image::from_vec_u8(picture.width(), picture.height(), picture.as_raw().clone(), PixelType::U8).unwrap();
            let mut target = Image::new(wide, high, PixelType::U8);
            let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
            Resizer::new().resize(&source, &mut target, &options).unwrap();
            let (resized, left, top) = (target.into_vec(), (wide - SIDE) / 2, (high - SIDE) / 2);
            let kept = (0..SIDE * SIDE).map(|pixel| (left + pixel % SIDE, top + pixel / SIDE));
            kept.map(|(x, y)| resized[(y * wide + x) as usize]).collect()
        };
        let wanted = Wanted { side: SIDE as usize, channels: 1 };
        for (width, height, wide, high) in
            [(97, 41, 37, 16), (41, 97, 16, 37), (7, 5, 22, 16), (300, 16, 300, 16), (33, 32, 16, 16), (16, 16, 16, 16)]
        {
            let picture = GrayImage::from_fn(width, height, |x, y| Luma([(x * 37 + y * 53) as u8]));
            let found = wanted.decode(&encoded(picture.clone(), ImageFormat::Png)).unwrap().pixels;
            let all = of_all(&picture, wide, high);
            assert!(found.iter().zip(&all).all(|(found, all)| found.abs_diff(*all) <= 1), "{width} x {height}: {found:?}, {all:?}");
        }
    }

    #[test]
    fn strips_take_no_more_memory_than_other_pictures() {
        // Either would be resized to 1024 x 20 480 000 pixels. Of its middle, a pixel, one half is black and one white.
        let wanted = Wanted { side: 1024, channels: 1 };
        let grey = |at: u32| Luma([if at < MAX_SIDE / 2 { 0 } else { 255 }]);
        let wide = wanted.decode(&encoded(GrayImage::from_fn(MAX_SIDE, 1, |x, _| grey(x)), ImageFormat::Png)).unwrap().pixels;
        let tall = wanted.decode(&encoded(GrayImage::from_fn(1, MAX_SIDE, |_, y| grey(y)), ImageFormat::Png)).unwrap().pixels;
        assert_eq!((wide.len(), wide[0], wide[1023], tall[0], tall[1023 * 1024]), (1 << 20, 0, 255, 0, 255));
        // Nothing limits the sides of what is not encoded.
        assert_eq!(wanted.greys(vec![7; 5_000_000], 1, 5_000_000).unwrap().pixels, vec![7; 1 << 20]);
    }

    /// `jpeg` with an EXIF block that says how it is to be turned.
    pub(in super::super) fn turned(jpeg: &[u8], orientation: u8) -> Vec<u8> {
        let tiff = [&b"II*\0\x08\0\0\0\x01\0"[..], &[0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0], &[0; 4]].concat();
        let exif = [&b"Exif\0\0"[..], &tiff[..]].concat();
        [&jpeg[..2], &[0xff, 0xe1, 0, exif.len() as u8 + 2], &exif[..], &jpeg[2..]].concat()
    }

    #[test]
    fn photos_are_turned_as_they_say() {
        // Dark on the left, bright on the right.
        let jpeg = encoded(RgbImage::from_fn(32, 32, |x, _| Rgb([if x < 16 { 20 } else { 230 }; 3])), ImageFormat::Jpeg);
        let corners = |orientation: u8| {
            let Decoded { pixels, changes } = COLOUR.decode(&turned(&jpeg, orientation)).unwrap();
            assert_eq!(changes, if (2..=8).contains(&orientation) { vec![Change::Turned] } else { vec![] });
            pixels.chunks(3).map(|pixel| if pixel[0] > 128 { '#' } else { '.' }).collect::<String>()
        };
        let all: Vec<String> = (0..=9).map(corners).collect();
        assert_eq!(all.join(" "), ".#.# .#.# #.#. #.#. .#.# ..## ..## ##.. ##.. .#.#");
        // A block that is cut short says nothing.
        let mut short = turned(&jpeg, 6);
        short[5] = 12;
        short.drain(16..38);
        assert_eq!(COLOUR.decode(&short).unwrap().changes, []);
    }

    #[test]
    fn whole_jpegs_of_all_shapes_are_read() {
        use image::codecs::jpeg::JpegEncoder;
        for (width, height, quality) in [(1, 1, 90), (7, 33, 30), (16, 16, 100), (120, 65, 75), (200, 9, 1)] {
            let colour = RgbImage::from_fn(width, height, |x, y| Rgb([(x * y) as u8, (5 * x) as u8, (y * y) as u8]));
            for picture in [DynamicImage::from(colour.clone()), DynamicImage::from(colour).to_luma8().into()] {
                let mut bytes = Vec::new();
                picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality)).unwrap();
                COLOUR.decode(&bytes).unwrap();
            }
        }
    }

    #[test]
    fn damage_inside_a_jpeg_is_told_where_it_can_be() {
        let picture = RgbImage::from_fn(128, 128, |x, y| Rgb([(2 * x) as u8, (2 * y) as u8, (x + y) as u8]));
        let whole = encoded(picture, ImageFormat::Jpeg);
        let scan = whole.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap() + 14;
        let damaged = |at: usize, bytes: &[u8]| [&whole[..at], bytes, &whole[at + bytes.len()..]].concat();
        let middle = usize::midpoint(scan, whole.len());
        for bytes in [&[0xff, 0x33][..], &[0xff, 0xc4, 0, 2], &[0xff, 0xd9], &[0xff, 0xd0]] {
            assert!(COLOUR.decode(&damaged(middle, bytes)).is_err(), "{bytes:x?}");
        }
        let places = || (scan..whole.len() - 202).step_by(7);
        let found = |bytes: &[u8]| places().filter(|&at| COLOUR.decode(&damaged(at, bytes)).is_err()).count() * 100 / places().count();
        let noise: Vec<u8> = (0..200u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let shares = (found(&[0; 200]), found(&noise));
        assert!(shares.0 >= 90 && shares.1 >= 90, "{shares:?} % of zeros and noise are found");
        // Filling does no harm, at the end or between two blocks.
        let end = whole.len() - 2;
        for spare in [&[0; 40][..], &[0x12, 0x34, 0x56]] {
            COLOUR.decode(&[&whole[..end], spare, &whole[end..]].concat()).unwrap();
        }
        assert!(COLOUR.decode(&[&whole[..end], &noise, &whole[end..]].concat()).is_err());
        let padded = [&whole[..2], &[0xff, 0xfe, 0, 2], &[0; 9], &whole[2..]].concat();
        COLOUR.decode(&padded).unwrap();
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
