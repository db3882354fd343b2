//! Whole training steps through the trainer, of networks of the usual sizes with weights that nobody trained:
//! `cargo bench -p benches --bench steps`.
//!
//! Threads are as many as `RAYON_NUM_THREADS` says. Shows seconds a step, not what is learnt; `compare.py` compares with PyTorch.

use std::time::Duration;

use benches::{limit, step::Work};
use candle_core::Device;
use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn steps(criterion: &mut Criterion) {
    limit::tell();
    let mut group = criterion.benchmark_group("step");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    // Tokens of a text or side of an image.
    for (network, batch, size) in [("minilm", 16, 64), ("resnet20", 128, 32), ("resnet18", 16, 128), ("mobilenet", 16, 128)] {
        let work = Work::untrained(network, batch, size, &Device::Cpu).expect("a network that can be read");
        let mut trainer = work.trainer().expect("a trial that begins");
        group.bench_function(format!("{network}, {batch} of {size}"), |bencher| bencher.iter(|| trainer.train_step().expect("a step")));
    }
    let work = Work::untrained("minilm", 16, 64, &Device::Cpu).expect("a network that can be read").clipped(1.0);
    let mut trainer = work.trainer().expect("a trial that begins");
    group.bench_function("minilm, 16 of 64, clipped", |bencher| bencher.iter(|| trainer.train_step().expect("a step")));
    group.finish();
}

criterion_group! {
    name = whole_steps;
    config = Criterion::default().measurement_time(Duration::from_secs(12)).without_plots();
    targets = steps
}
criterion_main!(whole_steps);
