//! Running a model over a split.

use candle_core::{DType, Result};

use crate::{
    data::{Examples, order},
    metrics::Logits,
    models::{BaseModel, Model, Pass},
};

/// Examples at a time. Fixed, since the last bits of a product may depend on it.
const BATCH: usize = 64;

/// Logits of all `examples`, in their order, for `classes`, without dropout.
pub fn evaluate(model: &dyn Model, base: &dyn BaseModel, examples: &dyn Examples, classes: usize) -> Result<Logits> {
    evaluate_telling(model, base, examples, classes, &|| ())
}

/// The same; `alive` is called before each batch.
pub(super) fn evaluate_telling(
    model: &dyn Model,
    base: &dyn BaseModel,
    examples: &dyn Examples,
    classes: usize,
    alive: &dyn Fn(),
) -> Result<Logits> {
    let mut all = vec![0f32; examples.len() * classes];
    for indices in order::evaluation_batches(&examples.lengths(), BATCH) {
        alive();
        let batch = examples.batch(&indices, base.device())?;
        let mut hidden = None;
        for block in 0..model.blocks().len() {
            // Detached block by block: no gradient will be asked for, so nothing is kept for one.
            hidden = Some(model.run_block(block, hidden.as_ref(), &batch, &Pass::evaluation())?.detach());
        }
        let Some(logits) = hidden else { continue };
        for (index, row) in indices.into_iter().zip(logits.to_dtype(DType::F32)?.to_vec2::<f32>()?) {
            all[index * classes..][..classes].copy_from_slice(&row);
        }
    }
    Ok(Logits::new(classes, all))
}
