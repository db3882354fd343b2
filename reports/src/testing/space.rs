//! What generated studies search.

use std::path::Path;

use search_spaces::space::Space;

/// The space of the generated studies, as a user would write it.
const SPACE: &str = r#"
Sweep(
    model: Asset("all-MiniLM-L6-v2"),
    data: Text(files: One(Asset("bbc-news")), text: "text", label: "label", split: (validation: 0.2, test: 0.0, seed: 0), max_tokens: 128),
    objective: Maximize(Accuracy),
    settings: (trials: 12, eta: 3, r_min: Share(0.1111), seed: 0, sampler: Tpe, scheduler: Asha, devices: "cpu:2"),
    space: (
        epochs: 3,
        batch_size: Choice([8, 16, 32]),
        optimizer: Choice([
            AdamW(learning_rate: LogUniform(1e-5, 1e-3), weight_decay: Uniform(0.0, 0.1)),
            Sgd(learning_rate: LogUniform(1e-3, 0.3), momentum: Uniform(0.0, 0.99)),
        ]),
        warmup: Uniform(0.0, 0.2),
        unfreeze: Choice([Everything, HeadOnly, LastBlocks(k: Int(1, 5))]),
        dropout: (hidden: Uniform(0.0, 0.3), attention: 0.1, classifier: 0.1),
    ),
)
"#;

pub(super) fn space(trials: u32, seed: u64) -> Space {
    let mut space = Space::parse(Path::new("/data/sample.ron"), SPACE).expect("the space of the generated studies is right");
    space.settings.trials = trials;
    space.settings.seed = seed;
    space
}
