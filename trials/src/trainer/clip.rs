//! Clipping gradients by their global norm.

use candle_core::{CpuStorage, DType, Result, Storage, Tensor};

use crate::ops;

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
        return Ok(ops::sum_of_squares(&values[start..end]));
    }
    drop(storage);
    Ok(f64::from(tensor.to_dtype(DType::F32)?.sqr()?.sum_all()?.to_scalar::<f32>()?))
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};
    use search_spaces::config;

    use super::*;
    use crate::optimizers::{Optimizer, Update};

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

    #[derive(serde::Deserialize)]
    struct Fixture {
        clip_norm: f64,
        before: Vec<Vec<f32>>,
        steps: Vec<Step>,
    }

    #[derive(serde::Deserialize)]
    struct Step {
        gradients: Vec<Vec<f32>>,
        norm: f64,
        after: Vec<Vec<f32>>,
    }

    /// `fixtures/clipping.py` made it.
    #[test]
    fn clipped_steps_are_those_of_torch() {
        let fixture: Fixture = serde_json::from_str(include_str!("fixtures/clipping.json")).unwrap();
        let parameters: Vec<Var> = fixture.before.iter().map(|values| Var::from_tensor(&tensor(values)).unwrap()).collect();
        let mut optimizer = Optimizer::new(&config::Optimizer::Sgd { learning_rate: 0.1, momentum: 0.9, nesterov: false, l2: 0.0 });
        let mut clipped = 0;
        for step in &fixture.steps {
            let gradients: Vec<Tensor> = step.gradients.iter().map(|values| tensor(values)).collect();
            let gradient_scale = scale(gradients.iter(), fixture.clip_norm).unwrap();
            let expected = (fixture.clip_norm / (step.norm + 1e-6)).min(1.0);
            assert!((gradient_scale - expected).abs() <= 1e-6 * expected, "{gradient_scale} for {expected}");
            clipped += u32::from(gradient_scale < 1.0);
            for (index, (parameter, gradient)) in parameters.iter().zip(&gradients).enumerate() {
                let update = Update { count: 0, learning_rate: 0.1, decays: true, gradient_scale };
                optimizer.step(&index.to_string(), parameter, gradient, update).unwrap();
            }
            for (parameter, after) in parameters.iter().zip(&step.after) {
                for (found, expected) in parameter.to_vec1::<f32>().unwrap().iter().zip(after) {
                    assert!((found - expected).abs() <= 1e-5, "{found} for {expected}");
                }
            }
        }
        assert_eq!(clipped, 2, "some are clipped and some are not");
    }

    #[test]
    fn a_transposed_gradient_counts_the_same() {
        let plain = Tensor::arange(0f32, 6., &Device::Cpu).unwrap().reshape((2, 3)).unwrap();
        assert_eq!(sum_of_squares(&plain).unwrap(), 55.0);
        assert_eq!(sum_of_squares(&plain.t().unwrap()).unwrap(), 55.0);
    }
}
