//! Whether a budget is enough for anything to be known at its end.

use engine::{devices::DeviceSlots, spec::StudySpec};
use search_spaces::{config::Config, settings::SchedulerKind};

use super::{
    Task,
    candidates::{by_work, quickest},
    measure::{self, Probe},
};
use crate::{args::Overrides, context::Context, exit::Error, progress::text};

/// A budget of so many seconds for each training example of the first rung is not measured: next to every model trains faster, and nobody should wait for a check
/// that finds nothing.
const AMPLE: f64 = 1.0;
/// Configs that are tried beside the default recipe.
const OTHERS: usize = 3;

/// Refuses a budget in which no trial would reach the first rung, and so none would have a value.
///
/// A few steps of the default recipe, which comes first, are trained to find out. Where they say that it would not get there, so are those of configs that are
/// likely to be quicker, since with several slots one of them may: only if none would is the budget refused. Whatever fails here, fails in the sweep, too, which
/// says more about it. One training at a time needs no more memory than a worker's slots do.
pub(super) fn check(task: Task<'_>, overrides: &Overrides, devices: &[DeviceSlots], context: &mut Context) -> Result<(), Error> {
    let spec = task.spec;
    let (rung, Some(budget)) = (spec.ladder.rungs[0], spec.space.settings.budget_seconds) else { return Ok(()) };
    if budget as f64 >= rung as f64 * AMPLE {
        return Ok(());
    }
    let shown = text::seconds(budget as f64);
    context.note(format!("measuring whether a budget of {shown} is enough for one rung: a few steps, before the study begins"));
    let mut least = f64::INFINITY;
    let mut too_long = |config: &Config| {
        let probe = measure::probe("default", config, task, &devices[0]).ok()?;
        least = least.min(seconds(config, &probe, task));
        Some(least > budget as f64)
    };
    let blocks = task.ready.prepared.base.blocks().len();
    let default = task.spec.space.recipes.first().map(|recipe| recipe.config.clone());
    for config in default.into_iter().chain(quickest(by_work(task)?, blocks, OTHERS)) {
        if too_long(&config) != Some(true) {
            return Ok(());
        }
    }
    let (where_to, hint) = match (spec.space.settings.scheduler, spec.ladder.top()) {
        // Nothing stops trials: their full length is the only rung.
        (SchedulerKind::None, _) => ("its full length", "give more, or fewer epochs"),
        (_, 0) => {
            ("its full length, the only rung", "give more, or fewer epochs, or an earlier first rung with r_min, such as Share(0.02)")
        }
        _ => ("the first rung", "give more, or an earlier first rung with r_min, such as Share(0.02)"),
    };
    let message = format!(
        "the budget of {shown} is smaller than one rung: the quickest of the configs that were tried, the default recipe among them, needs about \
         {} to {where_to}, {rung} examples",
        text::seconds(least)
    );
    // What the command line says is not the file's mistake.
    if overrides.budget.is_some() {
        return Err(Error::space(format!("--budget: {message}\n  = help: {hint}")));
    }
    Err(Error::space(spec.space.places.problem_at("settings.budget", message, Some(hint.to_owned()))))
}

/// What a config takes to the first rung. Where rungs are of equal cost it may see more examples up to there, never fewer: then it takes at least that.
fn seconds(config: &Config, probe: &Probe, task: Task<'_>) -> f64 {
    let StudySpec { ladder, examples_per_epoch, .. } = task.spec;
    let steps = ladder.step(0, config.total_steps(*examples_per_epoch)) as f64;
    steps * probe.seconds_per_step + probe.evaluations(steps, task).floor().max(1.0) * probe.evaluation_seconds
}

#[cfg(test)]
mod tests {
    use std::{fs, io};

    use search_spaces::space::Space;
    use trials::{
        metrics::{Logits, Measure, Measures},
        testing::{TinyBert, tiny_bert},
    };

    use super::*;
    use crate::{
        assets::Assets,
        commands::{ready, setup},
        context::Mode,
    };

    /// A space whose first rung is nearly its full length; with `settings` and `space` beside that.
    fn checked(settings: &str, space: &str, measures: Measures) -> Result<(), Error> {
        let folder = tempfile::tempdir().unwrap();
        tiny_bert(&folder.path().join("model"), &TinyBert::default()).unwrap();
        let rows: Vec<String> = (0..120).map(|row| format!("the film was good {row}\tyes\nthe film was bad {row}\tno")).collect();
        fs::write(folder.path().join("data.tsv"), format!("text\tlabel\n{}\n", rows.join("\n"))).unwrap();
        let text = format!(
            "Sweep(\n    model: Path(\"model\"),\n    data: (files: One(Path(\"data.tsv\")), max_tokens: 24),\n    \
             settings: (r_min: Share(0.9), devices: \"cpu:1\", {settings}),\n    space: (optimizer: AdamW(learning_rate: 1e-3), {space}),\n)"
        );
        let space = Space::parse(&folder.path().join("space.ron"), &text).unwrap_or_else(|problems| panic!("{problems}"));
        let nowhere = folder.path().to_owned();
        let mut context = Context {
            out: Box::new(io::sink()),
            log: Box::new(io::sink()),
            mode: Mode::Plain,
            screen: false,
            colours: false,
            assets: Assets { cache: nowhere.clone(), hub: String::new(), python: nowhere.clone(), debian: nowhere.clone() },
            measures,
            runner: crate::program::Program::default().runner,
            program: nowhere,
        };
        let (ready, devices) = ready::check(&space, setup::devices(&space), &mut context)?;
        let spec = ready.spec(&space)?;
        check(Task { ready: &ready, spec: &spec }, &Overrides::default(), &devices, &mut context)
    }

    fn refused(settings: &str, space: &str) -> String {
        let error = checked(settings, space, Measures::default()).unwrap_err();
        // What comes before depends on the machine and on where the file lies.
        let about = error
            .message
            .find("to the first rung")
            .or_else(|| error.message.find("to its full length"))
            .unwrap_or_else(|| panic!("{error}"));
        error.message[about..].lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn too_small_a_budget_is_refused_with_what_would_help() {
        insta::assert_snapshot!(refused("budget: \"1s\"", "epochs: 100000"), @r#"
        to the first rung, 15120000 examples
          |
        4 |     settings: (r_min: Share(0.9), devices: "cpu:1", budget: "1s"),
          |                                                             ^^^^
          = help: give more, or an earlier first rung with r_min, such as Share(0.02)
        "#);
        insta::assert_snapshot!(refused("scheduler: None, budget: \"1s\"", "epochs: 100000"), @r#"
        to its full length, 16800000 examples
          |
        4 |     settings: (r_min: Share(0.9), devices: "cpu:1", scheduler: None, budget: "1s"),
          |                                                                              ^^^^
          = help: give more, or fewer epochs
        "#);
    }

    #[test]
    fn one_config_that_gets_there_in_time_is_enough() {
        checked("budget: \"30s\"", "epochs: Choice([1, 100000])", Measures::default()).unwrap();
    }

    #[test]
    fn evaluations_are_no_more_than_steps() {
        checked("budget: \"60s\", eval_every: 1e-6", "epochs: 1", Measures::default()).unwrap();
    }

    #[derive(Debug)]
    struct Panics;

    impl Measure for Panics {
        fn name(&self) -> &'static str {
            "panics"
        }

        fn measure(&self, _logits: &Logits, _labels: &[u32]) -> f64 {
            panic!("this metric has a bug")
        }
    }

    #[test]
    fn what_fails_is_left_for_the_sweep_to_tell() {
        checked("budget: \"1s\"", "epochs: 100000", Measures::default().with(Panics).unwrap()).unwrap();
    }
}
