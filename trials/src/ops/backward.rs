//! Backward passes without candle's bookkeeping.
//!
//! candle adds each gradient that it is given to a tensor of zeros: two more passes over every activation and every parameter, on one thread.
//! So gradients of variables are kept here as they come. And while a [`Recording`] lives, the outputs of this module's operations are
//! variables too, and the operations are written to its list instead of candle's graph; what candle's own operations compute in between goes
//! through candle's backward, from one such variable to the next.

use std::{cell::RefCell, marker::PhantomData};

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, Device, Layout, Result, Shape, Storage, Tensor, Var, backprop::GradStore, bail,
};

use super::clamp::{self, Clamp};

thread_local! {
    /// Gradients of variables found so far by the [`backward`] that runs on this thread.
    static VARIABLES: RefCell<Option<GradStore>> = const { RefCell::new(None) };
    /// What the [`Recording`] of this thread holds.
    static RECORDED: RefCell<Option<Vec<Recorded>>> = const { RefCell::new(None) };
}

/// Records the operations of this thread that it outlives, for one [`backward`]; see [`record`].
#[derive(Debug)]
pub struct Recording {
    /// A waiting rayon thread may pick up another trial's step: each puts back what it found, whatever happens.
    earlier: Option<Vec<Recorded>>,
    /// Must be dropped on the thread that it began on.
    thread: PhantomData<*const ()>,
}

/// From now on, until what this gives is dropped, gradients can be taken with [`backward`] alone, not with [`Tensor::backward`], and once
/// alone. All tensors in between live as long.
#[must_use = "nothing is recorded once it is dropped"]
pub fn record() -> Recording {
    Recording { earlier: RECORDED.replace(Some(Vec::new())), thread: PhantomData }
}

impl Drop for Recording {
    fn drop(&mut self) {
        RECORDED.set(self.earlier.take());
    }
}

struct Recorded {
    output: Tensor,
    operation: Operation,
}

impl std::fmt::Debug for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorded").field("output", &self.output.shape()).finish_non_exhaustive()
    }
}

enum Operation {
    One([Tensor; 1], Box<dyn CustomOp1>),
    Two([Tensor; 2], Box<dyn CustomOp2>),
    Three([Tensor; 3], Box<dyn CustomOp3>),
}

impl Operation {
    /// Passes the gradient `g` of the output `y` on to the arguments.
    fn backward(&self, y: &Tensor, g: &Tensor) -> Result<()> {
        match self {
            Operation::One([a], operation) => pass_on(a, operation.bwd(a, y, g)?),
            Operation::Two([a, b], operation) => {
                let (da, db) = operation.bwd(a, b, y, g)?;
                pass_on(a, da)?;
                pass_on(b, db)
            }
            Operation::Three([a, b, c], operation) => {
                let (da, db, dc) = operation.bwd(a, b, c, y, g)?;
                pass_on(a, da)?;
                pass_on(b, db)?;
                pass_on(c, dc)
            }
        }
    }
}

/// `operation(x)`.
pub(super) fn apply1(x: &Tensor, operation: impl CustomOp1 + Send + Sync + 'static) -> Result<Tensor> {
    if !records(&[x]) {
        return x.apply_op1(operation);
    }
    let output = with_storage(x, |x, x_layout| operation.cpu_fwd(x, x_layout))?;
    keep(output, Operation::One([x.clone()], Box::new(operation)))
}

/// `operation(x, y)`.
pub(super) fn apply2(x: &Tensor, y: &Tensor, operation: impl CustomOp2 + Send + Sync + 'static) -> Result<Tensor> {
    if !records(&[x, y]) {
        return x.apply_op2(y, operation);
    }
    let output = with_storage(x, |xs, xl| with_storage(y, |ys, yl| operation.cpu_fwd(xs, xl, ys, yl)))?;
    keep(output, Operation::Two([x.clone(), y.clone()], Box::new(operation)))
}

/// `operation(x, y, z)`.
pub(super) fn apply3(x: &Tensor, y: &Tensor, z: &Tensor, operation: impl CustomOp3 + Send + Sync + 'static) -> Result<Tensor> {
    if !records(&[x, y, z]) {
        return x.apply_op3(y, z, operation);
    }
    let output = with_storage(x, |xs, xl| with_storage(y, |ys, yl| with_storage(z, |zs, zl| operation.cpu_fwd(xs, xl, ys, yl, zs, zl))))?;
    keep(output, Operation::Three([x.clone(), y.clone(), z.clone()], Box::new(operation)))
}

fn records(arguments: &[&Tensor]) -> bool {
    arguments.iter().any(|argument| argument.track_op()) && RECORDED.with_borrow(Option::is_some)
}

fn with_storage<T>(tensor: &Tensor, f: impl FnOnce(&CpuStorage, &Layout) -> Result<T>) -> Result<T> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { bail!("a fused operation takes tensors on the CPU") };
    f(storage, layout)
}

fn keep((storage, shape): (CpuStorage, Shape), operation: Operation) -> Result<Tensor> {
    let CpuStorage::F32(values) = storage else { bail!("a fused operation gives f32") };
    let output = Var::from_vec(values, shape, &Device::Cpu)?.into_inner();
    RECORDED.with_borrow_mut(|recorded| {
        if let Some(recorded) = recorded {
            recorded.push(Recorded { output: output.clone(), operation });
        }
    });
    Ok(output)
}

/// The gradients of `loss` (a scalar) with respect to every variable it was computed from: the same as [`Tensor::backward`], and what a
/// [`Recording`] holds is used up.
pub fn backward(loss: &Tensor) -> Result<GradStore> {
    struct Restore(Option<GradStore>);
    impl Drop for Restore {
        fn drop(&mut self) {
            VARIABLES.set(self.0.take());
        }
    }
    // As for `Recording`.
    let restore = Restore(VARIABLES.replace(Some(GradStore::default())));
    through_candle(loss)?;
    // An operation stands above those that gave its arguments.
    while let Some(Recorded { output, operation }) = RECORDED.with_borrow_mut(|recorded| recorded.as_mut()?.pop()) {
        if let Some(gradient) = VARIABLES.with_borrow_mut(|variables| variables.as_mut()?.remove(&output)) {
            operation.backward(&output, &gradient)?;
        }
    }
    let variables = VARIABLES.take().unwrap_or_default();
    drop(restore);
    Ok(variables)
}

/// From `top` (a scalar) down to the next variables by candle's graph.
fn through_candle(top: &Tensor) -> Result<()> {
    let found = top.backward()?;
    VARIABLES.with_borrow_mut(|variables| variables.as_mut().map_or(Ok(()), |variables| variables.extend(found)))
}

/// Passes on a gradient that [`gradient_of`] did not take: one of what candle's operations computed.
fn pass_on(argument: &Tensor, gradient: Option<Tensor>) -> Result<()> {
    match gradient {
        Some(gradient) => through_candle(&argument.apply_op1(Seed(gradient))?),
        None => Ok(()),
    }
}

/// A scalar whose gradient with respect to its argument is given.
struct Seed(Tensor);

impl CustomOp1 for Seed {
    fn name(&self) -> &'static str {
        "seed"
    }

    fn cpu_fwd(&self, _x: &CpuStorage, _layout: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(vec![0.0]), Shape::from(())))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, _g: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(self.0.clone()))
    }
}

/// Hands over the gradient of `argument`: to the running [`backward`] if it is a variable, else to candle.
pub(super) fn gradient_of(argument: &Tensor, gradient: Tensor) -> Result<Option<Tensor>> {
    if !argument.is_variable() {
        return Ok(Some(gradient));
    }
    let Some(earlier) = VARIABLES.with_borrow_mut(|variables| Some(variables.as_mut()?.remove(argument))) else {
        return Ok(Some(gradient));
    };
    // Nothing is borrowed meanwhile: this thread may be given other work.
    let total = match earlier {
        Some(earlier) => clamp::add(&earlier, &gradient, Clamp::NONE)?,
        None => gradient,
    };
    VARIABLES.with_borrow_mut(|variables| variables.as_mut().map(|variables| variables.insert(argument, total)));
    Ok(None)
}
