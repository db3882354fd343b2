//! What could be done with a study now, as commands.

use std::path::Path;

use engine::{state::Phase, study::StudyState};
use search_spaces::space::Space;
use serde::Serialize;

use crate::progress::text;

#[derive(Debug, Serialize)]
pub(super) struct Next {
    /// As a shell reads it.
    pub(super) command: String,
    pub(super) why: &'static str,
}

/// `word` says how far it is ([`super::status::Looked::word`]); `study` is its folder as the user names it, `root` the same as an absolute path.
pub(super) fn steps(state: &StudyState, word: &str, study: &Path, root: &Path) -> Vec<Next> {
    let space = &state.spec.space;
    if word == "stopped" || word == "running" || state.best().is_none() {
        return match word {
            "running" => vec![Next { command: format!("thawline watch {}", text::quoted(study)), why: "see what it does" }],
            "finished" => {
                let command = format!("thawline check {}{} --probe", shown(&space.path), options(space));
                vec![Next { command, why: "no trial has a value: see the causes" }]
            }
            _ => on(space, word, study).into_iter().collect(),
        };
    }
    let report = Path::new("report/index.html");
    let report = if root.join(report).is_file() {
        Next { command: text::quoted(&study.join(report)), why: "the report, to open in a browser" }
    } else {
        Next { command: format!("thawline report {}", text::quoted(study)), why: "write the report" }
    };
    let mut steps = vec![report];
    steps.extend(with_best(study, root, is_exportable(state, root)));
    steps.extend(on(space, word, study));
    steps
}

/// Whether the best trial is trained in full, and its weights are there.
pub(super) fn is_exportable(state: &StudyState, root: &Path) -> bool {
    state.best().is_some_and(|best| {
        let trial = best.trial as usize;
        let weights = state.trials[trial].checkpoint.as_ref().map(|checkpoint| root.join(&checkpoint.path));
        state.search.trials()[trial].phase == Phase::Complete && weights.is_some_and(|weights| weights.is_file())
    })
}

/// What can be made of a study's best config, whose trial is `exportable` or not.
pub(super) fn with_best(study: &Path, root: &Path, exportable: bool) -> Vec<Next> {
    let mut steps = Vec::new();
    let config = Path::new("best.ron");
    if root.join(config).is_file() {
        let command = format!("thawline train {} --to MODEL_DIR", text::quoted(&study.join(config)));
        steps.push(Next { command, why: "train the best config again, to its full length" });
    }
    if exportable {
        let command = format!("thawline export {} --to MODEL_DIR", text::quoted(study));
        steps.push(Next { command, why: "take the weights that it has here" });
    }
    steps
}

/// How the search goes on that has come to `word`; `None` while it runs.
pub(super) fn on(space: &Space, word: &str, study: &Path) -> Option<Next> {
    let (more, why) = match word {
        "stopped" => (String::new(), "go on where it stopped"),
        "finished" => (format!(" --trials {}", space.settings.trials.saturating_mul(2)), "search on"),
        "target_reached" => (" --target BEYOND".to_owned(), "search on"),
        "budget_spent" => (" --budget LONGER".to_owned(), "search on"),
        _ => return None,
    };
    let command = format!("thawline sweep {} --study {}{}{more}", shown(&space.path), text::quoted(study), options(space));
    Some(Next { command, why })
}

/// The file as a user would name it who stands where this process does.
fn shown(file: &Path) -> String {
    let here = std::env::current_dir().ok();
    text::quoted(here.as_deref().and_then(|here| file.strip_prefix(here).ok()).unwrap_or(file))
}

/// The options that give a study its own objective and rungs where its file, as it is now, says others: with those it would be refused. A file that cannot be
/// read has to be seen to first.
fn options(space: &Space) -> String {
    // What is no file may keep a reader waiting for ever.
    let Some(file) = space.path.is_file().then(|| Space::read(&space.path).ok()).flatten() else { return String::new() };
    let (own, others) = (&space.settings, &file.settings);
    let mut options = Vec::new();
    if space.objective != file.objective {
        options.push(("--objective", format!("{:?}({:?})", space.objective.direction, space.objective.metric)));
    }
    if own.eta != others.eta {
        options.push(("--eta", own.eta.to_string()));
    }
    if own.r_min != others.r_min {
        options.push(("--r-min", format!("{:?}", own.r_min)));
    }
    options
        .into_iter()
        .flat_map(|(option, text)| [" ".to_owned(), option.to_owned(), " ".to_owned(), text::quoted(Path::new(&text))])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::watch::sample::finished;

    #[test]
    fn weights_that_are_not_there_are_not_offered() {
        let folder = tempfile::tempdir().unwrap();
        let mut sample = finished();
        let state = sample.state();
        assert!(!is_exportable(state, folder.path()));
        let weights = folder.path().join(&state.trials[state.best().unwrap().trial as usize].checkpoint.as_ref().unwrap().path);
        std::fs::create_dir_all(weights.parent().unwrap()).unwrap();
        std::fs::write(weights, "").unwrap();
        assert!(is_exportable(state, folder.path()));
        let steps = steps(state, "finished", Path::new("study"), folder.path());
        insta::assert_snapshot!(steps[1].command, @"thawline export study --to MODEL_DIR");
    }

    #[test]
    fn a_study_goes_on_with_the_options_that_it_was_started_with() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("space.ron");
        std::fs::write(&file, "Sweep(model: Path(\"m\"), data: (files: One(Path(\"d\"))), space: (epochs: Int(1, 2)))").unwrap();
        let mut space = Space::read(&file).unwrap();
        let told = |space: &Space, word: &str| {
            on(space, word, Path::new("study")).unwrap().command.replace(folder.path().to_str().unwrap(), "DIR")
        };
        insta::assert_snapshot!(told(&space, "finished"), @"thawline sweep DIR/space.ron --study study --trials 64");
        for (setting, text) in [("objective", "Minimize(Loss)"), ("settings.eta", "5"), ("settings.r_min", "Epochs(1)")] {
            space.set(setting, text, "").unwrap();
        }
        insta::assert_snapshot!(told(&space, "stopped"), @"thawline sweep DIR/space.ron --study study --objective 'Minimize(Loss)' --eta 5 --r-min 'Epochs(1.0)'");
        // A metric that a program brings along itself.
        space.set("objective", "Maximize(Custom(\"kappa\"))", "").unwrap();
        insta::assert_snapshot!(told(&space, "budget_spent"), @r#"thawline sweep DIR/space.ron --study study --objective 'Maximize(Custom("kappa"))' --eta 5 --r-min 'Epochs(1.0)' --budget LONGER"#);
        std::fs::remove_file(&file).unwrap();
        insta::assert_snapshot!(told(&space, "stopped"), @"thawline sweep DIR/space.ron --study study");
    }
}
