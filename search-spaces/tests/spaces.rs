//! Whole spaces: what may be drawn from them, and what they are equal to.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rand::{SeedableRng, rngs::ChaCha8Rng};
use search_spaces::{config::Optimizer, domain::Value, draw, problem::ReadError, space::Space};

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
        assert_eq!(again.place("data"), None);
    }
}

#[test]
fn the_first_recipe_is_the_literatures() {
    let space = Space::read(&folder().join("bbc-news.ron")).unwrap_or_else(|error| panic!("{error}"));
    let recipe = &space.recipes[0];
    insta::assert_snapshot!(recipe.name, @"literature default");
    insta::assert_snapshot!(ron::to_string(&recipe.config).expect("RON"), @"(epochs:2,batch_size:16,optimizer:AdamW(learning_rate:5e-5,beta1:0.9,beta2:0.999,epsilon:1e-8,weight_decay:0.01),decay_on:Matrices,schedule:Linear(end:0.0),warmup:0.1,unfreeze:Everything,dropout:(hidden:Constant(0.1),attention:Constant(0.1),classifier:Constant(0.1)),label_smoothing:0.0,clip_norm:Some(1.0),layer_decay:1.0,early_stopping:None,keep:Best)");
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
