//! A file in RON, as a space to search and as one config.

use std::path::Path;

use engine::streams::{Purpose, stream};
use search_spaces::{claim::ConfigFile, draft::Draft, ladder::Ladder, space::Space};

const FILE: &str = "/strange/space.ron";

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Draft::parse(Path::new(FILE), text).map(|draft| (draft.check_ladder(1000), draft.space())) {
        Err(problems) => drop(problems.to_string()),
        Ok((problem, Err(draft))) => draft.problems.iter().chain(&problem).for_each(|problem| drop(problem.to_string())),
        Ok((_, Ok(space))) => of_space(&space),
    }
    match ConfigFile::parse(Path::new(FILE), text) {
        Err(problems) => drop(problems.to_string()),
        Ok(file) => of_config(&file),
    }
}

/// A space is written to a study and read again there; its configs are written as files and read again.
fn of_space(space: &Space) {
    let written = serde_json::to_string(space).expect("a space has a JSON form");
    let mut again: Space = serde_json::from_str(&written).expect("a space is read as it was written");
    again.places = space.places.clone();
    assert_eq!(space.hash(), again.hash());
    assert_eq!(space.difference(&again), [""; 0]);
    let ladder = space.ladder(1000).unwrap_or_else(|problem| {
        drop(problem.to_string());
        Ladder::default()
    });
    for trial in 0..3 {
        let assignment = space.draw(&mut stream(7, trial, Purpose::Sampler));
        let config = space.config(&assignment).expect("what is drawn is a config");
        Space::cut_in_warmup(&config, &ladder);
        space.nearest(&config).expect("a config of the space has a place in it");
        let (model, data, objective) = (space.model.clone(), space.data.clone(), space.objective);
        let (eval_every, seed) = (space.settings.eval_every, space.settings.seed);
        of_config(&ConfigFile {
            model,
            data,
            objective,
            config,
            ladder: ladder.clone(),
            eval_every,
            seed,
            trial,
            threads: None,
            claim: None,
        });
    }
}

fn of_config(file: &ConfigFile) {
    let written = file.to_ron().expect("a config has a RON form");
    let again = ConfigFile::parse(Path::new(FILE), &written).unwrap_or_else(|problems| panic!("{problems}\n{written}"));
    assert_eq!(*file, again, "{written}");
}
