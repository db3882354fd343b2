//! Changing training images at random, so that no batch is seen twice.

use rand::{Rng, RngExt};
use search_spaces::config::{Augment, Mix};

/// Of one image: `[side, side, channels]` from 0 to 1.
pub(super) struct Picture<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) side: usize,
    pub(super) channels: usize,
}

/// How the images of a batch are mixed with one another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Mixing {
    None,
    /// Every pixel so much of the first image (Zhang et al. 2018).
    Blend {
        share: f64,
    },
    /// A rectangle of the second image in the first (Yun et al. 2019).
    Paste {
        top: usize,
        left: usize,
        height: usize,
        width: usize,
    },
}

impl Picture<'_> {
    /// Flips, moves and recolours, as `augment` says. Before normalisation.
    pub(super) fn change(&mut self, augment: &Augment, rng: &mut impl Rng) {
        if rng.random_bool(augment.flip) {
            self.flip();
        }
        if augment.crop > 0 {
            let most = 2 * augment.crop as usize;
            let (down, right) = (rng.random_range(0..=most), rng.random_range(0..=most));
            self.shift(down as isize - augment.crop as isize, right as isize - augment.crop as isize);
        }
        if augment.jitter > 0.0 {
            let low = (1.0 - augment.jitter).max(0.0);
            let mut factor = || rng.random_range(low..=1.0 + augment.jitter) as f32;
            let (brightness, contrast, saturation) = (factor(), factor(), factor());
            self.recolour(brightness, contrast, saturation);
        }
    }

    fn flip(&mut self) {
        for row in self.values.chunks_exact_mut(self.side * self.channels) {
            for column in 0..self.side / 2 {
                let other = self.side - 1 - column;
                for channel in 0..self.channels {
                    row.swap(column * self.channels + channel, other * self.channels + channel);
                }
            }
        }
    }

    /// What comes in is black: as `torchvision.transforms.RandomCrop` with padding has it.
    fn shift(&mut self, down: isize, right: isize) {
        let old = self.values.to_vec();
        let side = self.side as isize;
        for row in 0..side {
            for column in 0..side {
                let (from_row, from_column) = (row + down, column + right);
                let to = (row * side + column) as usize * self.channels;
                let pixel = &mut self.values[to..to + self.channels];
                if (0..side).contains(&from_row) && (0..side).contains(&from_column) {
                    let from = (from_row * side + from_column) as usize * self.channels;
                    pixel.copy_from_slice(&old[from..from + self.channels]);
                } else {
                    pixel.fill(0.0);
                }
            }
        }
    }

    /// As `torchvision.transforms.ColorJitter` without hue, in the order of its arguments.
    fn recolour(&mut self, brightness: f32, contrast: f32, saturation: f32) {
        let grey = |pixel: &[f32]| if let [r, g, b] = pixel { 0.299 * r + 0.587 * g + 0.114 * b } else { pixel[0] };
        for value in self.values.iter_mut() {
            *value = (*value * brightness).clamp(0.0, 1.0);
        }
        let pixels = self.values.len() / self.channels;
        let mean = self.values.chunks_exact(self.channels).map(grey).sum::<f32>() / pixels as f32;
        for pixel in self.values.chunks_exact_mut(self.channels) {
            for value in pixel.iter_mut() {
                *value = (contrast * *value + (1.0 - contrast) * mean).clamp(0.0, 1.0);
            }
            let grey = grey(pixel);
            for value in pixel.iter_mut() {
                *value = (saturation * *value + (1.0 - saturation) * grey).clamp(0.0, 1.0);
            }
        }
    }

    /// Erases a part of the normalised image with that probability.
    pub(super) fn erase_sometimes(&mut self, probability: f64, rng: &mut impl Rng) {
        if rng.random_bool(probability) {
            self.erase(rng);
        }
    }

    /// Puts zeros, the mean after normalisation, into a rectangle of 2 % to 33 % of the image. (Random erasing, Zhong et al. 2020, with
    /// torchvision's defaults.)
    fn erase(&mut self, rng: &mut impl Rng) {
        const TRIES: usize = 10;
        let area = (self.side * self.side) as f64;
        for _ in 0..TRIES {
            let size = area * rng.random_range(0.02..0.33);
            let ratio = rng.random_range(0.3f64.ln()..3.3f64.ln()).exp();
            let (height, width) = ((size * ratio).sqrt().round() as usize, (size / ratio).sqrt().round() as usize);
            if height == 0 || width == 0 || height >= self.side || width >= self.side {
                continue;
            }
            let (top, left) = (rng.random_range(0..=self.side - height), rng.random_range(0..=self.side - width));
            for row in top..top + height {
                self.values[(row * self.side + left) * self.channels..][..width * self.channels].fill(0.0);
            }
            return;
        }
    }
}

impl Mixing {
    /// Drawn for one batch of images of `side`; `alpha` of both ways is that of the Beta(alpha, alpha) distribution of the share.
    pub(super) fn draw(mix: &Mix, side: usize, rng: &mut impl Rng) -> Mixing {
        match *mix {
            Mix::Off => Mixing::None,
            Mix::MixUp { alpha } => Mixing::Blend { share: beta(alpha, rng) },
            Mix::CutMix { alpha } => {
                let cut = (1.0 - beta(alpha, rng)).sqrt();
                let size = (side as f64 * cut) as usize;
                let (row, column) = (rng.random_range(0..side), rng.random_range(0..side));
                let (top, left) = (row.saturating_sub(size / 2), column.saturating_sub(size / 2));
                let (bottom, right) = ((row + size / 2).min(side), (column + size / 2).min(side));
                Mixing::Paste { top, left, height: bottom - top, width: right - left }
            }
        }
    }

    /// The share of the first image, for the labels.
    pub(super) fn share(self, side: usize) -> f64 {
        match self {
            Mixing::None => 1.0,
            Mixing::Blend { share } => share,
            Mixing::Paste { height, width, .. } => 1.0 - (height * width) as f64 / (side * side) as f64,
        }
    }

    /// Mixes `second` into `first`, both `[side, side, channels]`.
    pub(super) fn apply(self, first: &mut [f32], second: &[f32], side: usize, channels: usize) {
        match self {
            Mixing::None => {}
            Mixing::Blend { share } => {
                for (first, second) in first.iter_mut().zip(second) {
                    *first = share as f32 * *first + (1.0 - share as f32) * second;
                }
            }
            Mixing::Paste { top, left, height, width } => {
                for row in top..top + height {
                    let at = (row * side + left) * channels;
                    first[at..at + width * channels].copy_from_slice(&second[at..at + width * channels]);
                }
            }
        }
    }
}

fn beta(alpha: f64, rng: &mut impl Rng) -> f64 {
    use rand_distr::{Beta, Distribution};
    Beta::new(alpha, alpha).map_or(1.0, |beta| beta.sample(rng))
}
