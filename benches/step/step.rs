//! Seconds of a whole training step, through the trainer that a sweep uses: batch, forward, backward, clipping off, optimizer.
//!
//! `cargo run --release -p benches --example step -- MODEL BATCH SIZE THREADS [LOWEST] [STEPS]`
//!
//! `SIZE` is the tokens of a text or the side of an image, `LOWEST` the lowest block that trains (0: all). Texts train with AdamW and dropout
//! 0.1, images with SGD with momentum. Prints JSON: the median, the least, and the most memory the process had. `compare.py` runs it in turn with
//! PyTorch.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::{env, path::Path};

use benches::step::{Failure, Work};
use candle_core::Device;
use engine::clock::Stopwatch;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    let work = Work::with(model, batch, size, lowest, &Device::Cpu)?;
    let mut trainer = work.trainer()?;
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
