//! Backward passes without candle's bookkeeping for parameters.

use std::cell::RefCell;

use candle_core::{Result, Tensor, backprop::GradStore};

thread_local! {
    /// Gradients of variables found so far by the [`backward`] that runs on this thread.
    static VARIABLES: RefCell<Option<GradStore>> = const { RefCell::new(None) };
}

/// The gradients of `loss` (a scalar) with respect to every variable it was computed from.
///
/// The same as [`Tensor::backward`], but the gradients of variables that this module's operations find are kept as they are, where candle
/// adds each to a tensor of zeros: two more passes over every parameter, of which an embedding table has millions.
pub fn backward(loss: &Tensor) -> Result<GradStore> {
    struct Restore(Option<GradStore>);
    impl Drop for Restore {
        fn drop(&mut self) {
            VARIABLES.set(self.0.take());
        }
    }
    // A waiting rayon thread may pick up another trial's backward: each puts back what it found, whatever happens.
    let restore = Restore(VARIABLES.replace(Some(GradStore::default())));
    let mut gradients = loss.backward()?;
    let variables = VARIABLES.take().unwrap_or_default();
    drop(restore);
    gradients.extend(variables)?;
    Ok(gradients)
}

/// Hands over the gradient of `argument`: to the running [`backward`] if it is a variable, else to candle.
pub(super) fn gradient_of(argument: &Tensor, gradient: Tensor) -> Result<Option<Tensor>> {
    if !argument.is_variable() {
        return Ok(Some(gradient));
    }
    VARIABLES.with_borrow_mut(|variables| {
        let Some(variables) = variables else { return Ok(Some(gradient)) };
        let total = match variables.remove(argument) {
            Some(earlier) => (earlier + gradient)?,
            None => gradient,
        };
        variables.insert(argument, total);
        Ok(None)
    })
}
