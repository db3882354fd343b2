//! What a convolutional network is made of, as data.

use crate::{
    ops::{Clamp, Stride},
    parameters::Layout,
};

/// A convolution with the batch normalisation, and perhaps the activation, after it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unit {
    /// Names of the two in the file.
    pub(super) convolution: String,
    pub(super) norm: String,
    pub(super) features: usize,
    pub(super) out: usize,
    /// Side of the kernel.
    pub(super) kernel: usize,
    pub(super) stride: Stride,
    /// Each channel with a kernel of its own.
    pub(super) depthwise: bool,
    pub(super) clamp: Clamp,
}

/// What is added to what a block's units give.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shortcut {
    None,
    /// The block's input.
    Identity,
    /// The block's input through a convolution.
    Projection(Unit),
    /// Every `step`-th pixel of the block's input, with as many channels of zeros on either side as give `out` channels. (Option A of
    /// He et al. 2016.)
    Padded {
        step: usize,
        features: usize,
        out: usize,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block {
    pub(super) name: String,
    pub(super) units: Vec<Unit>,
    pub(super) shortcut: Shortcut,
    /// After the shortcut.
    pub(super) clamp: Clamp,
    /// Whether a max-pool, 3 x 3 with stride 2, ends the block.
    pub(super) pooled: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Architecture {
    /// As `model_type` of config.json.
    pub(super) kind: &'static str,
    /// Class that reads an exported folder.
    pub(super) class: &'static str,
    /// Lowest first; the head comes after them.
    pub(super) blocks: Vec<Block>,
    /// Name of the affine map at the top, which reads the mean over all pixels.
    pub(super) head: &'static str,
    /// Channels that it reads.
    pub(super) features: usize,
    /// Side of the images it was trained on.
    pub(super) side: usize,
}

/// How a network computes where names and shapes do not tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Conventions {
    /// Added to variances.
    pub(super) epsilon: f64,
    /// Whether images are widened as TensorFlow's `SAME` has it: where a step of 2 needs one pixel, at the bottom and on the right.
    pub(super) tf_padding: bool,
}

impl Conventions {
    pub(super) const TORCH: Conventions = Conventions { epsilon: 1e-5, tf_padding: false };
}

impl Unit {
    /// Keeps the size of the image but for the step: `padding` is half the kernel.
    pub(super) fn new(names: (String, String), features: usize, out: usize, kernel: usize, step: usize) -> Unit {
        let stride = Stride { step, padding: kernel / 2 };
        Unit { convolution: names.0, norm: names.1, features, out, kernel, stride, depthwise: false, clamp: Clamp::NONE }
    }

    pub(super) fn clamped(self, clamp: Clamp) -> Unit {
        Unit { clamp, ..self }
    }

    /// How the kernel lies in memory.
    pub(super) fn layout(&self) -> Layout {
        if self.depthwise { Layout::DepthwiseKernel } else { Layout::Kernel }
    }

    /// Of an image of this side; gives that of its own image, too.
    fn multiply_adds(&self, side: usize) -> (u64, usize) {
        let out = self.stride.windows(side, self.kernel);
        let [channels, features, height, width] = self.shape();
        ((out * out * channels * features * height * width) as u64, out)
    }

    /// Shape of the kernel in the file.
    pub(super) fn shape(&self) -> [usize; 4] {
        [self.out, if self.depthwise { 1 } else { self.features }, self.kernel, self.kernel]
    }
}

impl Block {
    /// The units, that of the shortcut last.
    pub(super) fn all_units(&self) -> impl Iterator<Item = &Unit> {
        let projection = if let Shortcut::Projection(unit) = &self.shortcut { Some(unit) } else { None };
        self.units.iter().chain(projection)
    }
}

impl Block {
    /// Of an image of this side, which becomes that of the block's own image.
    pub(super) fn multiply_adds(&self, side: &mut usize) -> u64 {
        let shortcut = if let Shortcut::Projection(unit) = &self.shortcut { unit.multiply_adds(*side).0 } else { 0 };
        let units = self.units.iter().fold(shortcut, |sum, unit| {
            let (cost, out) = unit.multiply_adds(*side);
            *side = out;
            sum + cost
        });
        if self.pooled {
            *side = Stride { step: 2, padding: 1 }.windows(*side, 3);
        }
        units
    }
}

impl Block {
    /// Numbers of the images that a training step keeps, for an image of this side, which becomes that of the block's own image.
    pub(super) fn kept(&self, side: &mut usize) -> u64 {
        let image = |unit: &Unit, side: usize| {
            let out = unit.stride.windows(side, unit.kernel);
            ((out * out * unit.out) as u64, out)
        };
        let shortcut = if let Shortcut::Projection(unit) = &self.shortcut { 2 * image(unit, *side).0 } else { 0 };
        let mut last = 0;
        let units = self.units.iter().fold(shortcut, |sum, unit| {
            (last, *side) = image(unit, *side);
            sum + 2 * last
        });
        let sum = if self.shortcut == Shortcut::None { 0 } else { last };
        if !self.pooled {
            return units + sum;
        }
        let channels = last / (*side * *side).max(1) as u64;
        *side = Stride { step: 2, padding: 1 }.windows(*side, 3);
        units + sum + channels * (*side * *side) as u64
    }
}

impl Architecture {
    /// Channels of the images.
    pub(super) fn channels(&self) -> usize {
        self.blocks.first().and_then(|block| block.units.first()).map_or(0, |unit| unit.features)
    }
}
