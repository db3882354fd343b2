//! Clipping gradients by their global norm.

use candle_core::{CpuStorage, DType, Result, Storage, Tensor};
use rayon::prelude::*;

/// Elements summed at a time: fixed, so that the sum does not depend on the number of threads.
const CHUNK: usize = 1 << 14;

/// What all gradients are multiplied by so that their 2-norm together is at most `clip_norm`, as `torch.nn.utils.clip_grad_norm_` does.
pub(super) fn scale<'a>(gradients: impl Iterator<Item = &'a Tensor>, clip_norm: f64) -> Result<f64> {
    let mut squares = 0.0;
    for gradient in gradients {
        squares += sum_of_squares(gradient)?;
    }
    let scale = clip_norm / (squares.sqrt() + 1e-6);
    // Not `min`, which would turn a gradient that is not a number into one that is not clipped.
    Ok(if scale > 1.0 { 1.0 } else { scale })
}

fn sum_of_squares(tensor: &Tensor) -> Result<f64> {
    let (storage, layout) = tensor.storage_and_layout();
    if let (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) = (&*storage, layout.contiguous_offsets()) {
        let sums: Vec<f64> =
            values[start..end].par_chunks(CHUNK).map(|chunk| chunk.iter().map(|&v| f64::from(v) * f64::from(v)).sum()).collect();
        return Ok(sums.iter().sum());
    }
    drop(storage);
    Ok(f64::from(tensor.to_dtype(DType::F32)?.sqr()?.sum_all()?.to_scalar::<f32>()?))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn tensor(values: &[f32]) -> Tensor {
        Tensor::new(values, &Device::Cpu).unwrap()
    }

    #[test]
    fn large_gradients_are_scaled_to_the_norm_and_small_ones_left_alone() {
        let gradients = [tensor(&[3.0, 0.0]), tensor(&[0.0, 4.0])];
        assert!((scale(gradients.iter(), 1.0).unwrap() - 0.2).abs() < 1e-6);
        assert_eq!(scale(gradients.iter(), 5.1).unwrap(), 1.0);
        assert!(scale([tensor(&[f32::NAN])].iter(), 1.0).unwrap().is_nan());
    }

    #[test]
    fn a_transposed_gradient_counts_the_same() {
        let plain = Tensor::arange(0f32, 6., &Device::Cpu).unwrap().reshape((2, 3)).unwrap();
        assert_eq!(sum_of_squares(&plain).unwrap(), 55.0);
        assert_eq!(sum_of_squares(&plain.t().unwrap()).unwrap(), 55.0);
    }
}
