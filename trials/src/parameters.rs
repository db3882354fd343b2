//! A model's parameters by block, each frozen or thawed.

use candle_core::{Result, Tensor, Var};

/// Handle of one parameter of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ParameterId(usize);

#[derive(Debug, Clone)]
pub struct Parameter {
    /// The tensor's name in the exported file, with the model's own prefix: `encoder.layer.0.output.dense.weight`.
    pub name: String,
    /// Index of the block it belongs to, lowest first.
    pub block: usize,
    /// Whether it is a weight matrix (or embedding), to which weight decay applies by default; biases and normalisation
    /// parameters are not.
    pub matrix: bool,
    weight: Weight,
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
/// Frozen ones share storage with the base weights; thawing copies. What is thawed is always a run of blocks up to the last.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    list: Vec<Parameter>,
}

impl Parameters {
    /// Adds a frozen parameter.
    pub fn add(&mut self, name: impl Into<String>, block: usize, matrix: bool, tensor: Tensor) -> ParameterId {
        self.list.push(Parameter { name: name.into(), block, matrix, weight: Weight::Frozen(tensor) });
        ParameterId(self.list.len() - 1)
    }

    pub fn get(&self, id: ParameterId) -> &Tensor {
        self.list[id.0].tensor()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Parameter> {
        self.list.iter()
    }

    /// The trainable ones, in order.
    pub fn thawed(&self) -> impl Iterator<Item = (&Parameter, &Var)> {
        self.list.iter().filter_map(|p| p.var().map(|v| (p, v)))
    }

    /// Makes every parameter of block `lowest` and above trainable, by copying those that were not yet.
    pub fn thaw_from(&mut self, lowest: usize) -> Result<()> {
        for parameter in self.list.iter_mut().filter(|p| p.block >= lowest) {
            if let Weight::Frozen(tensor) = &parameter.weight {
                parameter.weight = Weight::Thawed(Var::from_tensor(tensor)?);
            }
        }
        Ok(())
    }
}
