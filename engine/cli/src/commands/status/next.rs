//! What could be done with a study now.

use std::path::Path;

use engine::{state::Phase, study::StudyState};
use serde::Serialize;

use crate::progress::text;

#[derive(Debug, Serialize)]
pub(in crate::commands) struct Next {
    /// As a shell reads it.
    pub(in crate::commands) command: String,
    pub(in crate::commands) why: &'static str,
}

/// `word` says how far it is ([`super::Looked::word`]); `study` is its folder as the user names it, `root` the same as an absolute path.
pub(super) fn steps(state: &StudyState, word: &str, study: &Path, root: &Path) -> Vec<Next> {
    let shown = text::quoted(study);
    let space = &state.spec.space.path;
    let here = std::env::current_dir().ok();
    let space = text::quoted(here.as_deref().and_then(|here| space.strip_prefix(here).ok()).unwrap_or(space));
    let go_on = format!("thawline sweep {space} --study {shown}");
    let next = |command: String, why| Next { command, why };
    let mut steps = Vec::new();
    if word == "running" {
        steps.push(next(format!("thawline watch {shown}"), "see what it does"));
        return steps;
    }
    let best = state.best();
    if word == "stopped" {
        steps.push(next(go_on.clone(), "go on where it stopped"));
    } else if best.is_some() {
        let (report, config) = (Path::new("report/index.html"), Path::new("best.ron"));
        if root.join(report).is_file() {
            steps.push(next(text::quoted(&study.join(report)), "the report, to open in a browser"));
        } else {
            steps.push(next(format!("thawline report {shown}"), "write the report"));
        }
        if root.join(config).is_file() {
            let config = text::quoted(&study.join(config));
            steps.push(next(format!("thawline train {config} --to MODEL_DIR"), "train the best config again, to its full length"));
        }
        let complete = |trial: u32| state.search.trials()[trial as usize].phase == Phase::Complete;
        if best.is_some_and(|best| complete(best.trial)) {
            steps.push(next(format!("thawline export {shown} --to MODEL_DIR"), "take the weights that it has here"));
        }
    }
    match word {
        "finished" if best.is_none() => steps.push(next(format!("thawline check {space} --probe"), "no trial has a value: see the causes")),
        "finished" => steps.push(next(format!("{go_on} --trials {}", state.settings().trials.saturating_mul(2)), "search on")),
        "target_reached" => steps.push(next(format!("{go_on} --target BEYOND"), "search on")),
        "budget_spent" => steps.push(next(format!("{go_on} --budget LONGER"), "search on")),
        _ => {}
    }
    steps
}
