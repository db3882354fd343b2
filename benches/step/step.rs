//! Seconds of a training step's forward and backward pass on a BERT folder: batch 16 x 64 tokens, dropout 0.1.
//!
//! `cargo run --release -p benches --example step -- MODEL_DIR THREADS [LOWEST_THAWED] [STEPS]`
//!
//! Shows neither the optimizer nor data loading nor evaluation.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::{env, error::Error, path::Path};

use candle_core::Device;
use engine::{
    clock::Stopwatch,
    streams::{Purpose, stream},
};
use trials::{
    data::{Example, batch::Batch},
    models::{BaseModel, DropoutRates, Pass, bert::BertBase},
    ops::{backward, cross_entropy},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, rest @ ..] = &arguments[..] else { return Err("usage: MODEL_DIR THREADS [LOWEST_THAWED] [STEPS]".into()) };
    let numbers = rest.iter().map(|a| a.parse()).collect::<Result<Vec<usize>, _>>()?;
    let number = |index: usize, default| numbers.get(index).copied().unwrap_or(default);
    let (threads, lowest, steps) = (number(0, 1), number(1, 0), number(2, 7));

    // Work is shared out over the pool it runs in.
    rayon::ThreadPoolBuilder::new().num_threads(threads).build()?.install(|| time(folder, threads, lowest, steps))
}

fn time(folder: &str, threads: usize, lowest: usize, steps: usize) -> Result<(), Box<dyn Error + Send + Sync>> {
    let base = BertBase::load(Path::new(folder), &Device::Cpu)?;
    let mut model = base.instantiate(2, &mut stream(0, 0, Purpose::HeadWeights))?;
    model.parameters_mut().thaw_from(lowest)?;
    let words = base.config().vocabulary as u32;
    let examples: Vec<Example> = (0..16u32)
        .map(|row| {
            let ids = (0..64).map(|i| (row * 6_007 + i * 101) % words).collect();
            Example { ids, types: vec![0; 64], label: row % 2, row: u64::from(row) }
        })
        .collect();
    let batch = Batch::new(&examples.iter().collect::<Vec<_>>(), 0, &Device::Cpu)?;
    let dropout = DropoutRates { hidden: 0.1, attention: 0.1, classifier: 0.1 };

    let (mut forwards, mut backwards) = (Vec::new(), Vec::new());
    for key in 0..=steps as u64 {
        let pass = Pass { training: true, lowest_thawed: lowest, dropout, key };
        let watch = Stopwatch::start();
        let logits = model.forward(&batch, &pass)?;
        let loss = cross_entropy(&logits, &batch.labels, 0.0)?;
        let forward = watch.seconds();
        drop(backward(&loss)?);
        let backward = watch.seconds() - forward;
        // The first step warms caches and buffers up.
        if key > 0 {
            forwards.push(forward);
            backwards.push(backward);
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let least = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
    let (fastest_forward, fastest_backward) = (least(&forwards), least(&backwards));
    println!(
        "{threads} threads, blocks from {lowest}: forward {:.3} s (least {fastest_forward:.3}), backward {:.3} s (least {fastest_backward:.3})",
        median(&mut forwards),
        median(&mut backwards),
    );
    Ok(())
}
