//! Residual networks (He et al. 2016), by the names of their tensors.

use super::architecture::{Architecture, Block, Shortcut, Unit};
use crate::{hub::Weights, ops::Clamp};

/// No network has more stages, or more blocks in a stage.
const MOST: usize = 1000;

/// Whose names the tensors have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// Of the CIFAR kind: three stages of basic blocks, shortcuts without parameters. (akamaster's pytorch_resnet_cifar10.)
    Cifar,
    /// Of the ImageNet kind, as torchvision has it.
    Torchvision,
    /// The same, as transformers has it, without the prefix `resnet.`.
    Transformers,
}

/// The ResNet that `weights` are of; `None` when they are of none.
pub(super) fn recognise(weights: &Weights) -> Option<Architecture> {
    [Naming::Transformers, Naming::Torchvision, Naming::Cifar].into_iter().find_map(|naming| naming.read(weights))
}

impl Naming {
    fn stem(self) -> (String, String) {
        let (convolution, norm) = match self {
            Naming::Transformers => ("embedder.embedder.convolution", "embedder.embedder.normalization"),
            Naming::Torchvision | Naming::Cifar => ("conv1", "bn1"),
        };
        (convolution.to_owned(), norm.to_owned())
    }

    /// Names of a unit; counted from 0.
    fn unit(self, stage: usize, layer: usize, unit: usize) -> (String, String) {
        let block = self.block(stage, layer);
        match self {
            Naming::Transformers => (format!("{block}.layer.{unit}.convolution"), format!("{block}.layer.{unit}.normalization")),
            Naming::Torchvision | Naming::Cifar => (format!("{block}.conv{}", unit + 1), format!("{block}.bn{}", unit + 1)),
        }
    }

    fn projection(self, stage: usize, layer: usize) -> (String, String) {
        let block = self.block(stage, layer);
        match self {
            Naming::Transformers => (format!("{block}.shortcut.convolution"), format!("{block}.shortcut.normalization")),
            Naming::Torchvision | Naming::Cifar => (format!("{block}.downsample.0"), format!("{block}.downsample.1")),
        }
    }

    fn block(self, stage: usize, layer: usize) -> String {
        match self {
            Naming::Transformers => format!("encoder.stages.{stage}.layers.{layer}"),
            Naming::Torchvision | Naming::Cifar => format!("layer{}.{layer}", stage + 1),
        }
    }

    fn read(self, weights: &Weights) -> Option<Architecture> {
        let shape = |(convolution, _): &(String, String)| match weights.shape(&format!("{convolution}.weight")) {
            Some(&[out, features, kernel, _]) => Some((out, features, kernel)),
            _ => None,
        };
        let (width, channels, kernel) = shape(&self.stem())?;
        let stages = (0..MOST).take_while(|stage| shape(&self.unit(*stage, 0, 0)).is_some()).count();
        // The file of either kind calls its stages alike; only the ImageNet kind has a fourth.
        let expected = if self == Naming::Cifar { 3 } else { 4 };
        if stages != expected {
            return None;
        }
        let step = if self == Naming::Cifar { 1 } else { 2 };
        let mut blocks = vec![Block {
            name: "stem".to_owned(),
            units: vec![Unit::new(self.stem(), channels, width, kernel, step).clamped(Clamp::RELU)],
            shortcut: Shortcut::None,
            clamp: Clamp::NONE,
            pooled: self != Naming::Cifar,
        }];
        let mut features = width;
        for stage in 0..stages {
            for layer in (0..MOST).take_while(|layer| shape(&self.unit(stage, *layer, 0)).is_some()) {
                let step = if stage > 0 && layer == 0 { 2 } else { 1 };
                let (block, out) = self.residual(stage, layer, features, step, &shape)?;
                blocks.push(block);
                features = out;
            }
        }
        let (kind, class, head, side) = match self {
            Naming::Cifar => ("resnet_cifar", "CifarResNet", "linear", 32),
            Naming::Torchvision => ("resnet_torchvision", "ResNet", "fc", 224),
            Naming::Transformers => ("resnet", "ResNetForImageClassification", "classifier.1", 224),
        };
        Some(Architecture { kind, class, blocks, head, features, side })
    }

    /// A residual block, basic or bottleneck, and the channels it gives.
    fn residual(
        self,
        stage: usize,
        layer: usize,
        features: usize,
        step: usize,
        shape: &impl Fn(&(String, String)) -> Option<(usize, usize, usize)>,
    ) -> Option<(Block, usize)> {
        let names: Vec<_> = (0..3).map(|unit| self.unit(stage, layer, unit)).filter(|names| shape(names).is_some()).collect();
        let count = names.len();
        // The stride is the 3 x 3 convolution's: the first of a basic block, the middle one of a bottleneck.
        let strided = count.checked_sub(2)?;
        let mut units: Vec<Unit> = Vec::with_capacity(count);
        for (unit, names) in names.into_iter().enumerate() {
            let (out, _, kernel) = shape(&names)?;
            let features = units.last().map_or(features, |below| below.out);
            let new = Unit::new(names, features, out, kernel, if unit == strided { step } else { 1 });
            units.push(if unit + 1 < count { new.clamped(Clamp::RELU) } else { new });
        }
        let out = units.last()?.out;
        if self == Naming::Cifar && out < features {
            // Its shortcuts can add channels and not lose any.
            return None;
        }
        let projection = self.projection(stage, layer);
        let shortcut = if self == Naming::Cifar && (step > 1 || features != out) {
            Shortcut::Padded { step, features, out }
        } else if shape(&projection).is_some() {
            Shortcut::Projection(Unit::new(projection, features, out, 1, step))
        } else {
            Shortcut::Identity
        };
        let name = format!("layer{}.{layer}", stage + 1);
        Some((Block { name, units, shortcut, clamp: Clamp::RELU, pooled: false }, out))
    }
}
