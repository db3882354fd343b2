//! Sweeps with constraints, a second objective, groups, and rungs of equal cost.

mod common;

use std::fs;

use common::{SPACE, Workplace, names};
use serde_json::Value;

/// The workplace's reviews with a column of what they are about.
fn grouped(place: &Workplace) {
    let rows = common::reviews(240);
    let lines = rows.lines().map(|line| {
        let about = line.split(' ').nth(1).filter(|_| line.starts_with("the ")).unwrap_or("topic");
        format!(
            "{line}\t{}\n",
            if matches!(about, "film" | "game") {
                "play"
            } else if about == "topic" {
                "topic"
            } else {
                "work"
            }
        )
    });
    place.write("data.tsv", &lines.collect::<String>());
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn header(place: &Workplace, table: &str) -> Vec<String> {
    let text = fs::read_to_string(place.path("study/tables").join(table)).unwrap();
    text.lines().next().unwrap().split(',').map(str::to_owned).collect()
}

#[test]
fn what_wins_keeps_the_limits_and_trains_again_to_its_claim() {
    let place = Workplace::new();
    grouped(&place);
    // The head and one block, or two of three, but not everything, which the default recipe trains.
    let goals = "second: Minimize(TrainableParameters),\n    constraints: [TrainableParameters(7000), GroupGap(0.99)],\n    settings: (";
    let space = SPACE
        .replace("max_tokens: 24,", "max_tokens: 24,\n        group: \"topic\",")
        .replace("    settings: (", &format!("    {goals}"))
        .replace("trials: 4,", "trials: 6,\n        rungs: EqualCost,")
        .replace("Choice([Everything, LastBlocks(k: 1)])", "Choice([Everything, HeadOnly, LastBlocks(k: 1)])");
    place.write("space.ron", &space);
    let swept = place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
    assert!(
        swept.out.contains("Chosen as the best mean of ") && swept.out.contains(", among those that keep every constraint"),
        "{}",
        swept.out
    );
    assert!(swept.out.contains("; the second objective only breaks ties."), "{}", swept.out);

    let status = json(&place.run(&["status", "study", "--json"]).succeeded().out);
    assert_eq!((&status["best_feasible"], &status["second"]), (&true.into(), &"trainable_parameters".into()));
    let front = status["front"].as_array().unwrap();
    assert!(!front.is_empty() && front.iter().all(|one| one["second"].as_f64().unwrap() <= 7000.0), "{front:?}");
    assert!(front.iter().is_sorted_by(|a, b| a["value"].as_f64() >= b["value"].as_f64()), "{front:?}");
    assert!(status["best_second"].as_f64().unwrap() <= 7000.0);
    let again = json(&place.run(&["sweep", "space.ron", "--study", "study", "--json"]).succeeded().out);
    for field in ["best_feasible", "second", "best_second", "front", "best_rule"] {
        assert_eq!(again[field], status[field], "{field}");
    }

    for name in ["exceeded", "trainable_parameters", "group_gap", "on_front"] {
        assert!(header(&place, "leaderboard.csv").contains(&name.to_owned()), "{name}");
    }
    assert!(header(&place, "curves.csv").contains(&"validation_group_gap".to_owned()));
    assert!(names(&place.path("study/tables")).contains(&"pareto.parquet".to_owned()));
    assert!(header(&place, "pareto.csv").contains(&"trainable_parameters".to_owned()));
    let predictions = fs::read_to_string(place.path("study/artefacts/trial-0-predictions.csv")).unwrap();
    assert!(predictions.contains("play") && predictions.contains("work"), "{predictions}");
    assert!(fs::read_to_string(place.path("study/report/index.html")).unwrap().contains("among those that keep every constraint"));

    let best = fs::read_to_string(place.path("study/best.ron")).unwrap();
    assert!(best.contains("kind: EqualCost") && best.contains("// Chosen as the best mean of "), "{best}");
    let trained = place.run(&["train", "study/best.ron", "--to", "trained"]).succeeded();
    assert!(trained.err.contains("exactly what trial"), "{}", trained.err);
}

#[test]
fn when_nobody_keeps_the_limits_everything_says_so() {
    let place = Workplace::new();
    place.space_with("    settings: (", "    constraints: [SecondsPerEpoch(1e-9)],\n    settings: (");
    let rule = "Chosen as the median of 3 trainings of the only finalist, of what exceeds the constraints least: none keeps them all.";
    let swept = place.run(&["sweep", "space.ron", "--study", "study", "--trials", "1"]).succeeded();
    assert!(swept.out.contains(rule) && swept.out.contains("must not be used where they are binding"), "{}", swept.out);
    assert!(place.run(&["best", "study"]).succeeded().out.contains(&format!("// {rule}")));
    assert!(fs::read_to_string(place.path("study/report/index.html")).unwrap().contains(rule));
    let status = json(&place.run(&["status", "study", "--json"]).succeeded().out);
    assert_eq!((&status["best_feasible"], &status["second"], &status["best_second"]), (&false.into(), &Value::Null, &Value::Null));
    assert_eq!(status["front"], Value::Array(Vec::new()));
}
