//! The classification loss.

use candle_core::{D, DType, Result, Tensor, bail};
use candle_nn::ops::log_softmax;

/// Mean cross-entropy of `logits` `[batch, classes]` against `labels` `[batch]` (`u32`), a scalar. `smoothing` in `[0, 1)` mixes the one-hot
/// targets with that much of the uniform distribution. (`torch.nn.CrossEntropyLoss(label_smoothing=..)`.)
///
/// Composed on every device: a few numbers an example.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Result<Tensor> {
    let (batch, classes) = logits.dims2()?;
    if labels.dims() != [batch] || labels.dtype() != DType::U32 {
        bail!("cross_entropy: labels {:?} {:?} do not fit logits {:?}", labels.dtype(), labels.shape(), logits.shape());
    }
    if batch == 0 || classes == 0 || !(0.0..1.0).contains(&smoothing) {
        bail!("cross_entropy: logits {:?} with label smoothing {smoothing}", logits.shape());
    }
    let log_probabilities = log_softmax(logits, D::Minus1)?;
    let picked = log_probabilities.gather(&labels.unsqueeze(1)?, 1)?.sum_all()?;
    let scale = -1.0 / batch as f64;
    if smoothing == 0.0 {
        return picked * scale;
    }
    let uniform = (log_probabilities.sum_all()? * (scale * smoothing / classes as f64))?;
    (picked * (scale * (1.0 - smoothing)))? + uniform
}
