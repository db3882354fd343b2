//! A space in words.

use engine::{estimate, folds};
use search_spaces::{
    domain::{Domain, Parameter},
    ladder::Ladder,
    settings::{Rungs, SchedulerKind, Settings},
};

use crate::progress::text;

/// Every searched value with its domain, and when it exists.
pub(super) fn parameters(parameters: &[Parameter]) -> String {
    if parameters.is_empty() {
        return "  none: every value is fixed, so there is one config to try".to_owned();
    }
    let mut rows = vec![vec!["parameter".to_owned(), "domain".to_owned(), "only with".to_owned()]];
    rows.extend(parameters.iter().map(|parameter| {
        let condition = parameter.condition.map_or_else(String::new, |condition| {
            let parent = &parameters[condition.parent];
            let option = match &parent.domain {
                Domain::Choice { labels, .. } => labels.get(condition.option).cloned().unwrap_or_default(),
                _ => String::new(),
            };
            format!("{} = {option}", parent.path)
        });
        vec![parameter.path.clone(), parameter.domain.to_string(), condition]
    }));
    text::table(&rows)
}

/// The rungs, and how many trials are expected to train up to each.
pub(super) fn rungs(ladder: &Ladder, settings: &Settings, examples_per_epoch: u64) -> String {
    let expected = estimate::trials_at_rungs(ladder, settings);
    let mut rows = vec![vec!["rung".to_owned(), "examples".to_owned(), "passes".to_owned(), "trials that train up to it".to_owned()]];
    for (rung, (examples, configs)) in ladder.rungs.iter().zip(&expected).enumerate() {
        let about = if rung == 0 || settings.scheduler == SchedulerKind::None { "" } else { "about " };
        rows.push(vec![
            rung.to_string(),
            examples.to_string(),
            format!("{:.2}", *examples as f64 / examples_per_epoch.max(1) as f64),
            format!("{about}{configs}"),
        ]);
    }
    let default = if ladder.top() > 0 && settings.scheduler != SchedulerKind::None {
        "\n  the default recipe is trained in full, whatever its values"
    } else {
        ""
    };
    let finalists = match estimate::repeats(settings) {
        0 => String::new(),
        most => format!("\n  then the best configs are trained again with other seeds: up to {most} full trainings"),
    };
    let folds = settings.folds.map_or_else(String::new, |of| {
        let most = folds::most_trainings(settings);
        format!("\n  then the best configs and the default recipe are trained on each of {of} folds: up to {most} full trainings")
    });
    let (horizon, last) = (ladder.horizon() as f64, ladder.top().checked_sub(1).map_or(0.0, |rung| ladder.rungs[rung] as f64));
    // A promotion that late saves next to nothing.
    let late = if last > 0.8 * horizon {
        // Rounded up: a little less would put another cut just before the end.
        let share = (100.0 / f64::from(ladder.eta)).ceil() / 100.0;
        format!(
            "\n  the last cut comes at {:.0} % of the full length and saves little: with r_min Share({share}) it comes at {:.0} %",
            last / horizon * 100.0,
            share * 100.0
        )
    } else {
        String::new()
    };
    let cost = match ladder.kind {
        Rungs::EqualData => "",
        Rungs::EqualCost => {
            "\n  of equal cost: these examples are those of a trial that trains every block, others see more of them up to a rung"
        }
    };
    text::table(&rows) + cost + default + &late + &finalists + &folds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::config::tests::two;

    #[test]
    fn parameters_show_their_conditions() {
        insta::assert_snapshot!(parameters(&two()), @"
        parameter               domain                only with
        optimizer               Choice([Sgd, AdamW])
        optimizer.Sgd.momentum  Uniform(0.5, 0.9)     optimizer = Sgd
        ");
        insta::assert_snapshot!(parameters(&[]), @"  none: every value is fixed, so there is one config to try");
    }
}
