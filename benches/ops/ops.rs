//! The operations with gradients of their own, at the sizes that models have them: `cargo bench -p benches --bench ops`.
//!
//! Where an operation is mostly products, the throughput is theirs: read `Gelem/s` as GFLOP/s and hold it against the machine's, which is told
//! first. `RAYON_NUM_THREADS` says how many threads. Backward begins with a sum, which costs a pass over the output.

use std::{cell::RefCell, hint::black_box, time::Duration};

use benches::limit;
use candle_core::{DType, Device, Result, Tensor, Var};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use search_spaces::config;
use trials::{
    ops::{self, Activation, Clamp, Dropout, Heads, Stride},
    optimizers::{Optimizer, Update},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn variable(shape: &[usize]) -> Var {
    let values: Vec<f32> = (0..shape.iter().product::<usize>()).map(|i| (i * 7919 % 1013) as f32 / 1013.0 - 0.5).collect();
    let tensor = Tensor::from_vec(values, shape, &Device::Cpu).expect("as many values as the shape asks for");
    Var::from_tensor(&tensor).expect("memory for a copy")
}

/// Times `f` of variables of these shapes, alone and with its backward. `operations` are those of the products of a forward pass.
fn time(criterion: &mut Criterion, name: &str, operations: Option<usize>, shapes: &[&[usize]], f: impl Fn(&[Var]) -> Result<Tensor>) {
    let variables: Vec<Var> = shapes.iter().map(|shape| variable(shape)).collect();
    let run = || f(&variables).expect("shapes that fit");
    let mut group = criterion.benchmark_group(name);
    let count = |passes: usize| operations.map(|operations| Throughput::Elements((passes * operations) as u64));
    if let Some(count) = count(1) {
        group.throughput(count);
    }
    group.bench_function("forward", |bencher| bencher.iter(|| black_box(run())));
    if let Some(count) = count(3) {
        group.throughput(count);
    }
    group.bench_function("forward and backward", |bencher| {
        bencher.iter(|| black_box(ops::backward(&run().sum_all().expect("a sum")).expect("gradients")));
    });
    group.finish();
}

/// MiniLM's with 16 texts of 64 tokens.
fn texts(criterion: &mut Criterion) {
    limit::tell();
    let (batch, tokens, hidden, wide) = (16, 64, 384, 1536);
    let rows = batch * tokens;
    for (features, out) in [(hidden, hidden), (hidden, wide), (wide, hidden)] {
        let shapes: [&[usize]; 3] = [&[rows, features], &[out, features], &[out]];
        let name = format!("linear {rows} x {features} to {out}");
        time(criterion, &name, Some(2 * rows * features * out), &shapes, |v| ops::linear(&v[0], &v[1], &v[2]));
    }
    let mask = Tensor::ones((batch, tokens), DType::F32, &Device::Cpu).expect("a mask");
    let heads = Heads { count: 12, dropout: Dropout { rate: 0.1, key: 1 } };
    let shape: &[usize] = &[batch, tokens, hidden];
    time(criterion, "attention 16 x 64 x 384, 12 heads", Some(4 * rows * tokens * hidden), &[shape; 3], |v| {
        ops::attention(&v[0], &v[1], &v[2], &mask, heads)
    });
    time(criterion, "layer norm 1024 x 384", None, &[&[rows, hidden], &[hidden], &[hidden]], |v| {
        ops::layer_norm(&v[0], &v[1], &v[2], 1e-12)
    });
    time(criterion, "GELU 1024 x 1536", None, &[&[rows, wide]], |v| ops::activation(&v[0], Activation::Gelu));
    time(criterion, "dropout and sum 1024 x 384", None, &[&[rows, hidden], &[rows, hidden]], |v| {
        ops::dropout_add(&v[0], &v[1], Dropout { rate: 0.1, key: 1 })
    });
    let ids: Vec<u32> = (0..rows as u32).map(|i| i * 6007 % 30_522).collect();
    let ids = Tensor::from_vec(ids, (batch, tokens), &Device::Cpu).expect("ids");
    time(criterion, "embedding 1024 of 30522 x 384", None, &[&[30_522, hidden]], |v| ops::embedding(&v[0], &ids));
}

/// ResNet-20's with 128 images of 32 x 32, ResNet-18's and MobileNetV2's with 16 of 128 x 128.
fn images(criterion: &mut Criterion) {
    let convolutions = [
        (128, 32, 16, 16, 3, 1),
        (128, 16, 32, 32, 3, 1),
        (128, 8, 64, 64, 3, 1),
        (128, 32, 16, 32, 3, 2),
        (16, 128, 3, 64, 7, 2),
        (16, 32, 64, 64, 3, 1),
        (16, 16, 128, 128, 3, 1),
        (16, 8, 256, 256, 3, 1),
        (16, 4, 512, 512, 3, 1),
        (16, 64, 16, 96, 1, 1),
        (16, 32, 144, 24, 1, 1),
    ];
    for (batch, side, features, out, kernel, step) in convolutions {
        let stride = Stride { step, padding: kernel / 2 };
        let shapes: [&[usize]; 2] = [&[batch, side, side, features], &[out, kernel, kernel, features]];
        let pixels = batch * (side / step) * (side / step);
        let name = format!("convolution {batch} x {side} x {side} x {features} to {out}, {kernel} wide, step {step}");
        time(criterion, &name, Some(2 * pixels * kernel * kernel * features * out), &shapes, |v| ops::convolution(&v[0], &v[1], stride));
    }
    for (side, channels, step) in [(64, 32, 1), (32, 144, 1), (64, 96, 2), (8, 384, 1)] {
        let shapes: [&[usize]; 2] = [&[16, side, side, channels], &[3, 3, channels]];
        let name = format!("depthwise 16 x {side} x {side} x {channels}, step {step}");
        time(criterion, &name, None, &shapes, |v| ops::depthwise(&v[0], &v[1], Stride { step, padding: 1 }));
    }
    for (batch, side, channels) in [(128, 32, 16), (16, 64, 96)] {
        let shapes: [&[usize]; 3] = [&[batch, side, side, channels], &[channels], &[channels]];
        time(criterion, &format!("batch norm {batch} x {side} x {side} x {channels}"), None, &shapes, |v| {
            Ok(ops::batch_norm(&v[0], &v[1], &v[2], 1e-5, Clamp::RELU)?.0)
        });
    }
    let shape: &[usize] = &[128, 32, 32, 16];
    time(criterion, "clamped sum 128 x 32 x 32 x 16", None, &[shape, shape], |v| ops::add(&v[0], &v[1], Clamp::RELU));
}

/// Of a matrix, and of MiniLM's table of words.
fn optimizers(criterion: &mut Criterion) {
    let rules = [
        ("SGD with momentum", config::Optimizer::Sgd { learning_rate: 0.1, momentum: 0.9, nesterov: false, l2: 1e-4 }),
        ("AdamW", config::Optimizer::AdamW { learning_rate: 1e-5, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 }),
        ("RMSprop", config::Optimizer::RmsProp { learning_rate: 1e-4, alpha: 0.99, epsilon: 1e-8, momentum: 0.9, centered: true, l2: 0.0 }),
    ];
    for (name, rule) in rules {
        let mut group = criterion.benchmark_group(name);
        for shape in [[1536, 384], [30_522, 384]] {
            let (parameter, gradient) = (variable(&shape), variable(&shape));
            let optimizer = RefCell::new(Optimizer::new(&rule));
            let update = Update { count: 0, learning_rate: 1e-5, decays: true, gradient_scale: 1.0 };
            group.bench_function(format!("{} x {}", shape[0], shape[1]), |bencher| {
                bencher.iter(|| optimizer.borrow_mut().step("p", &parameter, &gradient, update).expect("a step"));
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = operations;
    config = Criterion::default().measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500)).sample_size(20).without_plots();
    targets = texts, images, optimizers
}
criterion_main!(operations);
