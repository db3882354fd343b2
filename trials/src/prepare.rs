//! Data and base model of a study, loaded once a worker, and what only they can tell of a space.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use engine::{
    devices::Device,
    runner::TrialError,
    streams::{Purpose, stream},
};
use search_spaces::{
    config::{Adapter, Config},
    data::Data,
    goals::{Constraint, Measure, Second},
    places::Places,
    problem::Problem,
    settings::Metric,
};

use crate::{
    data::{self, DataError, DataReport, Task, TextTask, Tokenizer, image},
    device::{self, DeviceError},
    freezing,
    hub::{self, HubError},
    metrics::Measures,
    models::{BaseModel, Model, Takes, bert::BertBase, convnet::ConvNetBase},
    needs::Needs,
    runner::{Runner, RunnerSettings},
};

/// Why a study cannot start.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Model(#[from] HubError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(
        "{}: the highest token id is {}, but the model's table of embeddings has {vocabulary} rows, of which the first has the id 0: tokenizer and \
         model do not belong together; take both from one place",
        place.display(),
        ids.saturating_sub(1)
    )]
    Vocabulary { place: PathBuf, ids: usize, vocabulary: usize },
    #[error(
        "{}: the tokenizer gives these texts {given} token types, the model knows {known} (`type_vocab_size` in config.json)",
        folder.display()
    )]
    TokenTypes { folder: PathBuf, given: usize, known: usize },
    #[error("the model reads {reads}, but the data are {given}: write `data: {write}(...)`, or take a model of {given}")]
    Unfit { reads: &'static str, given: &'static str, write: &'static str },
}

/// A data set and a base model, behind `Arc`s: clones share them.
#[derive(Clone)]
pub struct Prepared {
    pub task: Arc<Task>,
    pub report: Arc<DataReport>,
    pub base: Arc<dyn BaseModel>,
    pub device: Device,
    /// Of images that are not of the model's own size.
    pub side: Option<usize>,
    /// The standard ones, unless a program has more.
    pub measures: Measures,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("report", &self.report).field("device", &self.device).finish_non_exhaustive()
    }
}

/// Loads the base model in `model`, a Hugging Face folder or a file of weights, and the data as that model reads them. All locations must be
/// paths by now.
pub fn prepare(model: &Path, data: &Data, device: Device) -> Result<Prepared, PrepareError> {
    let handle = device::open(device)?;
    let base = load_base(model, &handle)?;
    let (task, report) = match (data, base.takes()) {
        (Data::Text(data), Takes::Tokens { .. }) => {
            let tokenizer = Tokenizer::from_folder(model)?;
            check_tokenizer(&tokenizer, base.as_ref())?;
            let (task, report) = data::load(data, &tokenizer)?;
            check_tokens(&task, base.as_ref(), model)?;
            (task.task(), report)
        }
        (Data::Images(data), Takes::Pixels(format)) => image::load(data, &format)?,
        (_, takes) => return Err(unfit(&takes)),
    };
    Ok(Prepared { task: Arc::new(task), report: Arc::new(report), base, device, side: side(data), measures: Measures::default() })
}

/// Loads the base model in `model`, whichever kind it is.
pub fn load_base(model: &Path, device: &device::Handle) -> Result<Arc<dyn BaseModel>, HubError> {
    if ConvNetBase::is_one(model) { Ok(Arc::new(ConvNetBase::load(model, device)?)) } else { Ok(Arc::new(BertBase::load(model, device)?)) }
}

/// The side that the data ask for.
pub fn side(data: &Data) -> Option<usize> {
    match data {
        Data::Text(_) => None,
        Data::Images(data) => data.side,
    }
}

/// That the data are of another kind than what the model takes.
pub fn unfit(takes: &Takes) -> PrepareError {
    let (reads, given, write) = match takes {
        Takes::Tokens { .. } => ("texts", "images", "Text"),
        Takes::Pixels(_) => ("images", "texts", "Images"),
    };
    PrepareError::Unfit { reads, given, write }
}

/// Whether the model has an embedding for each token.
pub fn check_tokenizer(tokenizer: &Tokenizer, base: &dyn BaseModel) -> Result<(), PrepareError> {
    let Takes::Tokens { vocabulary, .. } = base.takes() else { return Err(unfit(&base.takes())) };
    let ids = tokenizer.ids();
    if ids > vocabulary { Err(PrepareError::Vocabulary { place: tokenizer.file().to_owned(), ids, vocabulary }) } else { Ok(()) }
}

/// Whether the model has an embedding for each token of `task` and its type; the tokenizer and the model were read from `folder`. What
/// the tokenizer puts around texts need not be in its vocabulary.
pub fn check_tokens(task: &TextTask, base: &dyn BaseModel, folder: &Path) -> Result<(), PrepareError> {
    let Takes::Tokens { vocabulary, types: known, .. } = base.takes() else { return Err(unfit(&base.takes())) };
    let examples = || task.train.iter().chain(&task.validation).chain(&task.test);
    let count = |highest: Option<&u32>| highest.map_or(0, |highest| *highest as usize + 1);
    let ids = count(examples().flat_map(|example| &example.ids).chain([&task.padding]).max());
    let given = count(examples().flat_map(|example| &example.types).max());
    match folder.to_owned() {
        folder if ids > vocabulary => Err(PrepareError::Vocabulary { place: folder, ids, vocabulary }),
        folder if given > known => Err(PrepareError::TokenTypes { folder, given, known }),
        _ => Ok(()),
    }
}

impl Prepared {
    pub fn runner(&self, settings: RunnerSettings) -> Runner {
        Runner::new(Arc::clone(&self.task), Arc::clone(&self.base), self.device, settings, self.measures.clone())
    }

    /// What training `config` in full needs at least.
    pub fn needs(&self, config: &Config) -> candle_core::Result<Needs> {
        Needs::of(config, self.base.as_ref(), &self.task)
    }

    /// Writes `model` as a Hugging Face folder.
    pub fn export(&self, to: &Path, model: &dyn Model) -> Result<(), HubError> {
        hub::export(to, &self.base.classifier(&self.task.labels, self.side), model.parameters())
    }
}

/// Whether `metric` is among `measures`; the error is a message and a hint.
pub fn check_metric(metric: Metric, measures: &Measures) -> Result<(), (String, String)> {
    if measures.has(metric) {
        return Ok(());
    }
    let names: Vec<&str> = measures.names().collect();
    let hint = "metrics of your own are added in Rust, in a program of your own around this one: see the README".to_owned();
    Err((format!("this program measures no {:?}, only {}", metric.name(), names.join(", ")), hint))
}

/// Mistakes of a space that only the model can tell, in the order of the file. `max_tokens` is that of its data, if it is known.
pub fn check_space(places: &Places, max_tokens: Option<usize>, base: &dyn BaseModel) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let (Takes::Tokens { most, .. }, Some(tokens)) = (base.takes(), max_tokens)
        && tokens > most
    {
        let message = format!("`max_tokens` is {tokens}, but the model takes {most} tokens at most");
        problems.push(places.problem_at("data.max_tokens", message, Some(format!("write {most} or less"))));
    }
    let below = base.blocks().len() - 1;
    for field in ["unfreeze.LastBlocks.k", "unfreeze.Progressive.start", "unfreeze.Gradual.start"] {
        for mention in places.mentions(field).filter(|mention| mention.value > below as f64) {
            let name = field.rsplit('.').next().unwrap_or(field);
            let message = format!("`{name}` is {}, but the model has {below} blocks below the head", mention.value);
            let hint = format!("write {below} or less; its blocks are {}", base.blocks().join(", "));
            problems.push(places.problem_in(mention, message, Some(hint)));
        }
    }
    for mention in places.mentions("adapter.Lora.rank") {
        if let Err((message, hint)) = check_rank(mention.value, base) {
            problems.push(places.problem_in(mention, message, Some(hint)));
        }
    }
    problems
}

/// Constraints that no config can keep, and groups that cannot be compared.
pub fn check_goals(
    places: &Places,
    constraints: &[Constraint],
    second: Option<Second>,
    base: &dyn BaseModel,
    task: &Task,
) -> candle_core::Result<Vec<Problem>> {
    let mut problems = Vec::new();
    // The head trains whatever is frozen, and its size does not depend on what it is drawn from.
    let model = base.instantiate(task.labels.len(), &mut stream(0, 0, Purpose::HeadWeights))?;
    let least = model.parameters().weights_from(model.blocks().len().saturating_sub(1));
    for (index, constraint) in constraints.iter().enumerate() {
        let least = match constraint.measure() {
            Measure::TrainableParameters => least.parameters,
            Measure::CheckpointBytes => least.bytes,
            _ => continue,
        };
        if constraint.limit() < least as f64 {
            let message = format!("no config keeps {constraint}: the head alone has {least}");
            problems.push(places.problem_at(&format!("constraints[{index}]"), message, Some(format!("write {least} or more"))));
        }
    }
    let measures = constraints.iter().map(|constraint| constraint.measure()).chain(second.map(|second| second.measure));
    let groups: BTreeSet<u32> = task.validation.groups().into_iter().collect();
    if groups.len() < 2 && measures.into_iter().any(|measure| measure == Measure::GroupGap) && !task.groups.is_empty() {
        let message = "the validation split has rows of one group only, so there is no gap to measure".to_owned();
        problems.push(places.problem_at(
            "data.group",
            message,
            Some("name another column, or give a validation file with all groups".to_owned()),
        ));
    }
    Ok(problems)
}

fn check_rank(rank: f64, base: &dyn BaseModel) -> Result<(), (String, String)> {
    match base.widest_lora() {
        None => Err(("`Lora` adapts attention projections, and the model has none".to_owned(), "leave `adapter` out".to_owned())),
        Some(widest) if rank > widest as f64 => {
            Err((format!("`rank` is {rank}, but the model's projections are {widest} wide"), format!("write {widest} or less")))
        }
        Some(_) => Ok(()),
    }
}

/// The same for one config on its own.
pub fn check_config(config: &Config, max_tokens: Option<usize>, base: &dyn BaseModel) -> Result<(), TrialError> {
    let below = base.blocks().len() - 1;
    let depth = freezing::depth(&config.unfreeze);
    if depth as usize > below {
        return Err(TrialError::Other(format!("config.unfreeze names {depth} blocks, but the model has {below} below the head")));
    }
    if let Adapter::Lora { rank, .. } = config.adapter {
        check_rank(f64::from(rank), base).map_err(|(message, hint)| TrialError::Other(format!("config.adapter: {message}: {hint}")))?;
    }
    if let (Takes::Tokens { most, .. }, Some(tokens)) = (base.takes(), max_tokens)
        && tokens > most
    {
        return Err(TrialError::Other(format!("data.max_tokens is {tokens}, but the model takes {most} tokens at most")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use search_spaces::settings::Direction;

    use super::*;
    use crate::{
        data::Groups,
        testing::{self, TinyBert, tiny_bert},
    };

    #[test]
    fn the_same_weights_have_the_same_hash_however_they_are_stored() {
        let hash = |options: &TinyBert| {
            let folder = tempfile::tempdir().unwrap();
            tiny_bert(folder.path(), options).unwrap();
            BertBase::load(folder.path(), &Device::Cpu).unwrap().hash().unwrap()
        };
        let plain = hash(&TinyBert::default());
        assert_eq!(plain, hash(&TinyBert { shards: 3, prefix: true, ..TinyBert::default() }));
        for other in [
            TinyBert { seed: 1, ..TinyBert::default() },
            TinyBert { activation: "relu", ..TinyBert::default() },
            TinyBert { heads: 4, ..TinyBert::default() },
            TinyBert { pooler: false, ..TinyBert::default() },
        ] {
            assert_ne!(plain, hash(&other), "{other:?}");
        }
    }

    #[test]
    fn any_change_of_the_data_has_another_hash() {
        let task = testing::task(6, 4, 2);
        let change = |change: &dyn Fn(&mut TextTask)| {
            let mut other = task.clone();
            change(&mut other);
            other.task().hash()
        };
        let mut hashes = vec![
            task.clone().task().hash(),
            change(&|task| task.train[3].ids[0] += 1),
            change(&|task| task.train[3].types[0] += 1),
            change(&|task| task.train[3].label ^= 1),
            change(&|task| task.train.swap(0, 1)),
            change(&|task| task.labels[0].push('x')),
            change(&|task| task.padding += 1),
            change(&|task| task.test.push(task.validation[3].clone())),
            change(&|task| {
                let last = task.validation.pop().unwrap();
                task.test.insert(0, last);
            }),
        ];
        assert_eq!(hashes[0], change(&|_| {}));
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), 9);
    }

    /// What [`check_goals`] says of a task of four validation examples in these groups.
    fn unmet(constraints: &[Constraint], second: Option<Measure>, validation: [u32; 4]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        tiny_bert(folder.path(), &TinyBert::default()).unwrap();
        let base = BertBase::load(folder.path(), &Device::Cpu).unwrap();
        let mut task = testing::task(6, 4, 2);
        task.groups = Groups {
            names: vec!["film".to_owned(), "game".to_owned()],
            train: vec![0, 1, 0, 1, 0, 1],
            validation: validation.to_vec(),
            test: vec![0, 1],
        };
        let second = second.map(|measure| Second { measure, direction: Direction::Minimize });
        let problems = check_goals(&Places::default(), constraints, second, &base, &task.task()).unwrap();
        problems.into_iter().map(|problem| format!("{}; {}", problem.message, problem.hint.unwrap_or_default())).collect()
    }

    #[test]
    fn limits_that_no_config_keeps_are_told_with_the_least_that_is_possible() {
        // The head of 16 values and three classes: 16 * 3 weights and 3 biases, and those of the pooler, 16 * 16 and 16.
        let head = 16 * 3 + 3 + 16 * 16 + 16;
        let told = |constraints: &[Constraint]| unmet(constraints, None, [0, 1, 0, 1]);
        assert_eq!(
            told(&[
                Constraint::TrainableParameters(head - 1),
                Constraint::CheckpointBytes(4 * head - 1),
                Constraint::SecondsPerEpoch(1e-9)
            ]),
            [
                format!("no config keeps trainable_parameters <= {}: the head alone has {head}; write {head} or more", head - 1),
                format!(
                    "no config keeps checkpoint_bytes <= {}: the head alone has {}; write {} or more",
                    4 * head - 1,
                    4 * head,
                    4 * head
                ),
            ]
        );
        assert_eq!(told(&[Constraint::TrainableParameters(head), Constraint::CheckpointBytes(4 * head)]), Vec::<String>::new());
    }

    #[test]
    fn a_gap_needs_two_groups_in_the_validation_split() {
        let expected = ["the validation split has rows of one group only, so there is no gap to measure; name another column, or give a \
                         validation file with all groups"];
        assert_eq!(unmet(&[Constraint::GroupGap(0.1)], None, [1; 4]), expected);
        assert_eq!(unmet(&[], Some(Measure::GroupGap), [0; 4]), expected);
        assert_eq!(unmet(&[Constraint::GroupGap(0.1)], None, [0, 0, 0, 1]), Vec::<String>::new());
        // Nobody asks for it.
        assert_eq!(unmet(&[], Some(Measure::TrainableParameters), [0; 4]), Vec::<String>::new());
    }
}
