//! The classification loss.

use candle_core::{D, DType, Result, Tensor, bail};
use candle_nn::ops::log_softmax;

/// Mean cross-entropy of `logits` `[batch, classes]` against `labels` `[batch]` (`u32`), a scalar. `smoothing` in `[0, 1)` mixes the one-hot
/// targets with that much of the uniform distribution. (`torch.nn.CrossEntropyLoss(label_smoothing=..)`.)
pub fn cross_entropy(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Result<Tensor> {
    weighted_cross_entropy(logits, labels, smoothing, None)
}

/// The same with `weights` `[classes]`: the mean of the examples by the weights of their labels. (`CrossEntropyLoss(weight=..)`.)
///
/// Composed on every device: a few numbers an example.
pub fn weighted_cross_entropy(logits: &Tensor, labels: &Tensor, smoothing: f64, weights: Option<&Tensor>) -> Result<Tensor> {
    let (batch, classes) = logits.dims2()?;
    if labels.dims() != [batch] || labels.dtype() != DType::U32 {
        bail!("cross_entropy: labels {:?} {:?} do not fit logits {:?}", labels.dtype(), labels.shape(), logits.shape());
    }
    if batch == 0 || classes == 0 || !(0.0..1.0).contains(&smoothing) || weights.is_some_and(|weights| weights.dims() != [classes]) {
        bail!("cross_entropy: logits {:?} with label smoothing {smoothing} and {weights:?} weights", logits.shape());
    }
    let log_probabilities = log_softmax(logits, D::Minus1)?;
    let (log_probabilities, all) = match weights {
        None => (log_probabilities, batch as f64),
        Some(weights) => {
            let all = weights.index_select(labels, 0)?.to_dtype(DType::F64)?.sum_all()?.to_scalar::<f64>()?;
            (log_probabilities.broadcast_mul(weights)?, all)
        }
    };
    let picked = log_probabilities.gather(&labels.unsqueeze(1)?, 1)?.sum_all()?;
    let scale = -1.0 / all;
    if smoothing == 0.0 {
        return picked * scale;
    }
    let uniform = (log_probabilities.sum_all()? * (scale * smoothing / classes as f64))?;
    (picked * (scale * (1.0 - smoothing)))? + uniform
}
