//! The sweep that is not disturbed.

use engine::clock::Stopwatch;
use serde_json::Value;

use crate::{
    outcome::Study,
    place::{Job, Place},
    report::Broken,
    sweep::Sweep,
};

/// What it comes to.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) job: Job,
    pub(crate) leaderboard: Value,
    pub(crate) seconds: f64,
}

impl Reference {
    pub(crate) fn of(job: &Job, slots: usize) -> Result<Reference, Broken> {
        let place = Place::new(job)?;
        let study = place.studies().join("study");
        let watch = Stopwatch::start();
        let mut sweep = Sweep::start(place.sweep(&study, slots)?, &place.path("said"))?;
        let end = sweep.wait(place.patience())?.ok_or_else(|| Broken::new("the undisturbed sweep does not end"))?;
        if end.code != Some(0) {
            return Err(Broken::new(format!("the undisturbed sweep fails with {:?}: {}", end.code, end.said)));
        }
        let read = Study::read(&study)?.ok_or_else(|| Broken::new("the undisturbed sweep leaves no study"))?;
        if let Some(mistake) = read.mistakes(&study).first() {
            return Err(Broken::new(format!("the undisturbed sweep: {mistake}")));
        }
        Ok(Reference { job: job.clone(), leaderboard: read.leaderboard(), seconds: watch.seconds() })
    }

    /// What is wrong with the same study, ended after whatever happened to it.
    pub(crate) fn check(&self, study: &std::path::Path) -> Result<(), Broken> {
        let read = Study::read(study)?.ok_or_else(|| Broken::new("the study is gone"))?;
        if let Some(mistake) = read.mistakes(study).first() {
            return Err(Broken::new(mistake));
        }
        let leaderboard = read.leaderboard();
        if leaderboard != self.leaderboard {
            return Err(Broken::new(format!("another leaderboard\nundisturbed: {}\nhere: {leaderboard}", self.leaderboard)));
        }
        Ok(())
    }
}
