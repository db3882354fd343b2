//! MobileNetV2 (Sandler et al. 2018), by torchvision's names.

use super::architecture::{Architecture, Block, Shortcut, Unit};
use crate::{hub::Weights, ops::Clamp};

/// Strides of the inverted residual blocks, which the shapes of their tensors do not tell: those of blocks 2, 4, 7 and 14 are 2.
const STRIDED: [usize; 4] = [2, 4, 7, 14];

/// Blocks with a depthwise convolution in them.
const INVERTED: usize = 17;

/// The MobileNetV2 that `weights` are of, of any width; `None` when they are of none.
pub(super) fn recognise(weights: &Weights) -> Option<Architecture> {
    let shape = |name: &str| match weights.shape(&format!("{name}.weight")) {
        Some(&[out, features, kernel, _]) => Some((out, features, kernel)),
        _ => None,
    };
    let (width, channels, kernel) = shape("features.0.0")?;
    let pair = |convolution: String, norm: String| (convolution, norm);
    let plain = |name: &str, units| Block { name: name.to_owned(), units, shortcut: Shortcut::None, clamp: Clamp::NONE, pooled: false };
    let stem = Unit::new(pair("features.0.0".to_owned(), "features.0.1".to_owned()), channels, width, kernel, 2).clamped(Clamp::RELU6);
    let mut blocks = vec![plain("stem", vec![stem])];
    let mut features = width;
    for index in 1..=INVERTED {
        let names = |part: usize| pair(format!("features.{index}.conv.{part}.0"), format!("features.{index}.conv.{part}.1"));
        let step = if STRIDED.contains(&index) { 2 } else { 1 };
        let mut units: Vec<Unit> = Vec::with_capacity(3);
        // The first block does not widen its input.
        let parts = if shape(&format!("features.{index}.conv.2")).is_some() { 2 } else { 1 };
        for part in 0..parts {
            let (out, _, kernel) = shape(&names(part).0)?;
            let features = units.last().map_or(features, |below| below.out);
            let depthwise = part + 1 == parts;
            let unit = Unit::new(names(part), features, out, kernel, if depthwise { step } else { 1 });
            units.push(Unit { depthwise, ..unit.clamped(Clamp::RELU6) });
        }
        let last = pair(format!("features.{index}.conv.{parts}"), format!("features.{index}.conv.{}", parts + 1));
        let (out, _, kernel) = shape(&last.0)?;
        let wide = units.last()?.out;
        units.push(Unit::new(last, wide, out, kernel, 1));
        let shortcut = if step == 1 && features == out { Shortcut::Identity } else { Shortcut::None };
        blocks.push(Block { shortcut, ..plain(&format!("features.{index}"), units) });
        features = out;
    }
    let last = pair(format!("features.{}.0", INVERTED + 1), format!("features.{}.1", INVERTED + 1));
    let (out, _, kernel) = shape(&last.0)?;
    let tail = Unit::new(last, features, out, kernel, 1).clamped(Clamp::RELU6);
    blocks.push(plain(&format!("features.{}", INVERTED + 1), vec![tail]));
    Some(Architecture { kind: "mobilenet_v2_torchvision", class: "MobileNetV2", blocks, head: "classifier.1", features: out, side: 224 })
}
