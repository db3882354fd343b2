//! Whole training runs against PyTorch: `fixtures/courses.py` made the files.
//!
//! Layer-wise decay, clipping, warm-up and schedule, label smoothing, class weights, weight decay, blocks that thaw on the way, running
//! statistics of frozen and of thawed blocks: all at once, over two passes of four batches.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use candle_core::{Device, Tensor};
use search_spaces::config::{ClassWeights, DecayOn, Dropout, FrozenNorm, Rate};

use super::*;
use crate::{
    data::{Example, Examples, Texts, image::Images, order},
    models::{BaseModel, Takes, bert::BertBase, convnet::ConvNetBase},
    parameters::Role,
};

/// What PyTorch did.
struct Course(BTreeMap<String, Tensor>);

impl Course {
    fn of(name: &str) -> Course {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/trainer/fixtures/{name}.safetensors"));
        Course(candle_core::safetensors::load(file, &Device::Cpu).unwrap().into_iter().collect())
    }

    fn whole(&self, name: &str) -> Vec<u32> {
        self.0[name].flatten_all().unwrap().to_vec1().unwrap()
    }

    fn numbers(&self, name: &str) -> Vec<f32> {
        values(&self.0[name])
    }
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// A task that trains on `examples`.
fn task(examples: Arc<dyn Examples>, classes: usize) -> Task {
    Task {
        validation: examples.subset(&[0]),
        test: examples.subset(&[]),
        train: examples,
        labels: (0..classes).map(|label| label.to_string()).collect(),
        groups: Vec::new(),
    }
}

fn texts(course: &Course) -> Task {
    let (ids, labels) = (course.whole("ids"), course.whole("labels"));
    let mut start = 0;
    let mut example = |row: usize, length: u32| {
        let ids = ids[start..start + length as usize].to_vec();
        start += length as usize;
        Example { types: vec![0; ids.len()], ids, label: labels[row], row: row as u64 }
    };
    let examples = course.whole("lengths").into_iter().enumerate().map(|(row, length)| example(row, length)).collect();
    task(Arc::new(Texts { examples, padding: 0, groups: Vec::new() }), 4)
}

fn images(course: &Course, base: &dyn BaseModel) -> Task {
    let Takes::Pixels(format) = base.takes() else { panic!("a network of images") };
    let labels = course.whole("labels");
    let side = course.0["pixels"].dims()[1];
    let pixels = course.whole("pixels").into_iter().map(|pixel| u8::try_from(pixel).unwrap()).collect();
    task(Arc::new(Images { pixels, rows: (0..labels.len() as u64).collect(), labels, side, format }), 5)
}

fn still() -> Dropout {
    let none = || Rate::Constant(0.0);
    Dropout { hidden: none(), attention: none(), classifier: none() }
}

fn bert_config() -> Config {
    Config {
        optimizer: Optimizer::AdamW { learning_rate: 0.01, beta1: 0.9, beta2: 0.98, epsilon: 1e-3, weight_decay: 0.1 },
        decay_on: DecayOn::Matrices,
        schedule: Schedule::Linear { end: 0.0 },
        warmup: 0.25,
        dropout: still(),
        label_smoothing: 0.1,
        class_weights: ClassWeights::Balanced,
        clip_norm: Some(1.5),
        layer_decay: 0.8,
        ..testing::trial_config()
    }
}

fn cifar_config() -> Config {
    Config {
        optimizer: Optimizer::Sgd { learning_rate: 0.02, momentum: 0.9, nesterov: true, l2: 0.01 },
        decay_on: DecayOn::Everything,
        schedule: Schedule::Cosine { end: 0.1 },
        warmup: 0.375,
        dropout: still(),
        label_smoothing: 0.05,
        clip_norm: Some(4.0),
        layer_decay: 0.9,
        ..testing::trial_config()
    }
}

/// Trains as the fixture says, from `head`'s weights, and compares every step's loss and all that it leaves. `micro_batch` is the job's own.
fn compare(name: &str, base: &dyn BaseModel, head: &BTreeMap<String, Tensor>, task: &Task, config: &Config, micro_batch: Option<u32>) {
    let course = Course::of(name);
    let ladder = Ladder { eta: 3, rungs: vec![u64::from(config.epochs) * task.train.len() as u64], ..Ladder::default() };
    let measures = Measures::default();
    let job = Job {
        task,
        base,
        measures: &measures,
        objective: OBJECTIVE,
        config,
        micro_batch,
        ladder: &ladder,
        eval_every: 1e-9,
        seed: 5,
        trial: 3,
        alive: &|| (),
    };
    let batches: Vec<Vec<usize>> =
        (0..2).flat_map(|epoch| order::batches(&task.train.lengths(), config.batch_size as usize, job.seed, job.trial, epoch)).collect();
    let found: Vec<u32> = batches.concat().into_iter().map(|index| index as u32).collect();
    assert_eq!(found, course.whole("batches"), "{name}: the batches of the fixture should be {batches:?}");

    let mut trainer = Trainer::new(job).unwrap();
    let top = trainer.model.blocks().len() - 1;
    trainer.model.parameters_mut().thaw_from(top).unwrap();
    for (parameter, var) in trainer.model.parameters().thawed() {
        if let Some(weights) = head.get(&parameter.name) {
            var.set(weights).unwrap();
        }
    }
    // Evaluated at every step, so that each has a training loss of its own.
    let losses: Vec<f64> = train(&mut trainer, u64::MAX).iter().map(|evaluation| evaluation.train_loss).collect();
    let expected = course.numbers("losses");
    assert_eq!((losses.len(), expected.len()), (8, 8), "{name}");
    for (step, (found, expected)) in losses.iter().zip(&expected).enumerate() {
        let off = (found - f64::from(*expected)).abs() / f64::from(*expected);
        assert!(off < 1e-5, "{name}: the loss of step {step} is {found}, for {expected}");
    }
    for parameter in trainer.model.parameters().iter() {
        let found = values(&parameter.layout.in_file(parameter.tensor()).unwrap());
        let expected = course.numbers(&format!("after/{}", parameter.name));
        let largest = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
        let off = found.iter().zip(&expected).fold(0f32, |most, (a, b)| most.max((a - b).abs())) / largest;
        assert!(off < 1e-4, "{name}: {} differs by {off:.1e}", parameter.name);
    }
    let known = trainer.model.parameters().iter().count();
    assert_eq!(known, course.0.keys().filter(|name| name.starts_with("after/")).count(), "{name}: nothing was left out");
}

fn compare_bert(name: &str, config: &Config, micro_batch: Option<u32>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny-bert");
    let base = BertBase::load(&folder, &Device::Cpu).unwrap();
    let head = candle_core::safetensors::load(folder.join("model.safetensors"), &Device::Cpu).unwrap().into_iter().collect();
    compare(name, &base, &head, &texts(&Course::of(name)), config, micro_batch);
}

fn compare_cifar(name: &str, config: &Config) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/models/convnet/fixtures/cifar.safetensors");
    let base = ConvNetBase::load(&file, &Device::Cpu).unwrap();
    let head = candle_core::safetensors::load(file, &Device::Cpu).unwrap().into_iter().collect();
    compare(name, &base, &head, &images(&Course::of(name), &base), config, None);
}

#[test]
fn a_bert_trains_as_pytorchs_does_and_in_parts_too() {
    for micro_batch in [None, Some(3), Some(1)] {
        compare_bert("bert", &Config { micro_batch, ..bert_config() }, None);
    }
    // As where a device's memory is too little for the config's own.
    compare_bert("bert", &bert_config(), Some(2));
    compare_bert("bert", &Config { micro_batch: Some(3), ..bert_config() }, Some(1));
}

#[test]
fn blocks_that_thaw_on_the_way_train_as_pytorchs_do() {
    compare_bert("thawed", &Config { unfreeze: Unfreeze::Progressive { start: 1, blocks: 1, every: 0.5 }, ..bert_config() }, None);
}

#[test]
fn a_network_of_images_trains_as_pytorchs_does() {
    compare_cifar("cifar", &cifar_config());
}

#[test]
fn frozen_batch_norm_is_pytorchs_in_both_modes() {
    for (name, frozen_norm) in [("top", FrozenNorm::Running), ("top-of-batch", FrozenNorm::Batch)] {
        compare_cifar(name, &Config { unfreeze: Unfreeze::LastBlocks { k: 2 }, frozen_norm, ..cifar_config() });
    }
}

/// All that two steps leave, bit by bit: the loss, every gradient, weights, running statistics and optimizer state.
fn bits(base: &dyn BaseModel, task: &Task, config: &Config, threads: usize) -> Vec<u32> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(16 << 20).build().unwrap();
    pool.install(|| {
        let ladder = Ladder { eta: 3, rungs: vec![1000], ..Ladder::default() };
        let measures = Measures::default();
        let job = Job {
            task,
            base,
            measures: &measures,
            objective: OBJECTIVE,
            config,
            micro_batch: None,
            ladder: &ladder,
            eval_every: 1.0,
            seed: 5,
            trial: 3,
            alive: &|| (),
        };
        let mut trainer = Trainer::new(job).unwrap();
        trainer.model.parameters_mut().thaw_from(0).unwrap();
        let batch = task.train.batch(&(0..config.batch_size as usize).collect::<Vec<_>>(), base.device()).unwrap();
        let pass =
            crate::models::Pass { training: true, key: 9, dropout: dropout(&config.dropout, 0, 10), ..crate::models::Pass::evaluation() };
        let loss = crate::ops::cross_entropy(&trainer.model.forward(&batch, &pass).unwrap(), &batch.labels, 0.1).unwrap();
        let gradients = crate::ops::backward(&loss).unwrap();
        let mut all = values(&loss);
        let trained = trainer.model.parameters().thawed().filter(|(parameter, _)| parameter.role != Role::Buffer);
        all.extend(trained.flat_map(|(_, var)| values(gradients.get(var).unwrap())));
        for _ in 0..2 {
            trainer.train_step().unwrap();
        }
        all.extend(trainer.model.parameters().iter().flat_map(|parameter| values(parameter.tensor())));
        for saved in trainer.optimizer.save().unwrap() {
            all.extend_from_slice(&saved.values);
        }
        all.into_iter().map(f32::to_bits).collect()
    })
}

fn assert_same_bits(name: &str, base: &dyn BaseModel, task: &Task, config: &Config) {
    let one = bits(base, task, config, 1);
    for threads in [2, 3] {
        assert!(one == bits(base, task, config, threads), "{name} differs with {threads} threads");
    }
}

#[test]
fn a_whole_bert_has_the_same_bits_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let options = testing::TinyBert { hidden: 96, heads: 4, layers: 3, ..testing::TinyBert::default() };
    testing::tiny_bert(folder.path(), &options).unwrap();
    let base = BertBase::load(folder.path(), &Device::Cpu).unwrap();
    let example = |row: u32| Example {
        ids: (0..40 + row % 9).map(|i| (row * 31 + i * 7) % 103).collect(),
        types: (0..40 + row % 9).map(|i| i / 30).collect(),
        label: row % 3,
        row: u64::from(row),
    };
    let task = task(Arc::new(Texts { examples: (0..48).map(example).collect(), padding: 0, groups: Vec::new() }), 3);
    let rate = || Rate::Constant(0.1);
    let config = Config {
        batch_size: 16,
        dropout: Dropout { hidden: rate(), attention: rate(), classifier: rate() },
        clip_norm: Some(0.5),
        ..testing::trial_config()
    };
    assert_same_bits("BERT", &base, &task, &config);
}

#[test]
fn whole_networks_of_images_have_the_same_bits_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let format = crate::data::pixels::PixelFormat { side: 32, mean: vec![0.5; 3], deviation: vec![0.25; 3] };
    let network = crate::models::convnet::Untrained { widths: [16, 32, 64], depth: 1, format };
    network.write(folder.path(), &mut engine::streams::stream(1, 0, engine::streams::Purpose::HeadWeights)).unwrap();
    let fixture = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/models/convnet/fixtures/{name}.safetensors"));
    for (file, side, batch) in
        [(folder.path().to_owned(), 32, 12), (fixture("basic"), 64, 12), (fixture("bottleneck"), 50, 12), (fixture("mobilenet"), 96, 20)]
    {
        let base = ConvNetBase::load(&file, &Device::Cpu).unwrap();
        let labels: Vec<u32> = (0..2 * batch as u32).map(|row| row % 5).collect();
        let pixels = (0..labels.len() * side * side * 3).map(|i| (i * 7919 % 251) as u8).collect();
        let rows = (0..labels.len() as u64).collect();
        let task = task(Arc::new(Images { pixels, labels, rows, side, format: base.format().clone() }), 5);
        let config = Config { batch_size: batch as u32, clip_norm: Some(0.5), ..cifar_config() };
        assert_same_bits(&file.display().to_string(), &base, &task, &config);
    }
}
