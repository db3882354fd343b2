//! The leaderboard as plain text.

use engine::{record::StudyRecord, state::Phase};
use search_spaces::settings::Metric;

use crate::{
    format, html, parameters,
    saving::share_saved,
    summary::{Summary, Test},
    tables::{CrossRow, FinalistRow, LeaderboardRow, Tables},
};

/// Longer configs are cut off; the report has them whole.
const CONFIG_WIDTH: usize = 72;

/// The first `top_n` of the leaderboard, and the default recipe if it is not among them, in aligned columns without colour codes; then what
/// was gained over the default recipe and what early termination saved.
pub fn leaderboard_text(record: &StudyRecord, top_n: usize) -> String {
    let tables = Tables::new(record);
    let summary = Summary::new(record, &tables);
    let metric = record.state.objective.metric;
    let shown = tables.leaderboard.iter().enumerate().filter(|(place, row)| *place < top_n || row.trial == 0);
    let line = |(_, row): (usize, &LeaderboardRow)| {
        let value = match (tables.trials.get(row.trial as usize).map(|trial| trial.phase), row.value) {
            (Some(Phase::Failed { .. }), _) => "failed".to_owned(),
            (_, Some(value)) => format::metric(metric, value),
            (_, None) => "-".to_owned(),
        };
        let name = match &row.recipe {
            Some(recipe) => format!("{} {recipe}", row.trial),
            None => row.trial.to_string(),
        };
        let config = cut(&parameters::short(&tables.parameters, row.trial as usize), CONFIG_WIDTH);
        let mean = row.mean.map_or_else(String::new, |(mean, _)| format::metric(metric, mean));
        [row.rank.to_string(), name, value, mean, row.outcome.clone(), config]
    };
    let header = ["rank", "trial", metric.name(), "mean", "outcome", "config"].map(str::to_owned);
    let lines: Vec<[String; 6]> = std::iter::once(header).chain(shown.map(line)).collect();
    let widths: Vec<usize> = (0..6).map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)).collect();
    let mut text: Vec<String> = lines
        .iter()
        .map(|[rank, trial, value, mean, outcome, config]| {
            let (a, b, c, d, e) = (widths[0], widths[1], widths[2], widths[3], widths[4]);
            // Only finalists have one.
            let mean = if tables.finalists.is_empty() { String::new() } else { format!("{mean:>d$}  ") };
            let line = format!("{rank:>a$}  {trial:<b$}  {value:>c$}  {mean}{outcome:<e$}  {config}");
            line.trim_end().to_owned()
        })
        .collect();
    let hidden = (tables.leaderboard.len() + 1).saturating_sub(lines.len());
    if hidden > 0 {
        text.push(format!("... and {}", format::counted(hidden as u64, "more trial")));
    }
    text.push(String::new());
    text.extend(closing(&summary));
    text.extend(html::words::goals(&summary));
    text.extend(finalists(&tables, &summary));
    text.extend(summary.test.iter().flat_map(|test| tested(test, metric)));
    text.extend(cross_validation(&tables, metric));
    text.join("\n") + "\n"
}

fn closing(summary: &Summary) -> Vec<String> {
    let metric = summary.objective.metric;
    let show = |value| format::metric(metric, value);
    let mut lines = vec![match (&summary.best, summary.against_default()) {
        (Some(best), _) if best.trial == 0 => format!("Trial 0, the default recipe, is best: {} {}.", metric.name(), show(best.value)),
        (Some(best), Some((value, default, rung))) => {
            let at = rung.map_or_else(String::new, |rung| format!(" at rung {rung}, the last both reached"));
            let gain = format::difference(metric, value, default);
            let exceeds = if summary.default.as_ref().is_some_and(|default| default.exceeds) { ", which exceeds a limit," } else { "" };
            let mean = if best.again.is_some() && rung.is_none() { "mean " } else { "" };
            format!(
                "Trial {}: {mean}{} {} against {} of the default recipe{exceeds}{at} ({gain}).",
                best.trial,
                metric.name(),
                show(value),
                show(default)
            )
        }
        (Some(best), None) => format!("Trial {}: {} {}.", best.trial, metric.name(), show(best.value)),
        (None, _) => "No trial has a value yet.".to_owned(),
    }];
    lines.extend(summary.best.as_ref().map(|best| format!("Chosen as {}.", best.rule)));
    if !summary.finished && summary.steps > 0 {
        lines.push(format!(
            "{} steps trained so far; what early termination saves is known once the search has ended.",
            format::count(summary.steps)
        ));
    }
    if let Some(share) = share_saved(summary.saved) {
        lines.push(format!(
            "{} of {} steps trained: early termination saved {share} of full-length training.",
            format::count(summary.saved.steps_trained),
            format::count(summary.saved.steps_full)
        ));
    }
    lines
}

fn finalists(tables: &Tables, summary: &Summary) -> Vec<String> {
    let metric = summary.objective.metric;
    let show = |value| format::metric(metric, value);
    let Some(again) = summary.best.as_ref().and_then(|best| best.again.as_ref()) else { return Vec::new() };
    let line = |row: &FinalistRow| {
        let values: Vec<String> =
            row.trainings.iter().map(|(_, value)| if value.is_nan() { "failed".to_owned() } else { show(*value) }).collect();
        let deviation = row.deviation.map_or_else(String::new, |deviation| format!(" +- {}", show(deviation)));
        let note = match row.behind {
            None if row.exceeds => ": exceeds a constraint",
            Some(behind) if behind.is_open() => ": another seed might as well have put it first",
            Some(_) => ": behind by more than the seed explains",
            None if row.failed > 0 => ": fails with some seeds",
            None => "",
        };
        format!("  trial {}: {}{deviation} ({}){note}", row.trial, show(row.mean), values.join(", "))
    };
    let order = if tables.constraints.is_empty() { "best mean first" } else { "those that keep the constraints first, then by mean" };
    let mut lines = vec![format!("Finalists, each trained with {} seeds, {order}:", again.seeds)];
    lines.extend(tables.finalists.iter().map(line));
    if let Some(best) = summary.best.as_ref().filter(|best| best.trial != again.exported) {
        let exported = again.exported;
        lines.push(format!(
            "best.ron and export take trial {exported}: of the trainings of trial {}'s config the one in the middle.",
            best.trial
        ));
    }
    if let Some((trials, seeds)) = again.wanted {
        lines.push(format!("The budget left no time for {} with {seeds} seeds each.", format::counted(trials as u64, "finalist")));
    }
    if again.open > 0 {
        lines.push(format!(
            "{} of finalists have not ended; only what all have counts here.",
            format::counted(again.open as u64, "training")
        ));
    }
    lines
}

fn tested(test: &Test, metric: Metric) -> Vec<String> {
    let show = |value| format::metric(metric, value);
    let row = &test.row;
    let interval = row.interval.map_or_else(String::new, |(low, high)| format!(", 95 % interval {} to {}", show(low), show(high)));
    let outdated = if test.outdated { ", no longer the best" } else { "" };
    let examples = format::counted(row.examples, "example");
    let over = if !row.overestimate.is_finite() {
        String::new()
    } else if row.overestimate > 0.0 {
        format!("; the search's {} was too good by {}", show(row.search_value), format::apart(metric, row.search_value, row.value))
    } else {
        format!("; the search had promised no more ({})", show(row.search_value))
    };
    let mut lines =
        vec![format!("Test split, {examples}: {} {} of trial {}{outdated}{interval}{over}.", metric.name(), show(row.value), row.trial)];
    if test.reused {
        lines.push("The study went on after the test split had been looked at: that figure is no longer independent of it.".to_owned());
    }
    lines
}

fn cross_validation(tables: &Tables, metric: Metric) -> Vec<String> {
    let show = |value| format::metric(metric, value);
    let line = |row: &CrossRow| {
        let deviation = row.deviation.map_or_else(String::new, |deviation| format!(" +- {}", show(deviation)));
        let against = row.above_default.map_or_else(String::new, |above| {
            let error = row.above_default_error.map_or_else(String::new, |error| {
                format!(", standard error {}", format::difference(metric, error, 0.0).trim_start_matches('+'))
            });
            format!("; against the default recipe {}{error}", format::difference(metric, above, 0.0))
        });
        let missing = if row.folds < row.of { format!(" (of {})", row.of) } else { String::new() };
        let folds = format::counted(u64::from(row.folds), "fold");
        format!("  trial {}: {}{deviation} over {folds}{missing}{against}", row.trial, show(row.mean))
    };
    let lines: Vec<String> = tables.cross_validation.iter().map(line).collect();
    if lines.is_empty() { lines } else { std::iter::once("Cross-validated, best mean first:".to_owned()).chain(lines).collect() }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{running_record, sample_record, with_finalists, with_folds, with_test};

    #[test]
    fn the_best_the_default_and_the_closing_lines() {
        insta::assert_snapshot!(leaderboard_text(&sample_record(12, 3, 1), 4), @"
        rank  trial                 accuracy  outcome               config
           1  6                        0.953  full length           batch=16 AdamW lr=1.52e-4 wd=0.0396 warmup=0.0253 Everything hidden=0.0…
           2  8                        0.937  full length           batch=16 AdamW lr=1.51e-4 wd=0.0909 warmup=0.154 LastBlocks k=3 hidden=…
           3  0 literature default     0.924  full length           batch=16 AdamW lr=5e-5 wd=0.01 warmup=0.1 Everything hidden=0.1
           4  11                       0.784  ended at rung 1 of 2  batch=32 Sgd lr=0.0138 momentum=0.854 warmup=0.0371 Everything hidden=0…
        ... and 8 more trials

        Trial 6: accuracy 0.953 against 0.924 of the default recipe (+2.9 points).
        Chosen as the best value of the search.
        1,381 of 3,189 steps trained: early termination saved 57 % of full-length training.
        ");
    }

    #[test]
    fn cross_validation_comes_last() {
        let mut record = sample_record(12, 3, 1);
        with_folds(&mut record, 6, &[Some(0.94), Some(0.95), Some(0.93)]);
        with_folds(&mut record, 8, &[Some(0.91), None, None]);
        with_folds(&mut record, 0, &[Some(0.90), Some(0.92), Some(0.91)]);
        let text = leaderboard_text(&record, 1);
        insta::assert_snapshot!(text.split_once("Cross").unwrap().1, @"
        -validated, best mean first:
          trial 6: 0.940 +- 0.010 over 3 folds; against the default recipe +3.0 points, standard error 0.6 points
          trial 0: 0.910 +- 0.010 over 3 folds
          trial 8: 0.910 over 1 fold (of 3); against the default recipe +1.0 points
        ");
    }

    #[test]
    fn before_the_end_nothing_is_said_to_be_saved() {
        insta::assert_snapshot!(leaderboard_text(&running_record(12, 3, 1), 12), @"
        rank  trial                 accuracy  outcome                    config
           1  6                        0.953  full length                batch=16 AdamW lr=1.52e-4 wd=0.0396 warmup=0.0253 Everything hidden=0.0…
           2  8                        0.937  full length                batch=16 AdamW lr=1.51e-4 wd=0.0909 warmup=0.154 LastBlocks k=3 hidden=…
           3  0 literature default     0.924  full length                batch=16 AdamW lr=5e-5 wd=0.01 warmup=0.1 Everything hidden=0.1
           4  2                        0.658  stopped itself             batch=32 Sgd lr=0.236 momentum=0.897 warmup=0.0203 HeadOnly hidden=0.177
           5  11                       0.499  on the way to rung 1 of 2  batch=32 Sgd lr=0.0138 momentum=0.854 warmup=0.0371 Everything hidden=0…
           6  9                        0.492  waits at rung 0 of 2       batch=32 Sgd lr=0.00964 momentum=0.503 warmup=0.109 Everything hidden=0…
           7  4                        0.463  waits at rung 0 of 2       batch=8 AdamW lr=1.41e-5 wd=0.00409 warmup=0.17 LastBlocks k=3 hidden=0…
           8  5                        0.454  waits at rung 0 of 2       batch=32 AdamW lr=5.91e-5 wd=0.0816 warmup=0.116 HeadOnly hidden=0.289
           9  7                        0.429  waits at rung 0 of 2       batch=32 Sgd lr=0.00227 momentum=0.987 warmup=0.0427 Everything hidden=…
          10  10                       0.429  waits at rung 0 of 2       batch=16 Sgd lr=0.00118 momentum=0.229 warmup=0.115 Everything hidden=0…
          11  1                        0.425  waits at rung 0 of 2       batch=16 AdamW lr=1.28e-5 wd=0.0364 warmup=0.0673 HeadOnly hidden=0.117
          12  3                       failed  failed before rung 0 of 2  batch=8 AdamW lr=4.64e-5 wd=0.0519 warmup=0.121 HeadOnly hidden=0.0626

        Trial 6: accuracy 0.953 against 0.924 of the default recipe (+2.9 points).
        Chosen as the best value of the search.
        1,406 steps trained so far; what early termination saves is known once the search has ended.
        ");
    }

    #[test]
    fn finalists_and_the_test_split() {
        let mut record = sample_record(12, 3, 1);
        let best: Vec<u32> = record.state.leaderboard().into_iter().take(3).collect();
        let values: [&[Option<f64>]; 3] = [&[Some(0.931), Some(0.929)], &[Some(0.951), Some(0.957)], &[Some(0.916), None]];
        with_finalists(&mut record, &best.iter().copied().zip(values).collect::<Vec<_>>());
        let exported = record.best().unwrap().trial;
        with_test(&mut record, exported, (0.9371, 0.9124, 0.9573));
        insta::assert_snapshot!(leaderboard_text(&record, 4), @"
        rank  trial                 accuracy   mean  outcome               config
           1  8                        0.937  0.948  full length           batch=16 AdamW lr=1.51e-4 wd=0.0909 warmup=0.154 LastBlocks k=3 hidden=…
           2  6                        0.953  0.938  full length           batch=16 AdamW lr=1.52e-4 wd=0.0396 warmup=0.0253 Everything hidden=0.0…
           3  0 literature default     0.924  0.920  full length           batch=16 AdamW lr=5e-5 wd=0.01 warmup=0.1 Everything hidden=0.1
           4  11                       0.784         ended at rung 1 of 2  batch=32 Sgd lr=0.0138 momentum=0.854 warmup=0.0371 Everything hidden=0…
        ... and 8 more trials

        Trial 8: mean accuracy 0.948 against 0.920 of the default recipe (+2.8 points).
        Chosen as the best mean of 3 finalists, its median training of 3.
        1,381 of 3,189 steps trained: early termination saved 57 % of full-length training.
        Finalists, each trained with 3 seeds, best mean first:
          trial 8: 0.948 +- 0.010 (0.937, 0.951, 0.957)
          trial 6: 0.938 +- 0.013 (0.953, 0.931, 0.929): another seed might as well have put it first
          trial 0: 0.920 +- 0.005 (0.924, 0.916, failed): fails with some seeds
        best.ron and export take trial 13: of the trainings of trial 8's config the one in the middle.
        Test split, 445 examples: accuracy 0.937 of trial 13, 95 % interval 0.912 to 0.957; the search had promised no more (0.937).
        ");
    }

    #[test]
    fn one_trial_and_none() {
        insta::assert_snapshot!(leaderboard_text(&sample_record(1, 3, 1), 10), @"
        rank  trial                 accuracy  outcome      config
           1  0 literature default     0.924  full length  batch=16 AdamW lr=5e-5 wd=0.01 warmup=0.1 Everything hidden=0.1

        Trial 0, the default recipe, is best: accuracy 0.924.
        Chosen as the best value of the search.
        ");
        insta::assert_snapshot!(leaderboard_text(&sample_record(0, 3, 1), 10), @r##"
rank  trial  accuracy  outcome  config

No trial has a value yet.
"##);
    }
}
