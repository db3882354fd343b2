//! MobileNetV2 (Sandler et al. 2018), by the names of its tensors.

use super::architecture::{Architecture, Block, Shortcut, Unit};
use crate::{hub::Weights, ops::Clamp};

/// Strides of the inverted residual blocks, which the shapes of their tensors do not tell: those of blocks 2, 4, 7 and 14 are 2.
const STRIDED: [usize; 4] = [2, 4, 7, 14];

/// Blocks with a depthwise convolution in them.
const INVERTED: usize = 17;

/// Whose names the tensors have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    Torchvision,
    /// Without the prefix `mobilenet_v2.`.
    Transformers,
}

/// The MobileNetV2 that `weights` are of, of any width; `None` when they are of none.
pub(super) fn recognise(weights: &Weights) -> Option<Architecture> {
    [Naming::Torchvision, Naming::Transformers].into_iter().find_map(|naming| naming.read(weights))
}

/// Names of a convolution and its normalisation.
type Names = (String, String);

impl Naming {
    fn stem(self) -> Names {
        match self {
            Naming::Torchvision => ("features.0.0".to_owned(), "features.0.1".to_owned()),
            Naming::Transformers => of_transformers("conv_stem.first_conv"),
        }
    }

    /// Names of the parts that the inverted block `index`, from 1, may have: widening, depthwise, narrowing. The first one need not widen.
    fn block(self, index: usize, has: &impl Fn(&Names) -> bool) -> Vec<Names> {
        match self {
            Naming::Torchvision => {
                let part = |part: usize| (format!("features.{index}.conv.{part}.0"), format!("features.{index}.conv.{part}.1"));
                let mut parts: Vec<Names> = (0..2).map(part).filter(has).collect();
                let last = parts.len();
                parts.push((format!("features.{index}.conv.{last}"), format!("features.{index}.conv.{}", last + 1)));
                parts
            }
            Naming::Transformers => {
                let block = if index == 1 { "conv_stem".to_owned() } else { format!("layer.{}", index - 2) };
                let part = |part: &str| of_transformers(&format!("{block}.{part}"));
                ["expand_1x1", "conv_3x3", "reduce_1x1"].into_iter().map(part).filter(has).collect()
            }
        }
    }

    fn tail(self) -> Names {
        match self {
            Naming::Torchvision => (format!("features.{}.0", INVERTED + 1), format!("features.{}.1", INVERTED + 1)),
            Naming::Transformers => of_transformers("conv_1x1"),
        }
    }

    fn read(self, weights: &Weights) -> Option<Architecture> {
        let shape = |names: &Names| match weights.shape(&format!("{}.weight", names.0)) {
            Some(&[out, features, kernel, _]) => Some((out, features, kernel)),
            _ => None,
        };
        let plain = |name: &str, units| Block { name: name.to_owned(), units, shortcut: Shortcut::None, clamp: Clamp::NONE, pooled: false };
        let (width, channels, kernel) = shape(&self.stem())?;
        let stem = Unit::new(self.stem(), channels, width, kernel, 2).clamped(Clamp::RELU6);
        let mut blocks = vec![plain("stem", vec![stem])];
        let mut features = width;
        for index in 1..=INVERTED {
            let step = if STRIDED.contains(&index) { 2 } else { 1 };
            let names = self.block(index, &|names: &Names| shape(names).is_some());
            let count = names.len();
            if count < 2 {
                return None;
            }
            let mut units: Vec<Unit> = Vec::with_capacity(count);
            for (part, names) in names.into_iter().enumerate() {
                let (out, _, kernel) = shape(&names)?;
                let features = units.last().map_or(features, |below| below.out);
                let depthwise = part + 2 == count;
                let unit = Unit::new(names, features, out, kernel, if depthwise { step } else { 1 });
                let unit = Unit { depthwise, ..unit };
                units.push(if part + 1 < count { unit.clamped(Clamp::RELU6) } else { unit });
            }
            let out = units.last()?.out;
            // What transformers counts to the stem has no shortcut, whatever its width.
            let same = step == 1 && features == out && !(self == Naming::Transformers && index == 1);
            let shortcut = if same { Shortcut::Identity } else { Shortcut::None };
            blocks.push(Block { shortcut, ..plain(&format!("features.{index}"), units) });
            features = out;
        }
        let (out, _, kernel) = shape(&self.tail())?;
        let tail = Unit::new(self.tail(), features, out, kernel, 1).clamped(Clamp::RELU6);
        blocks.push(plain(&format!("features.{}", INVERTED + 1), vec![tail]));
        let (kind, class, head) = match self {
            Naming::Torchvision => ("mobilenet_v2_torchvision", "MobileNetV2", "classifier.1"),
            Naming::Transformers => ("mobilenet_v2", "MobileNetV2ForImageClassification", "classifier"),
        };
        Some(Architecture { kind, class, blocks, head, features: out, side: 224 })
    }
}

fn of_transformers(layer: &str) -> Names {
    (format!("{layer}.convolution"), format!("{layer}.normalization"))
}
