//! Whole spaces: what may be drawn from them, and what they are equal to.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rand::{SeedableRng, rngs::ChaCha8Rng};
use search_spaces::{
    claim::{Claim, ConfigFile},
    config::{Config, Optimizer, Rate, Schedule},
    domain::{Assignment, Domain, Value},
    draw,
    ladder::Ladder,
    problem::ReadError,
    settings::Resource,
    space::Space,
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn ready_made() -> Vec<Space> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .expect("the crate's folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ron"))
        .collect();
    files.sort();
    assert!(files.len() >= 2, "{files:?}");
    files.iter().map(|path| Space::read(path).unwrap_or_else(|error| panic!("{error}"))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_draw_is_a_config_within_bounds(seed: u64) {
        for space in ready_made() {
            let assignment = space.draw(&mut ChaCha8Rng::seed_from_u64(seed));
            prop_assert_eq!(draw::validate(&space.parameters, &assignment), Ok(()));
            let config = space.config(&assignment).expect("a draw gives a config");
            prop_assert!((0.0..1.0).contains(&config.warmup));
            prop_assert!(config.epochs <= space.max_epochs());
            let option = match config.optimizer {
                Optimizer::Sgd { learning_rate, momentum, .. } => {
                    prop_assert!(learning_rate > 0.0 && momentum > 0.0);
                    "Sgd"
                }
                Optimizer::Adam { .. } => "Adam",
                Optimizer::AdamW { .. } => "AdamW",
                Optimizer::RmsProp { .. } => "RmsProp",
            };
            // Parameters of other optimizers are not there.
            for path in assignment.0.keys().filter(|path| path.starts_with("optimizer.")) {
                let expected = format!("optimizer.{option}.");
                prop_assert!(path.starts_with(&expected), "{path}");
            }
        }
    }
}

#[test]
fn survives_json() {
    for space in ready_made() {
        let text = serde_json::to_string(&space).expect("to JSON");
        let again: Space = serde_json::from_str(&text).expect("from JSON");
        assert_eq!(serde_json::to_string(&again).expect("to JSON"), text);
        assert_eq!(again.hash(), space.hash());
        let assignment = space.draw(&mut ChaCha8Rng::seed_from_u64(5));
        assert_eq!(again.config(&assignment), space.config(&assignment));
        assert_eq!(again.difference(&space), Vec::<String>::new());
        assert_eq!(again.places.place("data"), None);
    }
}

#[test]
fn the_first_recipe_is_the_literatures() {
    let space = Space::read(&folder().join("bbc-news.ron")).unwrap_or_else(|error| panic!("{error}"));
    let recipe = &space.recipes[0];
    insta::assert_snapshot!(recipe.name, @"literature default");
    insta::assert_snapshot!(ron::to_string(&recipe.config).expect("RON"), @"(epochs:2,batch_size:16,optimizer:AdamW(learning_rate:5e-5,beta1:0.9,beta2:0.999,epsilon:1e-8,weight_decay:0.01),decay_on:Matrices,schedule:Linear(end:0.0),warmup:0.1,unfreeze:Everything,adapter:Off,dropout:(hidden:Constant(0.1),attention:Constant(0.1),classifier:Constant(0.1)),label_smoothing:0.0,clip_norm:Some(1.0),layer_decay:1.0,early_stopping:None,keep:Best,class_weights:Off,micro_batch:None,augment:(flip:0.0,crop:0,jitter:0.0,erase:0.0,mix:Off),frozen_norm:Running)");
    // Lies in the space, for samplers to learn from: moved to the nearest allowed values.
    let assignment = recipe.assignment.as_ref().expect("AdamW with linear decay is in the space");
    assert_eq!(draw::validate(&space.parameters, assignment), Ok(()));
    assert_eq!(assignment.0["optimizer.AdamW.learning_rate"], Value::Float(5e-5));
    assert_eq!(assignment.0["optimizer"], Value::Option(0));
    assert_eq!(assignment.0["dropout.hidden"], Value::Option(1));
    let moved = space.config(assignment).expect("a config");
    assert_eq!(moved.dropout, recipe.config.dropout);
}

#[test]
fn a_missing_file_is_named() {
    let error = Space::read(Path::new("nowhere/space.ron")).unwrap_err();
    assert!(matches!(error, ReadError::Unreadable { .. }));
    assert!(error.to_string().starts_with("cannot read nowhere/space.ron: "), "{error}");
}

fn parse(text: &str) -> Space {
    Space::parse(Path::new("/data/space.ron"), text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn with_space(space: &str) -> Space {
    parse(&format!("Sweep(model: Path(\"m\"), data: Text(files: One(Path(\"d.csv\"))), space: ({space}))"))
}

#[test]
fn the_hash_is_of_what_is_said_not_of_how() {
    let one = parse(
        "Sweep(
            model: Path(\"m\"),
            data: Text(files: One(Path(\"d.csv\")), max_tokens: 64),
            settings: (trials: 10, budget: \"1h\", seed: 3, devices: \"cpu:2\", sampler: Random),
            space: (
                optimizer: Choice([AdamW(learning_rate: LogUniform(1e-5, 1e-3), weight_decay: 0.1), Sgd(learning_rate: 0.01)]),
                dropout: (hidden: Uniform(0.0, 0.2)),
                warmup: 0.1,
            ),
        )",
    );
    let two = parse(
        "/* the same */ Sweep(
            space: (
                warmup: 1e-1,  // in another order
                dropout: Dropout(hidden: Uniform(high: 0.20, low: 0)),
                optimizer: Weighted([(2, AdamW(weight_decay: 0.10, learning_rate: LogUniform(0.00001, 0.001))), (2.0, Sgd(learning_rate: 1e-2))]),
                clip_norm: 1.0,
            ),
            settings: (seed: 3, trials: 20),
            data: (max_tokens: 64, files: One(Path(\"d.csv\")), label: \"label\"),
            model: Path(\"m\"),
        )",
    );
    assert_eq!(one.hash(), two.hash());
    assert_eq!(one.parameters, two.parameters);
    assert_eq!(two.difference(&one), Vec::<String>::new());
}

#[test]
fn differences_are_named() {
    let was = parse(
        "Sweep(model: Path(\"m\"), data: Text(files: One(Path(\"d.csv\"))), settings: (eta: 3), space: (
            optimizer: Choice([AdamW(learning_rate: LogUniform(1e-5, 1e-3)), Sgd(learning_rate: 0.01)]),
            warmup: 0.1, dropout: (hidden: 0.1), unfreeze: Everything))",
    );
    let now = parse(
        "Sweep(model: Path(\"m\"), data: Text(files: One(Path(\"d.csv\")), max_tokens: 64), settings: (eta: 4), space: (
            optimizer: Choice([AdamW(learning_rate: LogUniform(1e-5, 1e-2)), Sgd(learning_rate: 0.01)]),
            warmup: Choice([0.0, 0.1]), dropout: (hidden: Ramp(from: 0.1, to: 0.0)), unfreeze: LastBlocks(k: 2)),
            recipes: [Recipe(name: \"new\", config: ())])",
    );
    assert_ne!(was.hash(), now.hash());
    insta::assert_snapshot!(now.difference(&was).join("\n"), @r#"
    data.Text.max_tokens: was 128, now 64
    settings.eta: was 3, now 4
    space.optimizer.AdamW.learning_rate: was LogUniform(1e-5, 0.001), now LogUniform(1e-5, 0.01)
    space.warmup: was 0.1, now Choice([0.0, 0.1])
    space.unfreeze: was Everything, now LastBlocks(k: 2)
    space.dropout.hidden: was Constant(0.1), now Ramp(from: 0.1, to: 0.0, until: 1.0)
    recipes[1]: was none, now "new"
    "#);
}

#[test]
fn options_of_one_variant_keep_apart() {
    let space = with_space(
        "unfreeze: Choice([LastBlocks(k: 1), LastBlocks(k: 2), LastBlocks(k: Int(3, 5)), LastBlocks(k: Int(7, 9)), HeadOnly]),
         early_stopping: Choice([None, (patience: 2), (patience: Int(3, 4))]),
         dropout: (hidden: Choice([0, 0.10, Constant(0.2), Uniform(0.3, 0.4), Early(rate: 0.1, until: 0.5)])),
         clip_norm: Choice([None, Some(1), 2.0])",
    );
    let text: Vec<String> = space.parameters.iter().map(|parameter| format!("{}: {}", parameter.path, parameter.domain)).collect();
    insta::assert_snapshot!(text.join("\n"), @r"
    unfreeze: Choice([LastBlocks(k: 1), LastBlocks(k: 2), LastBlocks#3, LastBlocks#4, HeadOnly])
    unfreeze.LastBlocks#3.k: Int(3, 5)
    unfreeze.LastBlocks#4.k: Int(7, 9)
    dropout.hidden: Choice([0.0, 0.1, Constant(0.2), Uniform, Early])
    dropout.hidden.Uniform: Uniform(0.3, 0.4)
    clip_norm: Choice([None, 1.0, 2.0])
    early_stopping: Choice([None, (patience: 2, min_delta: 0.0), option#3])
    early_stopping.option#3.patience: Int(3, 4)
    ");
    for parameter in &space.parameters {
        if let Domain::Choice { labels, weights } = &parameter.domain {
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(labels.iter().all(|label| labels.iter().filter(|other| *other == label).count() == 1), "{labels:?}");
        }
    }
    for seed in 0..100 {
        let assignment = space.draw(&mut ChaCha8Rng::seed_from_u64(seed));
        space.config(&assignment).expect("a config");
    }
}

#[test]
fn numbers_and_variants_mix() {
    let space = with_space("dropout: (classifier: Uniform(0.2, 0.3)), batch_size: Stepped(8, 32, 8), epochs: LogInt(1, 4)");
    let paths: Vec<&str> = space.parameters.iter().map(|parameter| parameter.path.as_str()).collect();
    assert_eq!(paths, ["epochs", "batch_size", "dropout.classifier"]);
    let values = [("batch_size", Value::Float(24.0)), ("dropout.classifier", Value::Float(0.25)), ("epochs", Value::Int(3))];
    let assignment = Assignment(values.map(|(path, value)| (path.to_string(), value)).into());
    let config = space.config(&assignment).expect("a config");
    assert_eq!((config.batch_size, config.dropout.classifier, config.epochs), (24, Rate::Constant(0.25), 3));
    assert_eq!(space.max_epochs(), 4);
    // Recipes run as long as the longest config.
    assert_eq!(space.recipes[0].config.epochs, 4);
    let short = Assignment([("epochs".to_string(), Value::Int(9))].into());
    insta::assert_snapshot!(space.config(&short).unwrap_err(), @"`epochs` has the value Int(9), which is not in LogInt(1, 4)");
}

#[test]
fn mistakes_against_the_model_have_places() {
    let space = parse(
        "Sweep(model: Path(\"m\"), data: Text(files: One(Path(\"d.csv\")),
    label: \"section\"), space: (
    unfreeze: Choice([LastBlocks(k: 2), LastBlocks(k: Int(3, 12)), HeadOnly]),
    ), recipes: [
    Recipe(name: \"deep\", config: (unfreeze: LastBlocks(k: 24))),
    ])",
    );
    for mention in space.places.mentions("unfreeze.LastBlocks.k") {
        // Found in one pass over the file, and one by one for the message.
        let problem = space.places.problem_in(mention, "", None);
        assert_eq!((problem.line, problem.column), (mention.place.line, mention.place.column));
    }
    let deep: Vec<String> = space
        .places
        .mentions("unfreeze.LastBlocks.k")
        .filter(|mention| mention.value > 6.0)
        .map(|mention| space.places.problem_in(mention, format!("k is {}, but the model has 6 blocks", mention.value), None).to_string())
        .collect();
    insta::assert_snapshot!(deep.join("\n"), @r#"
    /data/space.ron:3:62: k is 12, but the model has 6 blocks
      |
    3 |     unfreeze: Choice([LastBlocks(k: 2), LastBlocks(k: Int(3, 12)), HeadOnly]),
      |                                                              ^^
    /data/space.ron:5:59: k is 24, but the model has 6 blocks
      |
    5 |     Recipe(name: "deep", config: (unfreeze: LastBlocks(k: 24))),
      |                                                           ^^
    "#);
    let hint = Some("the columns are `text` and `category`".to_string());
    insta::assert_snapshot!(space.places.problem_at("data.label", "there is no column \"section\"", hint), @r#"
    /data/space.ron:2:12: there is no column "section"
      |
    2 |     label: "section"), space: (
      |            ^^^^^^^^^
      = help: the columns are `text` and `category`
    "#);
    // What is left out has the place of what it belongs to.
    assert_eq!(space.places.place("data.split.seed").map(|place| (place.line, place.column)), Some((1, 31)));
    assert_eq!(space.places.place("space.unfreeze").map(|place| (place.line, place.column)), Some((3, 15)));
}

#[test]
fn paths_are_relative_to_the_file() {
    let space = with_space("");
    assert_eq!(space.model.to_string(), "/data/m");
}

#[test]
fn ladders_come_from_the_longest_horizon() {
    let mut space = with_space("epochs: Choice([1, 2])");
    assert_eq!(space.ladder(900).expect("a ladder").rungs, [225, 675, 1800]);
    space.settings.r_min = Resource::Share(0.1);
    assert_eq!(space.ladder(900).expect("a ladder").rungs, [180, 540, 1620, 1800]);
    space.settings.r_min = Resource::Epochs(0.5);
    assert_eq!(space.ladder(900).expect("a ladder").rungs, [450, 1350, 1800]);
    space.settings.r_min = Resource::Examples(5000);
    insta::assert_snapshot!(space.ladder(900).unwrap_err().message, @"the first rung, 5000 examples, lies beyond the horizon: 2 epochs of 900 examples are 1800");
    let ladder = Ladder::new(200, 3, 1800);
    let mut config: Config = space.recipes[0].config.clone();
    assert_eq!(Space::cut_in_warmup(&config, &ladder), Vec::<usize>::new());
    config.warmup = 0.2;
    assert_eq!(Space::cut_in_warmup(&config, &ladder), [0]);
    // The cycle begins after the warm-up: its peak is at 0.2 + 0.8 * 0.2.
    config.schedule = Schedule::OneCycle { peak_at: 0.2, start_divisor: 25.0, end_divisor: 1e4 };
    assert_eq!(Space::cut_in_warmup(&config, &ladder), [0, 1]);
    config.warmup = 0.1;
    assert_eq!(Space::cut_in_warmup(&config, &ladder), [0]);
    config.schedule = Schedule::SlantedTriangular { cut: 0.3, ratio: 32.0 };
    assert_eq!(Space::cut_in_warmup(&config, &ladder), [0, 1]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// What a sweep writes as its best config is what `thawline train` reads, to the last bit.
    #[test]
    fn config_files_survive(seed: u64, value in -1.0..1.0, trial: u32, step in 0..1_000_000_u64) {
        for space in ready_made() {
            let config = space.config(&space.draw(&mut ChaCha8Rng::seed_from_u64(seed))).expect("a config");
            let file = ConfigFile {
                model: space.model.clone(),
                data: space.data.clone(),
                objective: space.objective,
                config,
                ladder: space.ladder(900).expect("a ladder"),
                eval_every: space.settings.eval_every,
                seed,
                trial,
                threads: Some(2),
                claim: Some(Claim { study: "bbc \"news\"\n".to_string(), value, step, rule: None }),
            };
            let text = file.to_ron().expect("RON");
            let again = ConfigFile::parse(Path::new("best.ron"), &text).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
            prop_assert_eq!(again, file);
        }
    }
}

#[test]
fn mistakes_in_config_files_have_places() {
    let text = "Train(
    model: Asset(\"m\"),
    data: Text(files: One(Asset(\"d\"))),
    config: (optimizer: Sgd(learning_rate: Uniform(0.1, 0.2), momentum: 2.0)),
    ladder: (eta: 3, rungs: [300, 200]),
    threads: 0,
)";
    let problems = ConfigFile::parse(Path::new("mine.ron"), text).unwrap_err();
    insta::assert_snapshot!(problems, @r"
    mine.ron:4:44: `Uniform` leaves a value to the search, but a config file has every value fixed
      |
    4 |     config: (optimizer: Sgd(learning_rate: Uniform(0.1, 0.2), momentum: 2.0)),
      |                                            ^^^^^^^^^^^^^^^^^

    mine.ron:4:73: `momentum` must be at least 0 and below 1, not 2.0
      |
    4 |     config: (optimizer: Sgd(learning_rate: Uniform(0.1, 0.2), momentum: 2.0)),
      |                                                                         ^^^

    mine.ron:5:29: the rungs must be growing numbers, at least one
      |
    5 |     ladder: (eta: 3, rungs: [300, 200]),
      |                             ^^^^^^^^^^
      = help: the last one is the horizon

    mine.ron:6:14: `threads` must be from 1 to 4096, not 0
      |
    6 |     threads: 0,
      |              ^
    ");
}

#[test]
fn a_config_file_is_written_whole() {
    let folder = std::env::temp_dir().join(format!("thawline-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let path = folder.join("best.ron");
    let text = "(model: Asset(\"m\"), data: (files: One(Asset(\"d\"))), config: (optimizer: AdamW(learning_rate: 1e-4)))";
    let file = ConfigFile::parse(&path, text).unwrap_or_else(|problems| panic!("{problems}"));
    file.write(&path).expect("written");
    let again = ConfigFile::read(&path);
    let names: Vec<_> = std::fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("an entry").file_name()).collect();
    std::fs::remove_dir_all(&folder).expect("the temporary folder");
    assert_eq!(again.expect("read"), file);
    assert_eq!(names, ["best.ron"]);
    insta::assert_snapshot!(file.to_ron().expect("RON"), @r#"
    // Train it with: thawline train FILE --to MODEL_DIR
    Train(
        model: Asset("m"),
        data: Text((
            files: One(Asset("d")),
            columns: None,
            text: One("text"),
            label: "label",
            split: (
                validation: 0.15,
                test: 0.15,
                seed: 0,
            ),
            missing: Reject,
            max_tokens: 128,
            max_train: None,
            max_validation: None,
        )),
        objective: (
            metric: Accuracy,
            direction: Maximize,
        ),
        config: (
            epochs: 3,
            batch_size: 16,
            optimizer: AdamW(
                learning_rate: 0.0001,
                beta1: 0.9,
                beta2: 0.999,
                epsilon: 1e-8,
                weight_decay: 0.01,
            ),
            decay_on: Matrices,
            schedule: Linear(
                end: 0.0,
            ),
            warmup: 0.1,
            unfreeze: Everything,
            adapter: Off,
            dropout: (
                hidden: Constant(0.1),
                attention: Constant(0.1),
                classifier: Constant(0.1),
            ),
            label_smoothing: 0.0,
            clip_norm: Some(1.0),
            layer_decay: 1.0,
            early_stopping: None,
            keep: Best,
            class_weights: Off,
            micro_batch: None,
            augment: (
                flip: 0.0,
                crop: 0,
                jitter: 0.0,
                erase: 0.0,
                mix: Off,
            ),
            frozen_norm: Running,
        ),
        ladder: (
            eta: 3,
            rungs: [
                1,
            ],
        ),
        eval_every: 0.25,
        seed: 0,
        trial: 0,
        threads: None,
        claim: None,
    )
    "#);
}
