//! Every network's loss, gradients, buffers and optimizer steps on a device against the CPU, and seconds a training step there.
//!
//! `cargo run --release -p benches --features cuda --example compare_device -- cuda:0 [STEPS]`
//!
//! Ends with exit code 1 where something lies further apart than its limit: products are summed in another order there, and every difference is
//! taken relative to the largest number of its tensor. Where an activation is nearly 0, such a difference opens or closes a ReLU, and a gradient jumps: how far
//! is found out on the CPU, with weights whose last bits are changed. What it does not show: whether training ends as well; sweeps of the quick start on both do.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::{env, error::Error, fs, process::ExitCode};

use benches::{networks, step::Work};
use candle_core::{DType, Device, Result, Tensor};
use engine::{
    clock::Stopwatch,
    devices::parse_devices,
    streams::{Purpose, stream},
};
use search_spaces::config::{FrozenNorm, Optimizer as Rule};
use trials::{
    data::Examples,
    models::{DropoutRates, Model, Pass},
    ops,
    optimizers::{Optimizer, Update},
    parameters::Role,
    prepare::load_base,
};

/// Of gradients and buffers: sums of thousands of products of `f32` numbers.
const GRADIENTS: f64 = 2e-3;
/// Times that the last bits of all weights are changed on the CPU, and how often what this does to the network's worst gradient or buffer is taken for rounding.
const NUDGES: u64 = 3;
const AS_ROUNDING: f64 = 3.0;
const NOTHING: f64 = 1e-3;
/// Of an optimizer's step from the same gradient: a few operations on each number.
const STEPS: f64 = 1e-5;
/// Networks, examples a batch, and the tokens of a text or the side of an image.
const WORK: [(&str, usize, usize); 4] = [("minilm", 16, 64), ("resnet20", 32, 32), ("resnet18", 8, 64), ("mobilenet", 8, 64)];

fn main() -> std::result::Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let name = arguments.first().ok_or("usage: DEVICE [STEPS]")?;
    let steps: usize = arguments.get(1).map_or(Ok(20), |text| text.parse())?;
    let found = parse_devices(name, 1, &["cuda", "metal"])?;
    let device = trials::device::open(found[0].device)?;
    let mut holds = true;
    for (network, batch, size) in WORK {
        for row in compare(network, batch, size, &device)? {
            let held = row.apart <= row.limit;
            holds &= held;
            println!("{network:10} {:84} {:9.2e} {}", row.what, row.apart, if held { "" } else { "TOO FAR" });
        }
    }
    for (network, batch, size) in WORK {
        for on in [&Device::Cpu, &device] {
            println!("{network:10} {batch} x {size}: {:.4} s a step on {:?}", seconds(network, batch, size, on, steps)?, on.location());
        }
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Row {
    what: String,
    /// The largest difference, relative to the largest number.
    apart: f64,
    limit: f64,
}

/// By parameter.
type Tensors = Vec<(String, Tensor)>;

/// What a step computes.
struct Step {
    loss: Tensor,
    logits: Tensor,
    gradients: Tensors,
    buffers: Tensors,
}

fn gradients(step: &Step) -> &Tensors {
    &step.gradients
}

fn buffers(step: &Step) -> &Tensors {
    &step.buffers
}

/// How far the tensors that are furthest apart are, and which. Some are 0 but for rounding, as the gradient of attention's key bias is, which changes no output: where all
/// numbers are below [`NOTHING`] of the network's largest, that is what the difference is relative to.
fn furthest<'a>(here: &'a Tensors, there: &Tensors) -> Result<Option<(f64, &'a str)>> {
    let mut network = 0f64;
    for (_, a) in here {
        network = network.max(largest(&values(a)?));
    }
    let mut found = Vec::new();
    for ((name, a), (_, b)) in here.iter().zip(there) {
        let of_own = largest(&values(a)?);
        found.push((apart(a, b)? * of_own / of_own.max(NOTHING * network), name.as_str()));
    }
    Ok(found.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)))
}

fn compare(network: &str, batch: usize, size: usize, device: &Device) -> std::result::Result<Vec<Row>, Box<dyn Error + Send + Sync>> {
    let folder = env::temp_dir().join(format!("thawline-device-{}-{network}", std::process::id()));
    fs::create_dir_all(&folder)?;
    networks::write(network, &folder)?;
    let examples = Work::with(&folder, batch, size, 0, &Device::Cpu)?.examples();
    let (on_cpu, cpu_model) = step(&folder, examples.as_ref(), batch, &Device::Cpu, 0)?;
    let (there, model) = step(&folder, examples.as_ref(), batch, device, 0)?;
    let mut nudged = Vec::new();
    for nudge in 1..=NUDGES {
        nudged.push(step(&folder, examples.as_ref(), batch, &Device::Cpu, nudge)?.0);
    }
    fs::remove_dir_all(&folder)?;
    let mut rows = vec![
        Row { what: "loss".to_owned(), apart: apart(&on_cpu.loss, &there.loss)?, limit: 1e-4 },
        Row { what: "logits in evaluation".to_owned(), apart: apart(&on_cpu.logits, &there.logits)?, limit: 1e-3 },
    ];
    for (kind, of) in [("gradient", gradients as fn(&Step) -> &Tensors), ("buffer", buffers)] {
        let (cpu, other) = (of(&on_cpu), of(&there));
        if cpu.len() != other.len() {
            return Err(format!("{} of {kind} on the CPU, {} on the device", cpu.len(), other.len()).into());
        }
        let Some((most, name)) = furthest(cpu, other)? else { continue };
        let mut rounding = 0f64;
        for nudged in &nudged {
            rounding = rounding.max(furthest(cpu, of(nudged))?.map_or(0.0, |(most, _)| most));
        }
        let what = format!("{} {kind}s, {name} (CPU, last bits changed: {rounding:.1e})", cpu.len());
        rows.push(Row { what, apart: most, limit: GRADIENTS.max(AS_ROUNDING * rounding) });
    }
    for (name, rule) in rules() {
        rows.push(Row {
            what: name.to_owned(),
            apart: optimized(&rule, &on_cpu, cpu_model.as_ref(), model.as_ref(), device)?,
            limit: STEPS,
        });
    }
    Ok(rows)
}

fn rules() -> [(&'static str, Rule); 5] {
    let (learning_rate, epsilon, l2) = (1e-3, 1e-8, 1e-4);
    [
        ("SGD", Rule::Sgd { learning_rate, momentum: 0.9, nesterov: false, l2 }),
        ("SGD, Nesterov", Rule::Sgd { learning_rate, momentum: 0.9, nesterov: true, l2 }),
        ("Adam", Rule::Adam { learning_rate, beta1: 0.9, beta2: 0.999, epsilon, l2 }),
        ("AdamW", Rule::AdamW { learning_rate, beta1: 0.9, beta2: 0.999, epsilon, weight_decay: 0.01 }),
        ("RMSprop", Rule::RmsProp { learning_rate, alpha: 0.99, epsilon, momentum: 0.9, centered: true, l2 }),
    ]
}

/// One step with dropout, everything trainable, and an evaluation before it; with a `nudge` each weight is a unit in its last place more or less, of which the number
/// says which.
fn step(
    folder: &std::path::Path,
    examples: &dyn Examples,
    batch: usize,
    device: &Device,
    nudge: u64,
) -> std::result::Result<(Step, Box<dyn Model>), Box<dyn Error + Send + Sync>> {
    let base = load_base(folder, device)?;
    let mut model = base.instantiate(10, &mut stream(0, 0, Purpose::HeadWeights))?;
    model.parameters_mut().thaw_from(0)?;
    if nudge > 0 {
        let mut bits = nudge;
        for (_, var) in model.parameters().thawed().filter(|(parameter, _)| parameter.role != Role::Buffer) {
            let nudged = |weight: f32| {
                // Knuth's MMIX generator; its high bits are good.
                bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                if bits >> 63 == 0 { weight.next_up() } else { weight.next_down() }
            };
            let weights: Vec<f32> = var.flatten_all()?.to_vec1::<f32>()?.into_iter().map(nudged).collect();
            var.set(&Tensor::from_vec(weights, var.shape(), device)?)?;
        }
    }
    let batch = examples.batch(&(0..batch).collect::<Vec<_>>(), device)?;
    let logits = model.forward(&batch, &Pass::evaluation())?;
    let dropout = DropoutRates { hidden: 0.1, attention: 0.1, classifier: 0.1 };
    let pass = Pass { training: true, lowest_thawed: 0, dropout, key: 7, frozen_norm: FrozenNorm::Running };
    let _recording = ops::record();
    let loss = ops::weighted_cross_entropy(&model.forward(&batch, &pass)?, &batch.labels, 0.1, None)?;
    let mut found = ops::backward(&loss)?;
    let (mut gradients, mut buffers) = (Vec::new(), Vec::new());
    for (parameter, var) in model.parameters().thawed() {
        if parameter.role == Role::Buffer {
            buffers.push((parameter.name.clone(), var.as_tensor().copy()?));
        } else {
            let gradient = found.remove(var).ok_or_else(|| format!("{} has no gradient", parameter.name))?;
            gradients.push((parameter.name.clone(), gradient));
        }
    }
    Ok((Step { loss, logits, gradients, buffers }, model))
}

/// Three steps of `rule` from the CPU's gradients on both.
fn optimized(rule: &Rule, step: &Step, cpu: &dyn Model, other: &dyn Model, device: &Device) -> Result<f64> {
    let (mut here, mut there) = (Optimizer::new(rule), Optimizer::new(rule));
    let mut most = 0f64;
    let both = cpu.parameters().thawed().zip(other.parameters().thawed());
    let both = both.filter(|((parameter, _), _)| parameter.role != Role::Buffer);
    for (((parameter, a), (_, b)), (_, gradient)) in both.zip(&step.gradients) {
        // As it was at first: other rules have been here.
        let start = a.as_tensor().copy()?;
        b.set(&start.to_device(device)?)?;
        let on_device = gradient.to_device(device)?;
        for _ in 0..3 {
            let update = Update { count: 0, learning_rate: 1e-3, decays: true, gradient_scale: 0.5 };
            here.step(&parameter.name, a, gradient, update)?;
            there.step(&parameter.name, b, &on_device, update)?;
        }
        most = most.max(apart(a, b)?);
        a.set(&start)?;
        b.set(&start.to_device(device)?)?;
    }
    Ok(most)
}

fn values(tensor: &Tensor) -> Result<Vec<f64>> {
    tensor.flatten_all()?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec1::<f64>()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(1e-12f64, |most, x| most.max(x.abs()))
}

fn apart(a: &Tensor, b: &Tensor) -> Result<f64> {
    let (a, b) = (values(a)?, values(b)?);
    let largest = largest(&a);
    let differences = a.iter().zip(&b).map(|(a, b)| if a.is_finite() && b.is_finite() { (a - b).abs() / largest } else { f64::INFINITY });
    Ok(differences.fold(if a.len() == b.len() { 0.0 } else { f64::INFINITY }, f64::max))
}

/// The median of so many steps of the trainer that a sweep uses.
fn seconds(
    network: &str,
    batch: usize,
    size: usize,
    device: &Device,
    steps: usize,
) -> std::result::Result<f64, Box<dyn Error + Send + Sync>> {
    let work = Work::untrained(network, batch, size, device)?;
    let mut trainer = work.trainer()?;
    let mut seconds = Vec::new();
    for step in 0..steps + 3 {
        let watch = Stopwatch::start();
        trainer.train_step()?;
        device.synchronize()?;
        if step >= 3 {
            seconds.push(watch.seconds());
        }
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[seconds.len() / 2])
}
