//! The leaderboard as plain text.

use engine::{record::StudyRecord, state::Phase};

use crate::{
    format, parameters,
    summary::Summary,
    tables::{LeaderboardRow, Tables},
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
        [row.rank.to_string(), name, value, row.outcome.clone(), config]
    };
    let header = ["rank", "trial", metric.name(), "outcome", "config"].map(str::to_owned);
    let lines: Vec<[String; 5]> = std::iter::once(header).chain(shown.map(line)).collect();
    let widths: Vec<usize> = (0..5).map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)).collect();
    let mut text: Vec<String> = lines
        .iter()
        .map(|[rank, trial, value, outcome, config]| {
            let (a, b, c, d) = (widths[0], widths[1], widths[2], widths[3]);
            let line = format!("{rank:>a$}  {trial:<b$}  {value:>c$}  {outcome:<d$}  {config}");
            line.trim_end().to_owned()
        })
        .collect();
    let hidden = (tables.leaderboard.len() + 1).saturating_sub(lines.len());
    if hidden > 0 {
        text.push(format!("... and {}", format::counted(hidden as u64, "more trial")));
    }
    text.push(String::new());
    text.extend(closing(&summary));
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
            format!("Trial {}: {} {} against {} of the default recipe{at} ({gain}).", best.trial, metric.name(), show(value), show(default))
        }
        (Some(best), None) => format!("Trial {}: {} {}.", best.trial, metric.name(), show(best.value)),
        (None, _) => "No trial has a value yet.".to_owned(),
    }];
    if let Some(share) = summary.saved.share().filter(|share| *share > 0.0) {
        lines.push(format!(
            "{} of {} steps trained: early termination saved {} of full-length training.",
            format::count(summary.saved.steps_trained),
            format::count(summary.saved.steps_full),
            format::percent(share)
        ));
    }
    lines
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
    use crate::testing::sample_record;

    #[test]
    fn the_best_the_default_and_the_closing_lines() {
        insta::assert_snapshot!(leaderboard_text(&sample_record(12, 3, 1), 4), @r##"
rank  trial                 accuracy  outcome         config
   1  6                        0.957  full length     batch=16 AdamW lr=1.52e-4 wd=0.0396 warmup=0.0253 Everything hidden=0.0…
   2  8                        0.942  full length     batch=16 AdamW lr=1.51e-4 wd=0.0909 warmup=0.154 LastBlocks k=3 hidden=…
   3  0 literature default     0.919  full length     batch=16 AdamW lr=5e-5 wd=0.01 warmup=0.1 Everything hidden=0.1
   4  2                        0.658  stopped itself  batch=32 Sgd lr=0.236 momentum=0.897 warmup=0.0203 HeadOnly hidden=0.177
... and 8 more trials

Trial 6: accuracy 0.957 against 0.919 of the default recipe (+3.8 points).
1,328 of 3,021 steps trained: early termination saved 56 % of full-length training.
"##);
    }

    #[test]
    fn one_trial_and_none() {
        insta::assert_snapshot!(leaderboard_text(&sample_record(1, 3, 1), 10), @r##"
rank  trial                 accuracy  outcome      config
   1  0 literature default     0.919  full length  batch=16 AdamW lr=5e-5 wd=0.01 warmup=0.1 Everything hidden=0.1

Trial 0, the default recipe, is best: accuracy 0.919.
"##);
        insta::assert_snapshot!(leaderboard_text(&sample_record(0, 3, 1), 10), @r##"
rank  trial  accuracy  outcome  config

No trial has a value yet.
"##);
    }
}
