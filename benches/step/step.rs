//! Seconds of a whole training step, through the trainer that a sweep uses: batch, forward, backward, clipping off, optimizer.
//!
//! `cargo run --release -p benches --example step -- MODEL BATCH SIZE THREADS [LOWEST] [STEPS]`
//!
//! `SIZE` is the tokens of a text or the side of an image, `LOWEST` the lowest block that trains (0: all). Texts train with AdamW and dropout
//! 0.1, images with SGD with momentum. Prints JSON: the median, the least, and the most memory the process had. `compare.py` runs it in turn with
//! PyTorch.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::{env, error::Error, path::Path, sync::Arc};

use candle_core::Device;
use engine::clock::Stopwatch;
use search_spaces::{
    config::{Adapter, Augment, ClassWeights, Config, DecayOn, Dropout, FrozenNorm, Keep, Optimizer, Rate, Schedule, Unfreeze},
    ladder::Ladder,
    settings::{Direction, Metric, Objective},
};
use trials::{
    data::{Example, Examples, Task, Texts, image::Images},
    metrics::Measures,
    models::{BaseModel, Takes},
    prepare::load_base,
    trainer::{Job, Trainer},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [model, batch, size, threads, rest @ ..] = &arguments[..] else {
        return Err("usage: MODEL BATCH SIZE THREADS [LOWEST] [STEPS]".into());
    };
    let number = |index: usize, usual: usize| rest.get(index).map_or(Ok(usual), |text| text.parse::<usize>());
    let (lowest, steps) = (number(0, 0)?, number(1, 8)?);
    let (batch, size, threads) = (batch.parse()?, size.parse()?, threads.parse()?);
    // candle walks the graph recursively. Work is shared out over the pool it runs in.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(16 << 20).build()?;
    pool.install(|| time(Path::new(model), batch, size, lowest, steps))
}

fn time(model: &Path, batch: usize, size: usize, lowest: usize, steps: usize) -> Result<(), Failure> {
    let base = load_base(model, &Device::Cpu)?;
    let (examples, optimizer) = match base.takes() {
        Takes::Tokens { vocabulary, .. } => {
            let optimizer = Optimizer::AdamW { learning_rate: 1e-5, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 };
            (texts(4 * batch, size, vocabulary as u32), optimizer)
        }
        Takes::Pixels(format) => {
            let count = 4 * batch;
            let pixels = (0..count * size * size * format.channels()).map(|i| (i * 7919 % 251) as u8).collect();
            let labels = (0..count as u32).map(|row| row % 10).collect();
            let images = Images { pixels, labels, rows: (0..count as u64).collect(), side: size, format };
            let optimizer = Optimizer::Sgd { learning_rate: 1e-4, momentum: 0.9, nesterov: false, l2: 1e-4 };
            (Arc::new(images) as Arc<dyn Examples>, optimizer)
        }
    };
    let task = Task {
        validation: examples.subset(&[0]),
        test: examples.subset(&[]),
        train: examples,
        labels: (0..10).map(|label| label.to_string()).collect(),
    };
    let config = config(batch, optimizer, base.as_ref(), lowest);
    let ladder = Ladder { eta: 3, rungs: vec![1_000_000] };
    let measures = Measures::default();
    let mut trainer = Trainer::new(Job {
        task: &task,
        base: base.as_ref(),
        measures: &measures,
        objective: Objective { metric: Metric::Accuracy, direction: Direction::Maximize },
        config: &config,
        ladder: &ladder,
        eval_every: 1.0,
        seed: 0,
        trial: 0,
    })?;
    // The first steps warm caches and buffers up.
    let mut seconds = Vec::new();
    for step in 0..steps + 2 {
        let watch = Stopwatch::start();
        trainer.train_step()?;
        if step >= 2 {
            seconds.push(watch.seconds());
        }
    }
    seconds.sort_by(f64::total_cmp);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB").trim().trim_end_matches(" kB").to_owned();
    println!("{{\"median\": {:.4}, \"least\": {:.4}, \"peak_kb\": {peak}}}", seconds[seconds.len() / 2], seconds[0]);
    Ok(())
}

fn texts(count: usize, tokens: usize, vocabulary: u32) -> Arc<dyn Examples> {
    let example = |row: usize| Example {
        ids: (0..tokens).map(|i| (row as u32 * 6_007 + i as u32 * 101) % vocabulary).collect(),
        types: vec![0; tokens],
        label: row as u32 % 2,
        row: row as u64,
    };
    Arc::new(Texts { examples: (0..count).map(example).collect(), padding: 0 })
}

fn config(batch: usize, optimizer: Optimizer, base: &dyn BaseModel, lowest: usize) -> Config {
    let rate = if matches!(base.takes(), Takes::Tokens { .. }) { 0.1 } else { 0.0 };
    let below = base.blocks().len() - 1;
    Config {
        epochs: 1000,
        batch_size: batch as u32,
        optimizer,
        decay_on: DecayOn::Matrices,
        schedule: Schedule::Constant,
        warmup: 0.0,
        unfreeze: if lowest == 0 { Unfreeze::Everything } else { Unfreeze::LastBlocks { k: (below - lowest) as u32 } },
        adapter: Adapter::Off,
        dropout: Dropout { hidden: Rate::Constant(rate), attention: Rate::Constant(rate), classifier: Rate::Constant(rate) },
        label_smoothing: 0.0,
        clip_norm: None,
        layer_decay: 1.0,
        early_stopping: None,
        keep: Keep::Last,
        class_weights: ClassWeights::Off,
        micro_batch: None,
        augment: Augment::NONE,
        frozen_norm: FrozenNorm::Running,
    }
}
