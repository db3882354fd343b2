//! Networks of the usual sizes with weights that nobody trained.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    path::Path,
};

/// A tensor's name and shape.
type Spec = (String, Vec<usize>);

/// What [`write`] knows.
pub const NAMES: [&str; 4] = ["minilm", "resnet20", "resnet18", "mobilenet"];

/// Writes the network `name` to `folder` as a model folder. Its weights are arbitrary, and the same each time.
pub fn write(name: &str, folder: &Path) -> io::Result<()> {
    let tensors = match name {
        "minilm" => {
            // Sizes of sentence-transformers/all-MiniLM-L6-v2.
            let config = r#"{"model_type": "bert", "vocab_size": 30522, "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12,
                "intermediate_size": 1536, "hidden_act": "gelu", "max_position_embeddings": 512, "type_vocab_size": 2}"#;
            fs::write(folder.join("config.json"), config)?;
            bert(30_522, 384, 6, 1536, 512)
        }
        "resnet20" => cifar([16, 32, 64], 3),
        "resnet18" => imagenet(64, 2),
        "mobilenet" => mobilenet(),
        other => return Err(io::Error::other(format!("no network {other}: there are {}", NAMES.join(", ")))),
    };
    save(&folder.join("model.safetensors"), &tensors)
}

fn affine(name: &str, out: usize, features: usize) -> [Spec; 2] {
    [(format!("{name}.weight"), vec![out, features]), (format!("{name}.bias"), vec![out])]
}

fn norm(name: &str, width: usize) -> [Spec; 2] {
    [(format!("{name}.weight"), vec![width]), (format!("{name}.bias"), vec![width])]
}

fn bert(words: usize, hidden: usize, layers: usize, wide: usize, positions: usize) -> Vec<Spec> {
    let table = |name: &str, rows: usize| (format!("embeddings.{name}_embeddings.weight"), vec![rows, hidden]);
    let mut tensors = vec![table("word", words), table("position", positions), table("token_type", 2)];
    tensors.extend(norm("embeddings.LayerNorm", hidden));
    for layer in 0..layers {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        for part in ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"] {
            tensors.extend(affine(&name(part), hidden, hidden));
        }
        tensors.extend(norm(&name("attention.output.LayerNorm"), hidden));
        tensors.extend(affine(&name("intermediate.dense"), wide, hidden));
        tensors.extend(affine(&name("output.dense"), hidden, wide));
        tensors.extend(norm(&name("output.LayerNorm"), hidden));
    }
    tensors.extend(affine("pooler.dense", hidden, hidden));
    tensors
}

/// A convolution and its batch norm.
fn unit(convolution: String, norm: &str, shape: [usize; 4]) -> Vec<Spec> {
    let statistics = ["weight", "bias", "running_mean", "running_var"].map(|part| (format!("{norm}.{part}"), vec![shape[0]]));
    std::iter::once((convolution + ".weight", shape.to_vec())).chain(statistics).collect()
}

/// Of the CIFAR kind, with `6 * depth + 2` layers.
fn cifar(widths: [usize; 3], depth: usize) -> Vec<Spec> {
    let mut tensors = unit("conv1".to_owned(), "bn1", [widths[0], 3, 3, 3]);
    let mut features = widths[0];
    for (stage, width) in (1..).zip(widths) {
        for layer in 0..depth {
            for part in 1..=2 {
                let name = |kind: &str| format!("layer{stage}.{layer}.{kind}{part}");
                tensors.extend(unit(name("conv"), &name("bn"), [width, features, 3, 3]));
                features = width;
            }
        }
    }
    tensors
}

/// Of torchvision's kind, with two convolutions a block and four stages of `depth` blocks.
fn imagenet(width: usize, depth: usize) -> Vec<Spec> {
    let mut tensors = unit("conv1".to_owned(), "bn1", [width, 3, 7, 7]);
    let mut features = width;
    for stage in 0..4 {
        let wide = width << stage;
        for layer in 0..depth {
            let name = |part: &str| format!("layer{}.{layer}.{part}", stage + 1);
            if features != wide {
                tensors.extend(unit(name("downsample.0"), &name("downsample.1"), [wide, features, 1, 1]));
            }
            tensors.extend(unit(name("conv1"), &name("bn1"), [wide, features, 3, 3]));
            tensors.extend(unit(name("conv2"), &name("bn2"), [wide, wide, 3, 3]));
            features = wide;
        }
    }
    tensors
}

/// MobileNetV2, whole.
fn mobilenet() -> Vec<Spec> {
    let mut tensors = unit("features.0.0".to_owned(), "features.0.1", [32, 3, 3, 3]);
    let (mut features, mut index) = (32, 1);
    for (expansion, out, count) in [(1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1)] {
        for _ in 0..count {
            let (wide, mut part) = (features * expansion, 0);
            let name = |part: usize, rest: &str| format!("features.{index}.conv.{part}{rest}");
            if expansion > 1 {
                tensors.extend(unit(name(0, ".0"), &name(0, ".1"), [wide, features, 1, 1]));
                part = 1;
            }
            tensors.extend(unit(name(part, ".0"), &name(part, ".1"), [wide, 1, 3, 3]));
            tensors.extend(unit(name(part + 1, ""), &name(part + 2, ""), [out, wide, 1, 1]));
            (features, index) = (out, index + 1);
        }
    }
    tensors.extend(unit("features.18.0".to_owned(), "features.18.1", [1280, features, 1, 1]));
    tensors
}

/// In the format of safetensors: kernels and matrices as wide as keeps activations in bounds, vectors that change nothing.
fn save(path: &Path, tensors: &[Spec]) -> io::Result<()> {
    let mut header = Vec::new();
    let mut offset = 0;
    for (name, shape) in tensors {
        let end = offset + 4 * shape.iter().product::<usize>();
        header.push(format!(r#""{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{offset},{end}]}}"#));
        offset = end;
    }
    let header = format!("{{{}}}", header.join(","));
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    let mut state = 1u64;
    for (name, shape) in tensors {
        let spread = (6.0 / shape[1..].iter().product::<usize>() as f32).sqrt();
        let one = if name.ends_with("weight") || name.ends_with("var") { 1.0 } else { 0.0 };
        for _ in 0..shape.iter().product() {
            // Knuth's generator: good enough for numbers that only have to differ.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let uniform = (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
            let value = if shape.len() == 1 { one } else { uniform * spread };
            file.write_all(&value.to_le_bytes())?;
        }
    }
    file.flush()
}
