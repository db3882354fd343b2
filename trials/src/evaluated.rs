//! What a classifier that has left its study gives on a split.

use engine::runner::TrialError;
use search_spaces::settings::Metric;

use crate::{
    data::Examples,
    hub::{Trained, manifest::Evaluated},
    metrics::{self, Logits, Measures},
    runner::thread_pool,
    trainer,
};

/// Evaluates `trained` on `examples`, of which there is at least one, with `threads` threads.
pub fn evaluate(
    trained: &mut Trained,
    examples: &dyn Examples,
    measures: &Measures,
    threads: usize,
) -> Result<(Evaluated, Logits), TrialError> {
    thread_pool("evaluation", threads)?.install(move || {
        let classes = trained.labels.len();
        let logits = trainer::evaluate(trained.model.as_ref(), trained.base.as_ref(), examples, classes).map_err(trainer::fault)?;
        let metrics = trainer::measured(measures, &logits, examples);
        let evaluated = Evaluated { examples: examples.len() as u64, metrics, interval: None, logits_blake3: hash(&logits) };
        Ok((evaluated, logits))
    })
}

/// The same of a test split, with the interval of `metric`, whose random stream `seed` names.
pub fn evaluate_test(
    trained: &mut Trained,
    examples: &dyn Examples,
    measures: &Measures,
    threads: usize,
    metric: Metric,
    seed: u64,
) -> Result<Evaluated, TrialError> {
    let (evaluated, logits) = evaluate(trained, examples, measures, threads)?;
    let labels = examples.labels();
    let interval = thread_pool("evaluation", threads)?
        .install(|| measures.get(metric).and_then(|measure| metrics::interval(measure, &logits, &labels, seed)));
    Ok(Evaluated { interval: interval.map(|(low, high)| [low, high]), ..evaluated })
}

/// The blake3, in hex, of every bit of `logits`.
fn hash(logits: &Logits) -> String {
    let mut hasher = blake3::Hasher::new();
    for row in logits.rows() {
        for value in row {
            hasher.update(&value.to_le_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}
