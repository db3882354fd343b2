//! Decoded images.

use std::{any::Any, sync::Arc};

use candle_core::{Device, Result, Tensor};
use rand::{Rng, SeedableRng, rngs::ChaCha8Rng, seq::SliceRandom};
use rayon::prelude::*;
use search_spaces::config::Augment;

use super::augment::{Mixing, Picture};
use crate::data::{
    batch::{Batch, Inputs},
    pixels::PixelFormat,
    task::Examples,
};

/// The images of one split.
#[derive(Debug, Clone, PartialEq)]
pub struct Images {
    /// `[images, side, side, channels]`.
    pub pixels: Vec<u8>,
    /// Index into the task's labels for each.
    pub labels: Vec<u32>,
    /// Row of the file or folder each came from, from 0.
    pub rows: Vec<u64>,
    /// Side of the images, which need not be the format's.
    pub side: usize,
    pub format: PixelFormat,
}

impl Images {
    /// Values of one image.
    fn image_len(&self) -> usize {
        self.side * self.side * self.format.channels()
    }

    /// From 0 to 1.
    fn image(&self, index: usize, values: &mut [f32]) {
        for (value, pixel) in values.iter_mut().zip(&self.pixels[index * self.image_len()..]) {
            *value = f32::from(*pixel) / 255.0;
        }
    }

    fn normalise(&self, values: &mut [f32]) {
        let channels = self.format.channels();
        for pixel in values.chunks_exact_mut(channels) {
            for (value, (mean, deviation)) in pixel.iter_mut().zip(self.format.mean.iter().zip(&self.format.deviation)) {
                *value = (*value - mean) / deviation;
            }
        }
    }

    fn pixels(&self, values: Vec<f32>, device: &Device) -> Result<Inputs> {
        let images = values.len() / self.image_len();
        Ok(Inputs::Pixels(Tensor::from_vec(values, (images, self.side, self.side, self.format.channels()), device)?))
    }

    fn labels_of(&self, indices: &[usize]) -> Vec<u32> {
        indices.iter().map(|&index| self.labels[index]).collect()
    }
}

impl Examples for Images {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn label(&self, index: usize) -> u32 {
        self.labels[index]
    }

    fn size(&self) -> usize {
        self.side
    }

    fn row(&self, index: usize) -> u64 {
        self.rows[index]
    }

    fn length(&self, _index: usize) -> usize {
        1
    }

    fn batch(&self, indices: &[usize], device: &Device) -> Result<Batch> {
        let mut values = vec![0f32; indices.len() * self.image_len()];
        values.par_chunks_mut(self.image_len()).zip(indices).for_each(|(image, &index)| {
            self.image(index, image);
            self.normalise(image);
        });
        Batch::new(self.pixels(values, device)?, self.labels_of(indices), device)
    }

    fn training_batch(&self, indices: &[usize], augment: &Augment, mut stream: ChaCha8Rng, device: &Device) -> Result<Batch> {
        let (side, channels) = (self.side, self.format.channels());
        // A stream for each image, so that it does not matter which thread draws first.
        let mut values = vec![0f32; indices.len() * self.image_len()];
        let streams: Vec<ChaCha8Rng> = indices.iter().map(|_| ChaCha8Rng::seed_from_u64(stream.next_u64())).collect();
        values.par_chunks_mut(self.image_len()).zip(indices).zip(streams).for_each(|((image, &index), mut stream)| {
            self.image(index, image);
            Picture { values: image, side, channels }.change(augment, &mut stream);
            self.normalise(image);
            let mut picture = Picture { values: image, side, channels };
            picture.erase_sometimes(augment.erase, &mut stream);
        });
        let labels = self.labels_of(indices);
        let mixing = Mixing::draw(&augment.mix, side, &mut stream);
        if mixing == Mixing::None || indices.len() < 2 {
            return Batch::new(self.pixels(values, device)?, labels, device);
        }
        let mut partners: Vec<usize> = (0..indices.len()).collect();
        partners.shuffle(&mut stream);
        let unmixed = values.clone();
        for (image, &partner) in values.chunks_exact_mut(self.image_len()).zip(&partners) {
            mixing.apply(image, &unmixed[partner * self.image_len()..][..self.image_len()], side, channels);
        }
        let others: Vec<u32> = partners.iter().map(|&partner| labels[partner]).collect();
        let others = Tensor::from_vec(others, indices.len(), device)?;
        Ok(Batch { mixed: Some((others, mixing.share(side))), ..Batch::new(self.pixels(values, device)?, labels, device)? })
    }

    fn subset(&self, indices: &[usize]) -> Arc<dyn Examples> {
        let pixels = indices.iter().flat_map(|&index| &self.pixels[index * self.image_len()..][..self.image_len()]).copied().collect();
        let rows = indices.iter().map(|&index| self.rows[index]).collect();
        Arc::new(Images { pixels, labels: self.labels_of(indices), rows, side: self.side, format: self.format.clone() })
    }

    fn and(&self, other: &dyn Examples) -> Arc<dyn Examples> {
        let other = other.as_any().downcast_ref::<Images>().expect("splits of a task are of one kind");
        Arc::new(Images {
            pixels: [&self.pixels[..], &other.pixels].concat(),
            labels: [&self.labels[..], &other.labels].concat(),
            rows: [&self.rows[..], &other.rows].concat(),
            side: self.side,
            format: self.format.clone(),
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn hash(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&(self.side as u64).to_le_bytes()).update(format!("{:?}", self.format).as_bytes()).update(&self.pixels);
    }
}
