//! The forward pass.

use candle_core::{Result, Tensor, bail};
use rand::rngs::ChaCha8Rng;

use super::{
    ConvNetBase,
    architecture::{Block, Conventions, Shortcut, Unit},
};
use crate::{
    data::batch::Batch,
    models::{BaseModel, Model, Pass},
    ops::{
        Dropout, Moments, Stride, add, batch_norm, batch_norm_with, convolution, depthwise, dropout, linear, max_pool, mean_pool, running,
    },
    parameters::{ParameterId, Parameters, Role},
};

/// The weight of a batch in the running moments: that of `torch.nn.BatchNorm2d`. (transformers' MobileNetV2 has 0.997, TensorFlow's weight
/// of what was there before, and so keeps the last batch's moments and hardly anything else. Evaluation is the same.)
const MOMENTUM: f64 = 0.1;

/// A convolutional network with a classification head. Blocks: `stem`, one for each residual block, `head`.
#[derive(Debug)]
pub struct ConvNet {
    names: Vec<String>,
    parameters: Parameters,
    blocks: Vec<Placed>,
    head: [ParameterId; 2],
    conventions: Conventions,
}

/// A block and where its parameters are.
#[derive(Debug)]
struct Placed {
    block: Block,
    /// Of each unit, that of the shortcut last.
    units: Vec<UnitParameters>,
}

#[derive(Debug, Clone, Copy)]
struct UnitParameters {
    kernel: ParameterId,
    gain: ParameterId,
    bias: ParameterId,
    mean: ParameterId,
    variance: ParameterId,
}

impl ConvNet {
    /// A frozen model with the weights of `base` and a new head for `classes`, drawn from `head`.
    pub(super) fn new(base: &ConvNetBase, classes: usize, head: &mut ChaCha8Rng) -> Result<ConvNet> {
        let mut parameters = Parameters::default();
        let mut blocks = Vec::new();
        for (index, block) in base.architecture.blocks.iter().enumerate() {
            let units = block.all_units().map(|unit| add_unit(&mut parameters, base, index, unit)).collect::<Result<_>>()?;
            blocks.push(Placed { block: block.clone(), units });
        }
        let (weights, bias) = base.new_head(classes, head)?;
        let (name, block) = (base.architecture.head, blocks.len());
        let head = [
            parameters.add(format!("{name}.weight"), block, Role::Matrix, weights),
            parameters.add(format!("{name}.bias"), block, Role::Vector, bias),
        ];
        Ok(ConvNet { names: base.blocks(), parameters, blocks, head, conventions: base.conventions })
    }

    fn unit(&self, unit: &Unit, p: UnitParameters, x: &Tensor, of_batch: bool) -> Result<Tensor> {
        let kernel = self.parameters.get(p.kernel);
        let (x, stride) = if self.conventions.tf_padding { same(x, unit)? } else { (x.clone(), unit.stride) };
        let x = if unit.depthwise { depthwise(&x, kernel, stride)? } else { convolution(&x, kernel, stride)? };
        let (gain, bias) = (self.parameters.get(p.gain), self.parameters.get(p.bias));
        let old = Moments { mean: self.parameters.get(p.mean).detach(), variance: self.parameters.get(p.variance).detach() };
        let pixels = x.elem_count() / unit.out;
        // One pixel has no variance: the last batch of a pass, of a single small image, must not end a trial.
        if !of_batch || pixels < 2 {
            return batch_norm_with(&x, &old, gain, bias, self.conventions.epsilon, unit.clamp);
        }
        let (y, moments) = batch_norm(&x, gain, bias, self.conventions.epsilon, unit.clamp)?;
        let new = running(&old, &moments, pixels, MOMENTUM)?;
        self.parameters.set_buffer(p.mean, &new.mean)?;
        self.parameters.set_buffer(p.variance, &new.variance)?;
        Ok(y)
    }

    fn block(&self, index: usize, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let Placed { block, units } = &self.blocks[index];
        let of_batch = pass.normalises_by_batch(index);
        let mut y = x.clone();
        for (unit, parameters) in block.units.iter().zip(units) {
            y = self.unit(unit, *parameters, &y, of_batch)?;
        }
        y = match (&block.shortcut, units.last()) {
            (Shortcut::None, _) => y,
            (Shortcut::Identity, _) => add(&y, x, block.clamp)?,
            (Shortcut::Projection(unit), Some(parameters)) => add(&y, &self.unit(unit, *parameters, x, of_batch)?, block.clamp)?,
            (Shortcut::Padded { step, features, out }, _) => add(&y, &padded(x, *step, *features, *out)?, block.clamp)?,
            (Shortcut::Projection(_), None) => bail!("a shortcut without parameters"),
        };
        if block.pooled { max_pool(&y, 3, Stride { step: 2, padding: 1 }) } else { Ok(y) }
    }

    fn classify(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let block = self.blocks.len();
        let drop = Dropout::at(pass.rates(block).classifier, pass.key, block, 0);
        let [weights, bias] = self.head;
        linear(&dropout(&mean_pool(x)?, drop)?, self.parameters.get(weights), self.parameters.get(bias))
    }
}

/// `x` widened as TensorFlow's `SAME` has it for `unit`, and how its kernel then moves.
fn same(x: &Tensor, unit: &Unit) -> Result<(Tensor, Stride)> {
    let Stride { step, padding } = unit.stride;
    let (_, height, width, _) = x.dims4()?;
    let around = |length: usize| {
        let over = if length.is_multiple_of(step) { step } else { length % step };
        let total = unit.kernel.saturating_sub(over);
        (total / 2, total - total / 2)
    };
    let (rows, columns) = (around(height), around(width));
    if rows == (padding, padding) && columns == (padding, padding) {
        return Ok((x.clone(), unit.stride));
    }
    let x = x.pad_with_zeros(1, rows.0, rows.1)?.pad_with_zeros(2, columns.0, columns.1)?;
    Ok((x, Stride { step, padding: 0 }))
}

/// Every `step`-th pixel of `x`, with channels of zeros before and after its own.
fn padded(x: &Tensor, step: usize, features: usize, out: usize) -> Result<Tensor> {
    let every = |length: usize| Tensor::arange_step(0u32, length as u32, step as u32, x.device());
    let (_, height, width, _) = x.dims4()?;
    let x = if step == 1 { x.clone() } else { x.index_select(&every(height)?, 1)?.index_select(&every(width)?, 2)? };
    let before = (out - features) / 2;
    x.pad_with_zeros(3, before, out - features - before)
}

fn add_unit(parameters: &mut Parameters, base: &ConvNetBase, block: usize, unit: &Unit) -> Result<UnitParameters> {
    let name = format!("{}.weight", unit.convolution);
    let kernel = base.tensor(&name)?.clone();
    let kernel = parameters.add_as(base.exported(&name), block, Role::Matrix, unit.layout(), kernel);
    let mut add = |part: &str, role| -> Result<ParameterId> {
        let name = format!("{}.{part}", unit.norm);
        let tensor = base.tensor(&name)?.clone();
        Ok(parameters.add(base.exported(&name), block, role, tensor))
    };
    Ok(UnitParameters {
        kernel,
        gain: add("weight", Role::Vector)?,
        bias: add("bias", Role::Vector)?,
        mean: add("running_mean", Role::Buffer)?,
        variance: add("running_var", Role::Buffer)?,
    })
}

impl Model for ConvNet {
    fn blocks(&self) -> &[String] {
        &self.names
    }

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    fn run_block(&self, block: usize, input: Option<&Tensor>, batch: &Batch, pass: &Pass) -> Result<Tensor> {
        let output = match (block, input) {
            (0, None) => self.block(0, batch.pixels()?, pass)?,
            (block, Some(x)) if (1..self.blocks.len()).contains(&block) => self.block(block, x, pass)?,
            (block, Some(x)) if block == self.blocks.len() => self.classify(x, pass)?,
            (0, Some(_)) => bail!("block 0 reads the batch and takes no input"),
            (block, _) => bail!("block {block} of {} needs the output of the block below", self.names.len()),
        };
        Ok(if block < pass.lowest_thawed { output.detach() } else { output })
    }
}
