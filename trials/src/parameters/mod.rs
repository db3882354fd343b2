//! A model's parameters by block, each frozen or thawed.

mod low_rank;

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, Var, bail};
use engine::runner::Weights;

pub use self::low_rank::LowRank;

/// Handle of one parameter of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ParameterId(usize);

#[derive(Debug, Clone)]
pub struct Parameter {
    /// The tensor's name in the exported file, with the model's own prefix: `encoder.layer.0.output.dense.weight`.
    pub name: String,
    /// Index of the block it belongs to, lowest first.
    pub block: usize,
    pub role: Role,
    pub layout: Layout,
    weight: Weight,
    /// Stays frozen, since something else trains in its place.
    pinned: bool,
}

/// What a parameter is to training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A weight matrix, kernel or embedding, to which weight decay applies by default.
    Matrix,
    /// A bias or a parameter of normalisation.
    Vector,
    /// Running statistics: written by the forward pass, without a gradient.
    Buffer,
}

/// How the tensor in memory lies relative to the one in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Same,
    /// `[out, kernel, kernel, in]` of `[out, in, kernel, kernel]`.
    Kernel,
    /// `[kernel, kernel, channels]` of `[channels, 1, kernel, kernel]`.
    DepthwiseKernel,
}

impl Layout {
    /// The tensor of a file as it lies in memory.
    pub fn in_memory(self, tensor: &Tensor) -> Result<Tensor> {
        match self {
            Layout::Same => Ok(tensor.clone()),
            Layout::Kernel => tensor.permute((0, 2, 3, 1))?.contiguous(),
            Layout::DepthwiseKernel => tensor.squeeze(1)?.permute((1, 2, 0))?.contiguous(),
        }
    }

    /// A tensor in memory as it lies in files.
    pub fn in_file(self, tensor: &Tensor) -> Result<Tensor> {
        match self {
            Layout::Same => Ok(tensor.clone()),
            Layout::Kernel => tensor.permute((0, 3, 1, 2))?.contiguous(),
            Layout::DepthwiseKernel => tensor.permute((2, 0, 1))?.contiguous()?.unsqueeze(1),
        }
    }
}

#[derive(Debug, Clone)]
enum Weight {
    /// Shared with other trials; no gradient is taken.
    Frozen(Tensor),
    /// This trial's own copy.
    Thawed(Var),
}

impl Parameter {
    pub fn tensor(&self) -> &Tensor {
        match &self.weight {
            Weight::Frozen(tensor) => tensor,
            Weight::Thawed(var) => var.as_tensor(),
        }
    }

    /// The trainable variable; `None` while frozen.
    pub fn var(&self) -> Option<&Var> {
        match &self.weight {
            Weight::Frozen(_) => None,
            Weight::Thawed(var) => Some(var),
        }
    }
}

/// All parameters of a model in the order they were added, which is the order of everything done to them.
///
/// Frozen ones share storage with the base weights; thawing copies. What trains is always a run of blocks up to the last.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    list: Vec<Parameter>,
    /// Additions by the weight they are made to.
    additions: BTreeMap<ParameterId, LowRank>,
}

impl Parameters {
    /// Adds a frozen parameter.
    pub fn add(&mut self, name: impl Into<String>, block: usize, role: Role, tensor: Tensor) -> ParameterId {
        self.add_as(name, block, role, Layout::Same, tensor)
    }

    /// The same for a tensor that lies in memory as `layout` says.
    pub fn add_as(&mut self, name: impl Into<String>, block: usize, role: Role, layout: Layout, tensor: Tensor) -> ParameterId {
        self.list.push(Parameter { name: name.into(), block, role, layout, weight: Weight::Frozen(tensor), pinned: false });
        ParameterId(self.list.len() - 1)
    }

    pub fn get(&self, id: ParameterId) -> &Tensor {
        self.list[id.0].tensor()
    }

    /// The block that `id` belongs to.
    pub fn block(&self, id: ParameterId) -> usize {
        self.list[id.0].block
    }

    /// Records that `addition` is added to `weight`.
    pub fn adapt(&mut self, weight: ParameterId, addition: LowRank) {
        self.additions.insert(weight, addition);
    }

    /// What is added to `weight`, if it has been thawed: it is zero before.
    pub fn addition(&self, weight: ParameterId) -> Option<&LowRank> {
        self.additions.get(&weight).filter(|addition| self.list[addition.up.0].var().is_some())
    }

    /// Keeps what is there now in blocks below `block` frozen, whatever is thawed later.
    pub fn pin_below(&mut self, block: usize) {
        self.list.iter_mut().filter(|parameter| parameter.block < block).for_each(|parameter| parameter.pinned = true);
    }

    /// What an exported file holds: names and tensors as they lie there, with additions in their weights.
    pub fn exported(&self) -> Result<Vec<(&str, Tensor)>> {
        let own = |id: ParameterId| self.additions.values().any(|addition| addition.down == id || addition.up == id);
        let all = self.list.iter().enumerate().map(|(index, parameter)| (ParameterId(index), parameter));
        all.filter(|(id, _)| !own(*id))
            .map(|(id, parameter)| {
                let tensor = match self.additions.get(&id) {
                    Some(addition) => addition.merged(parameter.tensor(), self)?,
                    None => parameter.tensor().detach(),
                };
                Ok((parameter.name.as_str(), parameter.layout.in_file(&tensor)?))
            })
            .collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Parameter> {
        self.list.iter()
    }

    /// Gives a thawed buffer another value.
    pub fn set_buffer(&self, id: ParameterId, value: &Tensor) -> Result<()> {
        match &self.list[id.0].weight {
            Weight::Thawed(var) => var.set(value),
            Weight::Frozen(_) => bail!("the buffer {} is frozen", self.list[id.0].name),
        }
    }

    /// How many numbers train.
    pub fn trained(&self) -> u64 {
        self.thawed().filter(|(parameter, _)| parameter.role != Role::Buffer).map(|(_, var)| var.elem_count() as u64).sum()
    }

    /// What trains once every block from `lowest` up is thawed, with what already is; in checkpoints each number has four bytes.
    pub fn weights_from(&self, lowest: usize) -> Weights {
        let own = |parameter: &&Parameter| parameter.var().is_some() || (parameter.block >= lowest && !parameter.pinned);
        self.list.iter().filter(own).fold(Weights::default(), |sum, parameter| {
            let numbers = parameter.tensor().elem_count() as u64;
            let trains = if parameter.role == Role::Buffer { 0 } else { numbers };
            Weights { parameters: sum.parameters + trains, bytes: sum.bytes + size_of::<f32>() as u64 * numbers }
        })
    }

    /// Those that are this trial's own, trainable ones and buffers, in order.
    pub fn thawed(&self) -> impl Iterator<Item = (&Parameter, &Var)> {
        self.list.iter().filter_map(|p| p.var().map(|v| (p, v)))
    }

    /// Makes every parameter of block `lowest` and above trainable that is not pinned, by copying those that were not yet.
    pub fn thaw_from(&mut self, lowest: usize) -> Result<()> {
        self.thaw(|parameter| parameter.block >= lowest && !parameter.pinned)
    }

    /// Makes the buffers of every block this trial's own.
    pub fn thaw_buffers(&mut self) -> Result<()> {
        self.thaw(|parameter| parameter.role == Role::Buffer)
    }

    fn thaw(&mut self, which: impl Fn(&Parameter) -> bool) -> Result<()> {
        for parameter in self.list.iter_mut().filter(|parameter| which(parameter)) {
            if let Weight::Frozen(tensor) = &parameter.weight {
                parameter.weight = Weight::Thawed(Var::from_tensor(tensor)?);
            }
        }
        Ok(())
    }
}
