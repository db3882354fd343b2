//! `thawline replay`: takes every decision of a study again from what is recorded, and says whether all come out the same.

use engine::{
    replay::{Mismatch, Replayed, replay},
    worker::WorkerError,
};
use serde::Serialize;

use super::study;
use crate::{args::Replay, context::Context, exit::Error};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    events: u64,
    decisions: u64,
    /// Decisions that come out differently now.
    different: usize,
    first_event: Option<u64>,
    first_recorded: Option<&'a str>,
    first_now: Option<&'a str>,
}

pub(super) fn run(arguments: &Replay, context: &mut Context) -> Result<(), Error> {
    // How often it says how far it is.
    const EVERY: u64 = 100_000;
    let (_, mut store) = study::open(&arguments.study)?;
    let replayed = replay(&mut store, |events| {
        if events % EVERY == 0 {
            context.note(format!("{events} events"));
        }
    });
    let replayed = replayed.map_err(|error| match error {
        WorkerError::Store(error) => study::store_error(error),
        error => Error::failed(error),
    })?;
    let Replayed { events, decisions, mismatches } = &replayed;
    let first = mismatches.first();
    if arguments.json {
        context.say_json(&Summary {
            events: *events,
            decisions: *decisions,
            different: mismatches.len(),
            first_event: first.map(|first| first.seq),
            first_recorded: first.map(|first| first.recorded.as_str()),
            first_now: first.map(|first| first.now.as_str()),
        })?;
    }
    match first {
        None if arguments.json => Ok(()),
        None => context.say(format!("{decisions} decisions among {events} events: all come out the same")),
        Some(first) => Err(differs(mismatches.len(), *decisions, first)),
    }
}

fn differs(different: usize, decisions: u64, Mismatch { seq, recorded, now }: &Mismatch) -> Error {
    let of = match different {
        1 => format!("1 of {decisions} decisions comes out differently"),
        _ => format!("{different} of {decisions} decisions come out differently"),
    };
    Error::check(format!(
        "{of}, the first at event {seq}\n  recorded: {recorded}\n  now:      {now}\nAnother version of the program, or another kind of CPU, may decide otherwise; with the very same, the study's record has been changed"
    ))
}
