//! Every mistake of a file is shown, at its place, with the way out.

use std::path::Path;

use search_spaces::{
    goals::{Constraint, Measure, Second},
    problem::Problems,
    settings::Direction,
    space::Space,
};

fn problems(text: &str) -> Problems {
    Space::parse(Path::new("bbc.ron"), text).expect_err("the file has mistakes")
}

/// A file that is right but for its space.
fn in_space(space: &str) -> Problems {
    problems(&format!("Sweep(model: Asset(\"m\"), data: Text(files: One(Asset(\"d\"))), space: ({space}))"))
}

#[test]
fn ten_mistakes_at_once() {
    let text = r#"Sweep(
    model: Assets("all-MiniLM-L6-v2"),
    data: Text(
        files: One(Path("news.csv")),
        lable: "section",
        split: (validation: 0.6, test: 0.5),
    ),
    objective: Minimize(Accuracy),
    settings: (trials: 0, eta: "three", budget: "8 hours", checkpoint_space: "lots"),
    space: (
        batch_size: Choice([8, 16, 16]),
        optimizer: Choice([AdamW(learning_rate: LogUniform(0.0, 1e-3)), Sgd(momentum: 1.5)]),
        dropout: (hidden: Uniform(0.3, 0.1)),
        warmup: LogUnifrom(0.1, 0.2),
        unfreeze: LastBlock(k: 2),
    ),
    recipes: [Recipe(name: "mine", config: (optimizer: AdamW(learning_rate: Uniform(1e-5, 1e-4))))],
)"#;
    let problems = problems(text);
    insta::assert_snapshot!(problems, @r#"
    bbc.ron:2:12: `Assets` is not a place of files
      |
    2 |     model: Assets("all-MiniLM-L6-v2"),
      |            ^^^^^^
      = help: did you mean `Asset`?

    bbc.ron:5:9: `Text` has no field `lable`
      |
    5 |         lable: "section",
      |         ^^^^^
      = help: did you mean `label`?

    bbc.ron:6:16: nothing is left for training: 0.6 for validation and 0.5 for test
      |
    6 |         split: (validation: 0.6, test: 0.5),
      |                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: let the shares add up to less than 1

    bbc.ron:8:16: this metric is better when it is higher
      |
    8 |     objective: Minimize(Accuracy),
      |                ^^^^^^^^^^^^^^^^^^
      = help: write `Maximize(Accuracy)`

    bbc.ron:9:24: `trials` must be from 1 to 1000000, not 0
      |
    9 |     settings: (trials: 0, eta: "three", budget: "8 hours", checkpoint_space: "lots"),
      |                        ^

    bbc.ron:9:32: `eta` must be a whole number, not the string "three"
      |
    9 |     settings: (trials: 0, eta: "three", budget: "8 hours", checkpoint_space: "lots"),
      |                                ^^^^^^^

    bbc.ron:9:49: "8 hours" is not a duration above 0
      |
    9 |     settings: (trials: 0, eta: "three", budget: "8 hours", checkpoint_space: "lots"),
      |                                                 ^^^^^^^^^
      = help: write hours, minutes and seconds, such as "8h", "90m" or "1h30m"

    bbc.ron:9:78: "lots" is not an amount of bytes above 0
      |
    9 |     settings: (trials: 0, eta: "three", budget: "8 hours", checkpoint_space: "lots"),
      |                                                                              ^^^^^^
      = help: write a whole number of MB, GB or TB, such as "20GB" or "500MB"

    bbc.ron:11:36: this option is listed twice
       |
    11 |         batch_size: Choice([8, 16, 16]),
       |                                    ^^
       = help: leave it out, or give weights: `Weighted([(2, ...), (1, ...)])`

    bbc.ron:12:60: `learning_rate` must be above 0, not 0.0
       |
    12 |         optimizer: Choice([AdamW(learning_rate: LogUniform(0.0, 1e-3)), Sgd(momentum: 1.5)]),
       |                                                            ^^^

    bbc.ron:12:73: `Sgd` lacks the field `learning_rate`
       |
    12 |         optimizer: Choice([AdamW(learning_rate: LogUniform(0.0, 1e-3)), Sgd(momentum: 1.5)]),
       |                                                                         ^^^
       = help: add `learning_rate: ...`, a number

    bbc.ron:12:87: `momentum` must be at least 0 and below 1, not 1.5
       |
    12 |         optimizer: Choice([AdamW(learning_rate: LogUniform(0.0, 1e-3)), Sgd(momentum: 1.5)]),
       |                                                                                       ^^^

    bbc.ron:13:27: the range is reversed: 0.3 is above 0.1
       |
    13 |         dropout: (hidden: Uniform(0.3, 0.1)),
       |                           ^^^^^^^^^^^^^^^^^
       = help: write Uniform(0.1, 0.3)

    bbc.ron:14:17: `warmup` must be a number, not `LogUnifrom(...)`
       |
    14 |         warmup: LogUnifrom(0.1, 0.2),
       |                 ^^^^^^^^^^^^^^^^^^^^
       = help: did you mean `LogUniform`?

    bbc.ron:15:19: `LastBlock` is not an unfreeze schedule
       |
    15 |         unfreeze: LastBlock(k: 2),
       |                   ^^^^^^^^^
       = help: did you mean `LastBlocks`?

    bbc.ron:17:77: `Uniform` leaves a value to the search, but a recipe has every value fixed
       |
    17 |     recipes: [Recipe(name: "mine", config: (optimizer: AdamW(learning_rate: Uniform(1e-5, 1e-4))))],
       |                                                                             ^^^^^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn syntax_errors_have_places() {
    insta::assert_snapshot!(problems("Sweep(\n    model: Asset(\"m\")\n    data: 3,\n)"), @r"
    bbc.ron:3:5: expected comma
      |
    3 |     data: 3,
      |     ^
    ");
    insta::assert_snapshot!(problems("Sweep(\n    model: Asset(\"m),\n)"), @r#"
    bbc.ron:2:19: expected end of string
      |
    2 |     model: Asset("m),
      |                   ^
    "#);
    insta::assert_snapshot!(problems(""), @r"
    bbc.ron:1:1: the file is empty
      |
    1 | 
      | ^
      = help: a file is `Sweep(model: ..., data: ..., ...)`
    ");
    insta::assert_snapshot!(problems("Sweep"), @r"
    bbc.ron:1:1: expected `Sweep(...)`, not `Sweep`
      |
    1 | Sweep
      | ^
      = help: a file is `Sweep(model: ..., data: ..., ...)`
    ");
    insta::assert_snapshot!(problems("Train(model: Asset(\"m\"), config: ())"), @r#"
    bbc.ron:1:1: this is one config (`Train(...)`), not a space to search
      |
    1 | Train(model: Asset("m"), config: ())
      | ^
      = help: train it with `thawline train FILE --to MODEL_DIR`
    "#);
    insta::assert_snapshot!(problems("(model: Asset(\"m\"), config: ())"), @r#"
    bbc.ron:1:1: this is one config (`Train(...)`), not a space to search
      |
    1 | (model: Asset("m"), config: ())
      | ^
      = help: train it with `thawline train FILE --to MODEL_DIR`
    "#);
    insta::assert_snapshot!(problems("Sweep(model: Asset(\"m\")) Sweep()"), @r#"
    bbc.ron:1:26: non-whitespace trailing characters
      |
    1 | Sweep(model: Asset("m")) Sweep()
      |                          ^
    "#);
}

#[test]
fn wrong_kinds_of_values() {
    let with = |field: &str| problems(&format!("Sweep(model: Asset(\"m\"), data: Text(files: One(Asset(\"d\"))),\n{field}, space: ())"));
    insta::assert_snapshot!(with("objective: Maximize(\"accuracy\")"), @r#"
    bbc.ron:2:21: `objective` is one of `Accuracy`, `MacroF1`, `Matthews`, `Loss` or `Custom`, not the string "accuracy"
      |
    2 | objective: Maximize("accuracy"), space: ())
      |                     ^^^^^^^^^^
      = help: write `Accuracy`, without quotes
    "#);
    insta::assert_snapshot!(with("settings: (seed: -1)"), @r"
    bbc.ron:2:18: `seed` must be from 0 to 18446744073709551615, not -1
      |
    2 | settings: (seed: -1), space: ())
      |                  ^^
    ");
    insta::assert_snapshot!(with("settings: (scheduler: Bohb)"), @r"
    bbc.ron:2:23: `Bohb` is not a scheduler
      |
    2 | settings: (scheduler: Bohb), space: ())
      |                       ^^^^
      = help: it may be `FreezeThaw`, `Asha`, `SuccessiveHalving`, `Hyperband`, `Pasha`, `MedianRule` or `None`
    ");
    insta::assert_snapshot!(with("settings: (r_min: 0.5)"), @r"
    bbc.ron:2:19: `r_min` is one of `Epochs`, `Examples`, `Share` or `Auto`, not the number 0.5
      |
    2 | settings: (r_min: 0.5), space: ())
      |                   ^^^
    ");
    insta::assert_snapshot!(with("settings: (r_min: Epochs(5.0))"), @r"
    bbc.ron:2:19: the first rung, 5 epochs, lies beyond the horizon of 3 epochs
      |
    2 | settings: (r_min: Epochs(5.0)), space: ())
      |                   ^^^^^^^^^^^
      = help: give a smaller r_min, such as Epochs(0.5), or more epochs
    ");
    insta::assert_snapshot!(with("settings: (eta: Choice([2, 3]))"), @r"
    bbc.ron:2:17: `Choice` leaves a value to the search, but a setting has every value fixed
      |
    2 | settings: (eta: Choice([2, 3])), space: ())
      |                 ^^^^^^^^^^^^^^
    ");
    insta::assert_snapshot!(with("settings: (eta: 3, eta: 4)"), @r"
    bbc.ron:2:20: `eta` is given twice
      |
    2 | settings: (eta: 3, eta: 4), space: ())
      |                    ^^^
      = help: leave one of them out
    ");
    insta::assert_snapshot!(with("settings: [1, 2]"), @r"
    bbc.ron:2:11: `settings` must be fields in parentheses, such as (trials: ..., budget: ...), not a list
      |
    2 | settings: [1, 2], space: ())
      |           ^^^^^^
    ");
    insta::assert_snapshot!(with("recipes: [Recipe(name: \"a\", config: ()), Recipe(name: \"a\", config: (unfreeze: LastBlocks(2)))]"), @r#"
    bbc.ron:2:55: there are two recipes called "a"
      |
    2 | recipes: [Recipe(name: "a", config: ()), Recipe(name: "a", config: (unfreeze: LastBlocks(2)))], space: ())
      |                                                       ^^^
      = help: give it another name

    bbc.ron:2:79: `LastBlocks` takes named fields in parentheses
      |
    2 | recipes: [Recipe(name: "a", config: ()), Recipe(name: "a", config: (unfreeze: LastBlocks(2)))], space: ())
      |                                                                               ^^^^^^^^^^^^^
      = help: write `LastBlocks(k: ...)`
    "#);
}

#[test]
fn data_that_does_not_fit_together() {
    let data = |data: &str| problems(&format!("Sweep(model: Asset(\"m\"), data: Text({data}), space: ())"));
    insta::assert_snapshot!(data("text: \"a\""), @r#"
    bbc.ron:1:32: `Text` lacks the field `files`
      |
    1 | Sweep(model: Asset("m"), data: Text(text: "a"), space: ())
      |                                ^^^^
      = help: add `files: ...`, one of `One` or `Splits`
    "#);
    insta::assert_snapshot!(data("files: One(Asset(\"d\")), columns: [\"title\", \"labels\"]"), @r#"
    bbc.ron:1:32: `columns` has no column "text"
      |
    1 | Sweep(model: Asset("m"), data: Text(files: One(Asset("d")), columns: ["title", "labels"]), space: ())
      |                                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    bbc.ron:1:32: `columns` has no column "label"
      |
    1 | Sweep(model: Asset("m"), data: Text(files: One(Asset("d")), columns: ["title", "labels"]), space: ())
      |                                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: did you mean "labels"?
    "#);
    insta::assert_snapshot!(data("files: One(Asset(\"d\")), text: Pair(\"a\", \"a\"), label: \"a\""), @r#"
    bbc.ron:1:67: both texts of the pair are the column "a"
      |
    1 | Sweep(model: Asset("m"), data: Text(files: One(Asset("d")), text: Pair("a", "a"), label: "a"), space: ())
      |                                                                   ^^^^^^^^^^^^^^

    bbc.ron:1:90: the label is the column "a", which is also the text
      |
    1 | Sweep(model: Asset("m"), data: Text(files: One(Asset("d")), text: Pair("a", "a"), label: "a"), space: ())
      |                                                                                          ^^^
    "#);
    insta::assert_snapshot!(data("files: One(Asset(\"d\")), split: (validation: 0.0)"), @r#"
    bbc.ron:1:81: without a validation split there is nothing to compare configs by
      |
    1 | Sweep(model: Asset("m"), data: Text(files: One(Asset("d")), split: (validation: 0.0)), space: ())
      |                                                                                 ^^^
      = help: give `validation` a share above 0, or a file: Splits(train: ..., validation: ...)
    "#);
}

#[test]
fn misused_domains() {
    insta::assert_snapshot!(in_space("epochs: Uniform(1.0, 3.0)"), @r#"
    bbc.ron:1:78: `epochs` is a whole number, but `Uniform` draws fractions
      |
    1 | Sweep(model: Asset("m"), data: Text(files: One(Asset("d"))), space: (epochs: Uniform(1.0, 3.0)))
      |                                                                              ^^^^^^^^^^^^^^^^^
      = help: write Int(1, 3)
    "#);
    insta::assert_snapshot!(in_space("epochs: 2.0"), @r#"
    bbc.ron:1:78: `epochs` must be a whole number, not the number 2.0
      |
    1 | Sweep(model: Asset("m"), data: Text(files: One(Asset("d"))), space: (epochs: 2.0))
      |                                                                              ^^^
      = help: write 2, without a point
    "#);
    insta::assert_snapshot!(in_space("optimizer: Uniform(1.0, 3.0)"), @r#"
    bbc.ron:1:81: `Uniform` is a range of numbers, but `optimizer` is one of `Sgd`, `Adam`, `AdamW` or `RmsProp`
      |
    1 | Sweep(model: Asset("m"), data: Text(files: One(Asset("d"))), space: (optimizer: Uniform(1.0, 3.0)))
      |                                                                                 ^^^^^^^^^^^^^^^^^
      = help: list the options with `Choice([...])`
    "#);
    insta::assert_snapshot!(in_space("warmup: Choice([])"), @r#"
    bbc.ron:1:78: there is nothing to choose from
      |
    1 | Sweep(model: Asset("m"), data: Text(files: One(Asset("d"))), space: (warmup: Choice([])))
      |                                                                              ^^^^^^^^^^
      = help: list the options between the brackets
    "#);
    insta::assert_snapshot!(in_space("warmup: Choice(0.0, 0.1)"), @r#"
    bbc.ron:1:78: `Choice` takes a list of options
      |
    1 | Sweep(model: Asset("m"), data: Text(files: One(Asset("d"))), space: (warmup: Choice(0.0, 0.1)))
      |                                                                              ^^^^^^^^^^^^^^^^
      = help: write `Choice([..., ...])`
    "#);
    insta::assert_snapshot!(in_space("warmup: Weighted([(0, 0.1), (1, 0.2)])"), @r#"
    bbc.ron:1:89: a weight is a number above 0, not the number 0
      |
    1 | Sweep(model: Asset("m"), data: Text(files: One(Asset("d"))), space: (warmup: Weighted([(0, 0.1), (1, 0.2)])))
      |                                                                                         ^
      = help: leave out what is never to be taken
    "#);
    insta::assert_snapshot!(in_space("warmup: Uniform(0.1)"), @r#"
    bbc.ron:1:78: `Uniform` takes 2 numbers
      |
    1 | Sweep(model: Asset("m"), data: Text(files: One(Asset("d"))), space: (warmup: Uniform(0.1)))
      |                                                                              ^^^^^^^^^^^^
      = help: write `Uniform(low, high)`
    "#);
    insta::assert_snapshot!(in_space("warmup: Uniform(0.1, 1.0)"), @r#"
    bbc.ron:1:91: `warmup` must be at least 0 and below 1, not 1.0
      |
    1 | Sweep(model: Asset("m"), data: Text(files: One(Asset("d"))), space: (warmup: Uniform(0.1, 1.0)))
      |                                                                                           ^^^
    "#);
    insta::assert_snapshot!(in_space("warmup: Stepped(0.0, 0.2, 0.3)"), @r#"
    bbc.ron:1:78: a step of 0.3 does not fit into the range from 0 to 0.2
      |
    1 | Sweep(model: Asset("m"), data: Text(files: One(Asset("d"))), space: (warmup: Stepped(0.0, 0.2, 0.3)))
      |                                                                              ^^^^^^^^^^^^^^^^^^^^^^
      = help: give a step above 0, at most the range's width and at least a millionth of it
    "#);
    insta::assert_snapshot!(in_space("optimizer: Sgd(learning_rate: 0.1, nesterov: Choice([true, false]))"), @r#"
    bbc.ron:1:115: Nesterov momentum needs momentum, which can be 0 here
      |
    1 | d"))), space: (optimizer: Sgd(learning_rate: 0.1, nesterov: Choice([true, false]))))
      |                                                             ^^^^^^^^^^^^^^^^^^^^^
      = help: give a momentum above 0, such as `momentum: 0.9`
    "#);
}

#[test]
fn a_grid_has_points() {
    let with = |space: &str| {
        let settings = "settings: (sampler: Grid)";
        problems(&format!("Sweep(model: Asset(\"m\"), data: Text(files: One(Asset(\"d\"))), {settings},\nspace: ({space}))"))
    };
    insta::assert_snapshot!(with("warmup: Uniform(0.0, 0.1), batch_size: Choice([8, 16])"), @"
    bbc.ron:2:17: a grid has no points on a continuum such as Uniform(0.0, 0.1)
      |
    2 | space: (warmup: Uniform(0.0, 0.1), batch_size: Choice([8, 16])))
      |                 ^^^^^^^^^^^^^^^^^
      = help: write `Stepped(low, high, step)` or `Choice([...])`, or take another sampler
    ");
    insta::assert_snapshot!(with("batch_size: Int(1, 5000), epochs: Int(1, 50), label_smoothing: Stepped(0.0, 0.5, 0.1)"), @r#"
    bbc.ron:1:82: the grid of this space has 1500000 points
      |
    1 | Sweep(model: Asset("m"), data: Text(files: One(Asset("d"))), settings: (sampler: Grid),
      |                                                                                  ^^^^
      = help: take fewer or coarser ranges, for at most 1000000 points, or another sampler
    "#);
}

#[test]
fn a_sweep_has_something_to_search_for() {
    let text = "Sweep(model: Asset(\"m\"), data: Text(files: One(Asset(\"d\"))),\nspace: (epochs: 2))";
    let space = Space::parse(Path::new("bbc.ron"), text).unwrap();
    insta::assert_snapshot!(space.check_search().unwrap_err(), @"
    bbc.ron:2:8: there is nothing to search for: every value is fixed
      |
    2 | space: (epochs: 2))
      |        ^^^^^^^^^^^
      = help: give a field a range, such as `learning_rate: LogUniform(1e-5, 1e-3)`, or list more than one recipe; `thawline train` trains a single config
    ");
}

#[test]
fn goals_beside_the_objective() {
    let file = |goals: &str, data: &str| {
        format!("Sweep(model: Asset(\"m\"), data: {data}, space: (),\n    objective: Maximize(MacroF1),\n    {goals})")
    };
    let text = "Text(files: One(Asset(\"d\")))";
    let wrong = [
        ("second: Maximize(TrainableParameters)", text),
        ("second: Maximize(MacroF1)", text),
        ("second: Minimize(GroupGap)", text),
        ("constraints: [GroupGap(0.05)]", "Images(files: One(Asset(\"d\")))"),
        ("constraints: [SecondsPerEpoch(3), TrainableParameters(0), SecondsPerEpoch(4), Params(3)]", text),
        ("constraints: [SecondsPerEpoch(3), SecondsPerEpoch(4)]", text),
        ("", "Text(files: One(Asset(\"d\")), group: \"text\")"),
        ("", "Text(files: One(Asset(\"d\")), columns: [\"label\", \"text\", \"source\"], group: \"sources\")"),
    ];
    let all: Vec<String> = wrong.iter().map(|(goals, data)| problems(&file(goals, data)).to_string()).collect();
    insta::assert_snapshot!(all.join("\n\n"), @r#"
    bbc.ron:3:13: TrainableParameters is better when it is lower
      |
    3 |     second: Maximize(TrainableParameters))
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: write `Minimize(TrainableParameters)`

    bbc.ron:3:13: this is the objective already
      |
    3 |     second: Maximize(MacroF1))
      |             ^^^^^^^^^^^^^^^^^
      = help: a second objective is another measure

    bbc.ron:3:13: GroupGap compares groups, and the data have none
      |
    3 |     second: Minimize(GroupGap))
      |             ^^^^^^^^^^^^^^^^^^
      = help: name their column in `data`, such as `group: "source"`

    bbc.ron:3:19: GroupGap compares groups, and the data have none
      |
    3 |     constraints: [GroupGap(0.05)])
      |                   ^^^^^^^^^^^^^^
      = help: images have no groups: only texts can name a column of them

    bbc.ron:3:59: `constraints` must be from 1 to 9223372036854775807, not 0
      |
    3 |     constraints: [SecondsPerEpoch(3), TrainableParameters(0), SecondsPerEpoch(4), Params(3)])
      |                                                           ^

    bbc.ron:3:83: `Params` is not a constraint
      |
    3 |     constraints: [SecondsPerEpoch(3), TrainableParameters(0), SecondsPerEpoch(4), Params(3)])
      |                                                                                   ^^^^^^
      = help: it may be `TrainableParameters`, `SecondsPerEpoch`, `CheckpointBytes` or `GroupGap`

    bbc.ron:3:39: SecondsPerEpoch is constrained twice
      |
    3 |     constraints: [SecondsPerEpoch(3), SecondsPerEpoch(4)])
      |                                       ^^^^^^^^^^^^^^^^^^
      = help: give each limit once

    bbc.ron:1:68: the group is the column "text", which is also the text
      |
    1 | Sweep(model: Asset("m"), data: Text(files: One(Asset("d")), group: "text"), space: (),
      |                                                                    ^^^^^^

    bbc.ron:1:106: `columns` has no column "sources"
      |
    1 | e(Asset("d")), columns: ["label", "text", "source"], group: "sources"), space: (),
      |                                                             ^^^^^^^^^
      = help: did you mean "source"?
    "#);
    let data = "Text(files: One(Asset(\"d\")), group: \"source\")";
    let goals = "second: Minimize(TrainableParameters), constraints: [GroupGap(0.1), CheckpointBytes(1000)]";
    let mut space = Space::parse(Path::new("bbc.ron"), &file(goals, data)).unwrap();
    assert_eq!(space.constraints, [Constraint::GroupGap(0.1), Constraint::CheckpointBytes(1000)]);
    assert_eq!(space.second, Some(Second { measure: Measure::TrainableParameters, direction: Direction::Minimize }));
    let plain = Space::parse(Path::new("bbc.ron"), &file("", data)).unwrap();
    assert_ne!(plain.hash(), space.hash());
    insta::assert_snapshot!(space.difference(&plain).join("\n"), @r#"
    second: was null, now {"direction":"Minimize","measure":"TrainableParameters"}
    constraints: was [], now [{"GroupGap":0.1},{"CheckpointBytes":1000}]
    "#);
    space.second = Some(Second { measure: Measure::Loss, direction: Direction::Minimize });
    insta::assert_snapshot!(space.set("objective", "Minimize(Loss)", "--objective").unwrap_err(), @"
    --objective:1:1: this is the objective already
      |
    1 | Minimize(Loss)
      | ^
      = help: a second objective is another measure
    ");
}
