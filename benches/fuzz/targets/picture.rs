//! A JPEG or PNG, for a model of colours and for one of greys.

use trials::fuzzing::picture;

pub(crate) fn run(bytes: &[u8]) {
    for channels in [1, 3] {
        if let Ok(pixels) = picture(bytes, channels) {
            assert_eq!(pixels.len(), 32 * 32 * channels);
        }
    }
}
