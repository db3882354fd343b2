//! One trial as bytes.
//!
//! Fields are told apart by their order alone, so none of them, down to the last struct, may be left out by `skip_serializing_if`.

use std::{borrow::Cow, sync::Arc};

use search_spaces::{
    config::Config,
    domain::{Assignment, Parameter, Value},
};
use serde::{Deserialize, Serialize};

use super::super::{StudyState, TrialProgress};
use crate::state::{Phase, TrialKind, TrialState};

/// A trial: what the search sees of it, then the rest.
#[derive(Serialize, Deserialize)]
pub(super) struct Row<'a> {
    number: u32,
    kind: TrialKind,
    parent: Option<u32>,
    config: Cow<'a, Config>,
    place: Option<Place>,
    inside: bool,
    values: Cow<'a, [f64]>,
    exceeded: Cow<'a, [f64]>,
    second: Cow<'a, [f64]>,
    phase: Phase,
    stopped_at: Option<usize>,
    progress: Cow<'a, TrialProgress>,
    queued: bool,
    suspect: bool,
}

/// An assignment.
#[derive(Serialize, Deserialize)]
enum Place {
    /// With the positions of its parameters among the space's, by path.
    Of(Vec<(usize, Value)>),
    /// It names what is no parameter of the space.
    Outside(Assignment),
}

impl Place {
    fn of(assignment: &Assignment, parameters: &[Parameter]) -> Place {
        let position = |path: &String| parameters.iter().position(|parameter| parameter.path == *path);
        let values = assignment.0.iter().map(|(path, value)| Some((position(path)?, *value)));
        values.collect::<Option<_>>().map_or_else(|| Place::Outside(assignment.clone()), Place::Of)
    }

    /// `None` where there is no such parameter.
    fn assignment(self, parameters: &[Parameter]) -> Option<Assignment> {
        match self {
            Place::Of(values) => {
                let named = |(position, value): (usize, Value)| Some((parameters.get(position)?.path.clone(), value));
                values.into_iter().map(named).collect::<Option<_>>().map(Assignment)
            }
            Place::Outside(assignment) => Some(assignment),
        }
    }
}

impl StudyState {
    pub(super) fn row(&self, trial: u32) -> Row<'_> {
        let (search, progress) = (&self.search.trials()[trial as usize], &self.trials[trial as usize]);
        let TrialState { number, kind, parent, config, assignment, inside, values, exceeded, second, phase, stopped_at } = search;
        Row {
            number: *number,
            kind: *kind,
            parent: *parent,
            config: Cow::Borrowed(config),
            place: assignment.as_ref().map(|assignment| Place::of(assignment, &self.spec.space.parameters)),
            inside: *inside,
            values: Cow::Borrowed(values),
            exceeded: Cow::Borrowed(exceeded),
            second: Cow::Borrowed(second),
            phase: *phase,
            stopped_at: *stopped_at,
            progress: Cow::Borrowed(progress),
            queued: self.queue.contains(number),
            suspect: self.suspects.contains(number),
        }
    }
}

/// A trial as a state has it.
pub(super) struct Trial {
    pub search: TrialState,
    pub progress: TrialProgress,
    pub queued: bool,
    pub suspect: bool,
}

/// `None`: these are no row of a study with such parameters.
pub(super) fn read(row: &[u8], parameters: &[Parameter]) -> Option<Trial> {
    let row: Row = rmp_serde::from_slice(row).ok()?;
    let assignment = match row.place {
        Some(place) => Some(place.assignment(parameters)?),
        None => None,
    };
    let search = TrialState {
        number: row.number,
        kind: row.kind,
        parent: row.parent,
        config: Arc::new(row.config.into_owned()),
        assignment,
        inside: row.inside,
        values: row.values.into_owned(),
        exceeded: row.exceeded.into_owned(),
        second: row.second.into_owned(),
        phase: row.phase,
        stopped_at: row.stopped_at,
    };
    Some(Trial { search, progress: row.progress.into_owned(), queued: row.queued, suspect: row.suspect })
}
