//! Square windows that move over images `[batch, height, width, channels]`.

use std::ops::Range;

use candle_core::{Result, Tensor, bail};

/// How a window moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stride {
    /// Pixels from one window to the next, both ways.
    pub step: usize,
    /// Pixels that the image is widened by on each side.
    pub padding: usize,
}

impl Stride {
    /// How many windows of side `kernel` lie along a side of so many pixels.
    pub(crate) fn windows(self, side: usize, kernel: usize) -> usize {
        (side + 2 * self.padding).saturating_sub(kernel) / self.step + 1
    }
}

/// Windows over images of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windows {
    pub(super) batch: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
    /// Side of a window.
    pub(super) kernel: usize,
    pub(super) stride: Stride,
    pub(super) out_height: usize,
    pub(super) out_width: usize,
}

impl Windows {
    /// Of side `kernel` over images of the shape `dims`.
    pub(super) fn new(dims: &[usize], kernel: usize, stride: Stride) -> Result<Windows> {
        let &[batch, height, width, channels] = dims else { bail!("images are [batch, height, width, channels], not {dims:?}") };
        let (wide_height, wide_width) = (height + 2 * stride.padding, width + 2 * stride.padding);
        if kernel == 0 || stride.step == 0 || stride.padding >= kernel || wide_height < kernel || wide_width < kernel {
            bail!("windows of {kernel} x {kernel} with {stride:?} do not fit images of {height} x {width} pixels");
        }
        let (out_height, out_width) = ((wide_height - kernel) / stride.step + 1, (wide_width - kernel) / stride.step + 1);
        Ok(Windows { batch, height, width, channels, kernel, stride, out_height, out_width })
    }

    /// Windows of one image.
    pub(super) fn per_image(&self) -> usize {
        self.out_height * self.out_width
    }

    /// Windows of all images.
    pub(super) fn count(&self) -> usize {
        self.batch * self.per_image()
    }

    /// Values a window covers, those outside the image included.
    pub(super) fn len(&self) -> usize {
        self.kernel * self.kernel * self.channels
    }

    /// Values of one image.
    pub(super) fn image_len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Whether each window is just one pixel, in order.
    pub(super) fn are_pixels(&self) -> bool {
        self.kernel == 1 && self.stride == Stride { step: 1, padding: 0 }
    }

    /// Rows (or columns) of the window at `out` that lie inside an image of `size`.
    fn inside(&self, out: usize, size: usize) -> Range<usize> {
        let start = out * self.stride.step;
        let first = self.stride.padding.saturating_sub(start);
        first..self.kernel.min((size + self.stride.padding).saturating_sub(start)).max(first)
    }

    /// The runs of values that window `index` shares with its image: offsets within the window, offsets within all images, lengths.
    #[inline]
    pub(super) fn runs(&self, index: usize) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let w = *self;
        let (image, at) = (index / w.per_image(), index % w.per_image());
        let (y, x) = (at / w.out_width, at % w.out_width);
        let columns = w.inside(x, w.width);
        w.inside(y, w.height).map(move |row| {
            let line = image * w.height + y * w.stride.step + row - w.stride.padding;
            let pixel = line * w.width + x * w.stride.step + columns.start - w.stride.padding;
            ((row * w.kernel + columns.start) * w.channels, pixel * w.channels, columns.len() * w.channels)
        })
    }

    /// Copies the windows from `first` on into `rows` `[windows, kernel * kernel * channels]`, zero outside the image.
    pub(super) fn gather(&self, rows: &mut [f32], images: &[f32], first: usize) {
        for (index, row) in rows.chunks_exact_mut(self.len()).enumerate() {
            if self.stride.padding > 0 {
                row.fill(0.0);
            }
            for (to, from, len) in self.runs(first + index) {
                row[to..to + len].copy_from_slice(&images[from..from + len]);
            }
        }
    }

    /// Adds `rows`, of the windows from `first` on, to where [`Windows::gather`] takes them from. `images` begins with that image
    /// which window `first` is of, and `first` is its first.
    pub(super) fn scatter_add(&self, images: &mut [f32], rows: &[f32], first: usize) {
        let start = first / self.per_image() * self.image_len();
        for (index, row) in rows.chunks_exact(self.len()).enumerate() {
            for (from, to, len) in self.runs(first + index) {
                for (sum, &value) in images[to - start..][..len].iter_mut().zip(&row[from..from + len]) {
                    *sum += value;
                }
            }
        }
    }

    /// The windows of `images` as `[windows, kernel * kernel, channels]` with `outside` around the image, composed of candle's
    /// operations.
    pub(super) fn composed(&self, images: &Tensor, outside: f64) -> Result<Tensor> {
        let pixels = self.batch * self.height * self.width;
        let flat = images.reshape((pixels, self.channels))?;
        let around = Tensor::full(outside as f32, (1, self.channels), images.device())?.to_dtype(images.dtype())?;
        let mut ids = vec![pixels as u32; self.count() * self.kernel * self.kernel];
        for (window, ids) in ids.chunks_exact_mut(self.kernel * self.kernel).enumerate() {
            for (to, from, len) in (Windows { channels: 1, ..*self }).runs(window) {
                for (offset, id) in ids[to..to + len].iter_mut().enumerate() {
                    *id = (from + offset) as u32;
                }
            }
        }
        let ids = Tensor::from_vec(ids, self.count() * self.kernel * self.kernel, images.device())?;
        Tensor::cat(&[flat, around], 0)?.index_select(&ids, 0)?.reshape((self.count(), self.kernel * self.kernel, self.channels))
    }
}
