//! What a classifier says of examples that nobody has labelled.

mod error;
mod output;
mod pictures;
mod texts;

use engine::runner::TrialError;

pub use self::{
    error::PredictError,
    output::{Format, Writer},
    pictures::Pictures,
    texts::{Columns, Texts},
};
use crate::{data::Examples, hub::Trained, metrics::Logits, runner::thread_pool, trainer};

/// Rows named in an error; the rest is counted.
const NAMED: usize = 5;

/// Examples in the order of their file, not yet as a model reads them.
#[derive(Debug)]
pub enum Inputs {
    Texts(Box<Texts>),
    Pictures(Pictures),
}

/// What the model says of one example.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Of the file, from 0; rows that were left out count.
    pub row: u64,
    /// Of an image, within the folder or tar.
    pub name: Option<String>,
    /// Index of the label with the highest probability, the first of equals.
    pub predicted: usize,
    /// By label index.
    pub probabilities: Vec<f64>,
}

impl Inputs {
    pub fn len(&self) -> usize {
        match self {
            Inputs::Texts(texts) => texts.len(),
            Inputs::Pictures(pictures) => pictures.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was noticed when they were read, a line each.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Inputs::Texts(texts) => texts.notes(),
            Inputs::Pictures(pictures) => pictures.notes(),
        }
    }
}

/// Has `trained` say of all `inputs` what they are, a part of them in memory at a time, and hands each part to `take`, in order. `false` from `take` ends it.
///
/// The last bits of a probability may depend on which examples are computed together: those of a part that are alike in length.
pub fn run(
    trained: &mut Trained,
    inputs: Inputs,
    threads: usize,
    take: &mut (dyn FnMut(Vec<Prediction>) -> Result<bool, PredictError> + Send),
) -> Result<(), PredictError> {
    let pool = thread_pool("predict", threads).map_err(PredictError::Model)?;
    pool.install(move || match inputs {
        Inputs::Texts(texts) => texts.parts(&mut |examples, ids| take(predictions(trained, examples, ids)?)),
        Inputs::Pictures(pictures) => pictures.parts(&mut |examples, ids| take(predictions(trained, examples, ids)?)),
    })
}

/// Row and name of an example.
type Id = (u64, Option<String>);

/// Takes a part of the inputs; `false` ends it.
type Part<'a> = dyn FnMut(&dyn Examples, Vec<Id>) -> Result<bool, PredictError> + 'a;

fn predictions(trained: &Trained, examples: &dyn Examples, ids: Vec<Id>) -> Result<Vec<Prediction>, PredictError> {
    let classes = trained.labels.len();
    let logits: Logits = trainer::evaluate(trained.model.as_ref(), trained.base.as_ref(), examples, classes)
        .map_err(|error| PredictError::Model(trainer::fault(error)))?;
    if let Some(value) = logits.first_non_finite() {
        return Err(PredictError::Model(TrialError::Other(format!("the model gives the logit {value}: its weights are damaged"))));
    }
    let all = ids.into_iter().zip(logits.predictions()).zip(logits.probabilities());
    Ok(all.map(|(((row, name), predicted), probabilities)| Prediction { row, name, predicted, probabilities }).collect())
}
