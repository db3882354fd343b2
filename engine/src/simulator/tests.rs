use search_spaces::settings::{Resource, SamplerKind, SchedulerKind};

use super::*;

/// A table over `x` whose rows are the runs given: place, cost and curve.
fn table(points: usize, rows: &[(f64, f64, &str)]) -> Table {
    let header = format!(
        r#"{{"name": "t", "metric": "loss", "direction": "minimize", "points": {points}, "hyperparameters": {{"x": {{"type": "float", "low": 0, "high": 1, "log": false}}}}}}"#
    );
    let rows = rows.iter().map(|(x, cost, curve)| format!(r#"{{"config": {{"x": {x}}}, "cost": {cost}, "curve": {curve}}}"#));
    let lines: Vec<String> = [header].into_iter().chain(rows).collect();
    Table::read(lines.join("\n").as_bytes()).unwrap()
}

fn three() -> Table {
    table(4, &[(0.1, 1.0, "[5, 4, 3, 1]"), (0.5, 1.0, "[5, 4, 3, 2]"), (0.9, 1.0, "[6, 5, 4, 3]")])
}

fn study(table: &Table, scheduler: SchedulerKind, seed: u64) -> StudySpec {
    let mut space = table.space();
    space.settings.scheduler = scheduler;
    space.settings.r_min = Resource::Examples(1);
    space.settings.seed = seed;
    space.settings.trials = u32::MAX;
    spec(space, table).unwrap()
}

fn times(simulated: &Simulated) -> Vec<f64> {
    simulated.seen.iter().map(|(at, _)| *at).collect()
}

#[test]
fn regret_is_0_at_the_best_1_at_the_median_and_that_of_the_worst_with_nothing() {
    let table = three();
    assert_eq!((table.best, table.median, table.worst), (1.0, 2.0, 6.0));
    assert_eq!([Some(1.0), Some(2.0), Some(3.0), None].map(|value| table.regret(value)), [0.0, 1.0, 2.0, 5.0]);
}

#[test]
fn a_point_is_seen_when_it_has_been_paid_for() {
    let simulated = simulate(&study(&three(), SchedulerKind::None, 0), &three(), 1, 2500.0).unwrap();
    assert_eq!(times(&simulated), (1..=10).map(|point| 250.0 * f64::from(point)).collect::<Vec<_>>());
    assert_eq!((simulated.trials, simulated.spent, simulated.seconds), (3, 2500.0, 2500.0));
}

#[test]
fn a_run_that_diverges_costs_the_point_at_which_it_did_and_its_trial_fails() {
    let table = table(4, &[(0.1, 1.0, "[5, null, 3, 1]"), (0.9, 1.0, "[6, null, null, null]")]);
    let simulated = simulate(&study(&table, SchedulerKind::None, 0), &table, 1, 1800.0).unwrap();
    assert_eq!(times(&simulated), [250.0, 750.0, 1250.0, 1750.0]);
    assert_eq!(simulated.trials, 4);
}

#[test]
fn slots_share_the_time() {
    let simulated = simulate(&study(&three(), SchedulerKind::None, 0), &three(), 3, 1000.0).unwrap();
    assert_eq!(times(&simulated), [250.0, 500.0, 750.0, 1000.0].into_iter().flat_map(|at| [at; 3]).collect::<Vec<_>>());
    assert_eq!(simulated.spent, 3000.0);
}

#[test]
fn promoted_trials_pay_for_new_points_only() {
    let mut rows: Vec<(f64, f64, &str)> = (0..30).map(|row| (f64::from(row) / 30.0, 1.0, "[9, 8, 7, 6, 5, 4, 3, 2, 1]")).collect();
    rows.push((1.0, 1.0, "[9, 8, 7, 6, 5, 4, 3, 2, 0]"));
    let table = table(9, &rows);
    for slots in [1, 4] {
        let simulated = simulate(&study(&table, SchedulerKind::Asha, 1), &table, slots, 5000.0).unwrap();
        let each = SECONDS_A_RUN / 9.0;
        assert!((simulated.spent - simulated.seen.len() as f64 * each).abs() < each * slots as f64, "{simulated:?}");
        assert!(simulated.trials > 5 * slots && simulated.incumbents(table.objective).last().unwrap().1 <= 1.0);
    }
}

#[test]
fn the_same_seed_gives_the_same_study() {
    let table = three();
    for sampler in [SamplerKind::Random, SamplerKind::Tpe] {
        let run = |seed| {
            let mut spec = study(&table, SchedulerKind::Asha, seed);
            spec.space.settings.sampler = sampler;
            simulate(&spec, &table, 2, 9000.0).unwrap()
        };
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
    }
}

#[test]
fn a_study_may_end_before_its_time() {
    let mut spec = study(&three(), SchedulerKind::None, 0);
    spec.space.settings.trials = 2;
    let simulated = simulate(&spec, &three(), 1, 1e6).unwrap();
    assert_eq!((simulated.trials, simulated.seconds, simulated.spent), (2, 2000.0, 2000.0));
}

#[test]
fn incumbents_are_better_than_all_before() {
    let simulated = Simulated { trials: 1, seen: vec![(1.0, 5.0), (2.0, 6.0), (3.0, 4.0), (4.0, 4.0)], spent: 0.0, seconds: 0.0 };
    assert_eq!(simulated.incumbents(three().objective), [(1.0, 5.0), (3.0, 4.0)]);
}

#[test]
fn what_is_wrong_with_a_table_is_told() {
    let header = r#"{"name": "t", "metric": "loss", "direction": "minimize", "points": 2, "hyperparameters": {"x": {"type": "float", "low": 0, "high": 1, "log": LOG}}}"#;
    let wrong = |text: String| Table::read(text.as_bytes()).unwrap_err().to_string();
    let rows = |rows: &str| wrong(format!("{}\n{rows}", header.replace("LOG", "false")));
    insta::assert_snapshot!(wrong(String::new()), @"it is empty");
    insta::assert_snapshot!(wrong("{}".to_owned()), @"line 1: no header: missing field `name` at line 1 column 2");
    insta::assert_snapshot!(wrong(header.replace("LOG", "true")), @"line 1: hyperparameter x: from 0 to 1 is no range on a log axis");
    let whole = header.replace("float", "int").replace("LOG", "false").replace("\"high\": 1", "\"high\": 1.5");
    insta::assert_snapshot!(wrong(whole), @"line 1: hyperparameter x: an int from 0 to 1.5 has bounds that are no whole numbers");
    let far = header.replace("LOG", "false").replace("\"low\": 0", "\"low\": -1e308").replace("\"high\": 1", "\"high\": 1e308");
    assert!(wrong(far).ends_with("is further than can be counted"));
    let far = header.replace("float", "int").replace("LOG", "false").replace("\"high\": 1", "\"high\": 1e300");
    assert!(wrong(far).ends_with("is further than can be counted"));
    insta::assert_snapshot!(rows(""), @"no run in it has a finite value");
    insta::assert_snapshot!(rows(r#"{"config": {"x": 0.5}, "cost": 1, "curve": [1]}"#), @"line 2: a curve of 1 points where the header says 2");
    insta::assert_snapshot!(rows(r#"{"config": {"x": 0.5}, "cost": 0, "curve": [1, 2]}"#), @"line 2: a cost of 0 median runs");
    insta::assert_snapshot!(rows(r#"{"config": {"y": 0.5}, "cost": 1, "curve": [1, 2]}"#), @"line 2: no value of x");
    insta::assert_snapshot!(rows(r#"{"config": {"x": 0.5}, "cost": 1, "curve": [1, 1]}"#), @"half of its runs are as good as the best: there is nothing to search for");
}

#[test]
fn no_more_than_a_table_may_have_is_read() {
    // A line without an end, as a packed file of a few bytes may unpack to.
    let endless = std::io::BufReader::new(std::io::repeat(b' '));
    let error = Table::read_within(endless, 1000).unwrap_err();
    insta::assert_snapshot!(error, @"its text has 1000 bytes or more, which is more than is read: take some of its runs");
}
