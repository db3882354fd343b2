//! Shows that the checks find what they are for: a study is damaged in known ways, and each must be noticed.

use std::fs;

use engine::{
    events::{Event, Logged},
    schedulers::Action,
    store::StudyFolder,
};

use crate::{
    outcome::{Study, lost},
    place::{Job, Place},
    power,
    report::{Broken, Figures},
    sweep::{PATIENCE, Sweep},
};

/// Damages a study, and a log of writes, in each way.
pub(crate) fn run() -> Result<(), Broken> {
    let place = Place::new(&Job::curves(4, 0))?;
    let folder = place.studies().join("study");
    let mut sweep = Sweep::start(place.sweep(&folder, 2)?, &place.path("said"))?;
    let end = sweep.wait(PATIENCE)?;
    if end.as_ref().map(|end| end.code) != Some(Some(0)) {
        return Err(Broken::new(format!("the sweep to be damaged ends with {end:?}")));
    }
    let read = || Study::read(&folder)?.ok_or_else(|| Broken::new("the sweep leaves no study"));
    let whole = read()?;
    if let Some(mistake) = whole.mistakes(&folder).first() {
        return Err(Broken::new(format!("a study that is whole: {mistake}")));
    }
    let mut figures = Figures::default();

    let mut changed = whole.events.clone();
    changed.pop();
    found(&mut figures, "an event is gone", lost(&whole.events, &changed))?;
    changed.push(Logged { seq: whole.events.len() as u64, at: 0, event: Event::GivenUp { trials: 1 } });
    found(&mut figures, "an event is another", lost(&whole.events, &changed))?;

    let with = |events: Vec<Logged>| Study { state: whole.state.clone(), events };
    let mut twice = whole.events.clone();
    twice.extend(whole.events.iter().find(|logged| matches!(logged.event, Event::SegmentCompleted { .. })).cloned());
    found(&mut figures, "a segment is counted twice", with(twice).mistakes(&folder).into_iter().find(|mistake| mistake.contains("twice")))?;
    let mut decided = whole.events.clone();
    for logged in &mut decided {
        if let Event::Decided { action: Action::Start { learn_from }, .. } = &mut logged.event {
            *learn_from += 1;
        }
    }
    found(&mut figures, "a decision is another", with(decided).mistakes(&folder).into_iter().next())?;

    let kept = whole.state.kept_checkpoints();
    let path = kept.first().map(|path| StudyFolder::new(&folder).absolute(path)).ok_or_else(|| Broken::new("no checkpoint is kept"))?;
    let bytes = fs::read(&path)?;
    fs::write(&path, &bytes[..bytes.len() / 2])?;
    found(&mut figures, "a checkpoint is torn", whole.mistakes(&folder).into_iter().next())?;
    fs::remove_file(&path)?;
    found(&mut figures, "a checkpoint is gone", whole.mistakes(&folder).into_iter().next())?;

    found(&mut figures, "the store does not wait for the disk", power::without_syncs("study/study.sqlite-wal")?)?;
    found(&mut figures, "checkpoints do not wait for the disk", power::without_syncs("study/checkpoints/")?)?;
    figures.print("What the checks are for, and find");
    Ok(())
}

fn found(figures: &mut Figures, what: &str, found: Option<String>) -> Result<(), Broken> {
    let Some(found) = found else { return Err(Broken::new(format!("{what}, and no check finds it"))) };
    let line = found.lines().next().unwrap_or_default();
    figures.add(what, line.chars().take(90).collect::<String>());
    Ok(())
}
