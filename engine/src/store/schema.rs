//! The tables of a study's database, and how each event changes them.

use rusqlite::{Connection, Result, params, types::Value};

use super::folded;
use crate::{
    events::{Event, Logged},
    finalists::Repeat,
    numbers,
    runner::Checkpoint,
    state::{Phase, TrialKind},
    study::StudyState,
};

/// The newest study format this program knows (`PRAGMA user_version`).
pub const FORMAT: i64 = 4;

/// The oldest that it brings to the newest.
pub(super) const OLDEST: i64 = 3;

/// `PRAGMA application_id`: "thaw".
pub(super) const APPLICATION: i64 = 0x7468_6177;

/// Tables other than `event`; all of them can be rebuilt from it.
#[cfg(test)]
const PROJECTIONS: [&str; 7] = ["study", "trial", "task", "report", "artefact", "decision", "worker"];

const SCHEMA: &str = "
CREATE TABLE event(
    study INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, payload TEXT NOT NULL,
    PRIMARY KEY(study, seq)) STRICT;
CREATE TABLE study(
    id INTEGER PRIMARY KEY, spec TEXT NOT NULL, spec_hash TEXT NOT NULL, trials INTEGER NOT NULL, budget_seconds INTEGER) STRICT;
CREATE TABLE trial(
    study INTEGER NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, parent INTEGER, recipe TEXT, config TEXT NOT NULL, assignment TEXT, seed INTEGER NOT NULL,
    state TEXT NOT NULL, PRIMARY KEY(study, number)) STRICT;
CREATE TABLE task(
    study INTEGER NOT NULL, trial INTEGER NOT NULL, target INTEGER NOT NULL, state TEXT NOT NULL, fence INTEGER NOT NULL, owner TEXT, slot TEXT,
    attempts INTEGER NOT NULL, outcome TEXT, cause TEXT, value ANY, PRIMARY KEY(study, trial, target)) STRICT;
CREATE TABLE report(
    study INTEGER NOT NULL, trial INTEGER NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL, PRIMARY KEY(study, trial, step)) STRICT;
CREATE TABLE artefact(
    study INTEGER NOT NULL, trial INTEGER NOT NULL, kind TEXT NOT NULL, uri TEXT NOT NULL, step INTEGER NOT NULL, blake3 TEXT, bytes INTEGER,
    PRIMARY KEY(study, trial, kind)) STRICT;
CREATE TABLE decision(
    study INTEGER NOT NULL, seq INTEGER NOT NULL, upto_seq INTEGER NOT NULL, action TEXT NOT NULL, PRIMARY KEY(study, seq)) STRICT;
CREATE TABLE worker(
    study INTEGER NOT NULL, name TEXT NOT NULL, device TEXT NOT NULL, slots INTEGER NOT NULL, pid INTEGER NOT NULL, boot INTEGER NOT NULL,
    last_seen INTEGER NOT NULL, state TEXT NOT NULL, PRIMARY KEY(study, name)) STRICT;
";

/// The only study of a file; other stores hold many.
pub(super) const STUDY: i64 = 1;

pub(super) fn create(db: &Connection) -> Result<()> {
    db.execute_batch(SCHEMA)?;
    db.execute_batch(folded::TABLE)?;
    db.pragma_update(None, "application_id", APPLICATION)?;
    db.pragma_update(None, "user_version", FORMAT)
}

/// Brings tables of the format `from`, at least [`OLDEST`], to the newest.
pub(super) fn migrate(db: &Connection, from: i64) -> Result<()> {
    if from < 4 {
        // The next commit fills it.
        db.execute_batch(folded::TABLE)?;
    }
    db.pragma_update(None, "user_version", FORMAT)
}

pub(super) fn append(db: &Connection, logged: &Logged, payload: &str) -> Result<()> {
    db.prepare_cached("INSERT INTO event(study, seq, at, kind, payload) VALUES (?, ?, ?, ?, ?)")?.execute(params![
        STUDY,
        logged.seq as i64,
        logged.at,
        logged.event.kind(),
        payload
    ])?;
    Ok(())
}

/// Brings the tables from before `logged` to after it; `state` is that after it.
pub(super) fn project(db: &Connection, logged: &Logged, state: &StudyState) -> Result<()> {
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| db.prepare_cached(sql)?.execute(values).map(|_| ());
    let seen = |worker: &str| run("UPDATE worker SET last_seen = ? WHERE study = ? AND name = ?", params![logged.at, STUDY, worker]);
    let trial_state = |trial: u32| {
        let phase = phase(state.search.trials()[trial as usize].phase);
        run("UPDATE trial SET state = ? WHERE study = ? AND number = ?", params![phase, STUDY, trial])
    };
    let end_task = |trial: u32, rung: usize, task: &str, outcome: Option<&str>, cause: Option<&str>, value: Value| {
        run(
            "UPDATE task SET state = ?, owner = NULL, slot = NULL, outcome = ?, cause = ?, value = ? WHERE study = ? AND trial = ? AND target = ?",
            params![task, outcome, cause, value, STUDY, trial, rung as i64],
        )?;
        trial_state(trial)
    };
    let queue = |trial: u32, rung: usize| {
        run(
            "INSERT INTO task(study, trial, target, state, fence, attempts) VALUES (?, ?, ?, 'waiting', ?, 0)",
            params![STUDY, trial, rung as i64, state.trials[trial as usize].fence as i64],
        )
    };
    let artefact = |trial: u32, kind: &str, uri: &str, step: u64, file: Option<&Checkpoint>| {
        run(
            "INSERT OR REPLACE INTO artefact(study, trial, kind, uri, step, blake3, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)",
            params![STUDY, trial, kind, uri, step as i64, file.map(|c| &c.blake3), file.map(|c| c.bytes as i64)],
        )
    };
    let no_checkpoint =
        |trial: u32| run("DELETE FROM artefact WHERE study = ? AND trial = ? AND kind = 'checkpoint'", params![STUDY, trial]);
    match &logged.event {
        Event::Created(spec) => run(
            "INSERT INTO study(id, spec, spec_hash, trials, budget_seconds) VALUES (?, ?, ?, ?, ?)",
            params![STUDY, json(spec)?, spec.space_hash, state.search.planned, state.settings().budget_seconds.map(|s| s as i64)],
        ),
        Event::SettingsChanged(settings) => run(
            "UPDATE study SET trials = ?, budget_seconds = ? WHERE id = ?",
            params![state.search.planned, settings.budget_seconds.map(|s| s as i64), STUDY],
        ),
        Event::WorkerStarted(info) => run(
            "INSERT INTO worker(study, name, device, slots, pid, boot, last_seen, state) VALUES (?, ?, ?, ?, ?, ?, ?, 'live')",
            params![STUDY, info.worker, info.device.to_string(), info.slots as i64, info.pid, info.boot as i64, logged.at],
        ),
        Event::WorkerEnded { worker } => {
            run("UPDATE worker SET state = 'ended', last_seen = ? WHERE study = ? AND name = ?", params![logged.at, STUDY, worker])
        }
        Event::WorkersLost { workers, .. } => workers
            .iter()
            .try_for_each(|worker| run("UPDATE worker SET state = 'lost' WHERE study = ? AND name = ?", params![STUDY, worker])),
        Event::Decided { upto_seq, action, worker } => {
            run(
                "INSERT INTO decision(study, seq, upto_seq, action) VALUES (?, ?, ?, ?)",
                params![STUDY, logged.seq as i64, *upto_seq as i64, json(action)?],
            )?;
            if let crate::schedulers::Action::Promote { trial, rung } = action {
                queue(*trial, *rung)?;
                trial_state(*trial)?;
            }
            seen(worker)
        }
        Event::TrialAdded(trial) => {
            let kind = match trial.kind {
                TrialKind::Search => "search",
                TrialKind::Recipe => "recipe",
                TrialKind::Finalist => "finalist",
            };
            let assignment = trial.assignment.as_ref().map(json).transpose()?;
            run(
                "INSERT INTO trial(study, number, kind, recipe, config, assignment, seed, state) VALUES (?, ?, ?, ?, ?, ?, ?, 'active')",
                params![STUDY, trial.number, kind, trial.recipe, json(&trial.config)?, assignment, state.spec.space.settings.seed as i64],
            )?;
            queue(trial.number, 0)
        }
        Event::Enqueued(_) | Event::SpaceExhausted { .. } | Event::StartsClosed { .. } | Event::GivenUp { .. } => run("UPDATE study SET trials = ? WHERE id = ?", params![state.search.planned, STUDY]),
        Event::FinalistsChosen(chosen) => chosen.added.iter().try_for_each(|Repeat { number, parent }| {
            run(
                "INSERT INTO trial(study, number, kind, parent, config, seed, state) SELECT study, ?, 'finalist', number, config, seed, 'active' FROM trial
                 WHERE study = ? AND number = ?",
                params![number, STUDY, parent],
            )?;
            queue(*number, state.search.ladder.top())
        }),
        Event::SegmentClaimed { trial, rung, fence, worker, slot } => {
            run(
                "UPDATE task SET state = 'running', fence = ?, owner = ?, slot = ?, attempts = attempts + 1, outcome = NULL, cause = NULL
                 WHERE study = ? AND trial = ? AND target = ?",
                params![*fence as i64, worker, slot, STUDY, trial, *rung as i64],
            )?;
            seen(worker)
        }
        Event::Evaluated { trial, evaluation, .. } => run(
            "INSERT OR REPLACE INTO report(study, trial, step, metrics) VALUES (?, ?, ?, ?)",
            params![STUDY, trial, evaluation.step as i64, json(evaluation)?],
        ),
        Event::Checkpointed { trial, checkpoint, .. } => {
            artefact(*trial, "checkpoint", &checkpoint.path.to_string_lossy(), checkpoint.step, Some(checkpoint))
        }
        Event::CheckpointLost { trial, .. } => match &state.trials[*trial as usize].checkpoint {
            Some(file) => artefact(*trial, "checkpoint", &file.path.to_string_lossy(), file.step, Some(file)),
            None => no_checkpoint(*trial),
        },
        Event::CheckpointsDropped { newest, .. } => newest.iter().try_for_each(|trial| no_checkpoint(*trial)),
        Event::SegmentCompleted { trial, rung, completed, .. } => {
            if let Some(file) = &completed.checkpoint {
                artefact(*trial, "checkpoint", &file.path.to_string_lossy(), file.step, Some(file))?;
            }
            if let Some(file) = &completed.predictions {
                artefact(*trial, "predictions", &file.to_string_lossy(), completed.step, None)?;
            }
            end_task(*trial, *rung, "done", Some("completed"), None, number(completed.value))
        }
        Event::SegmentFailed { trial, rung, cause, .. } => end_task(*trial, *rung, "done", Some("failed"), Some(cause), Value::Null),
        Event::Tested(tested) => tested.predictions.iter().try_for_each(|file| {
            // By the step whose weights made them.
            let step = state.trials[tested.trial as usize].completed.last().map_or(0, |(_, _, completed)| completed.step);
            artefact(tested.trial, "test_predictions", &file.to_string_lossy(), step, None)
        }),
        // Few, and read from the events alone.
        Event::FoldClaimed { worker, .. } => seen(worker),
        Event::FoldCompleted { .. }
        | Event::FoldFailed { .. }
        | Event::FoldLost { .. }
        | Event::Stopped { .. }
        | Event::OutOfMemory { .. } => Ok(()),
        Event::SegmentLost { trial, rung, cause, .. } => end_task(*trial, *rung, "waiting", Some("lost"), Some(cause), Value::Null),
    }
}

/// Drops every projection and builds it again from the events.
#[cfg(test)]
pub(super) fn rebuild<'a>(db: &Connection, events: impl Iterator<Item = &'a Logged>) -> Result<(), super::StoreError> {
    let wrap = |source| super::StoreError::Sqlite { path: db.path().unwrap_or_default().into(), action: "rebuild its tables", source };
    for table in PROJECTIONS {
        db.execute(&format!("DELETE FROM {table}"), []).map_err(wrap)?;
    }
    let mut state = None;
    for logged in events {
        super::fold(&mut state, logged)?;
        if let Some(state) = &state {
            project(db, logged, state).map_err(wrap)?;
        }
    }
    Ok(())
}

/// Every row of every projection, for comparing.
#[cfg(test)]
pub(super) fn dump(db: &Connection) -> Result<Vec<String>> {
    let mut rows = Vec::new();
    for table in PROJECTIONS {
        let mut statement = db.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2, 3"))?;
        let columns = statement.column_count();
        let found = statement
            .query_map([], |row| (0..columns).map(|c| Ok(format!("{:?}", row.get::<_, Value>(c)?))).collect::<Result<Vec<_>>>())?;
        for row in found {
            rows.push(format!("{table}: {}", row?.join(", ")));
        }
    }
    Ok(rows)
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Active { .. } => "active",
        Phase::Paused { .. } => "paused",
        Phase::Complete => "complete",
        Phase::Failed { .. } => "failed",
    }
}

/// SQLite would turn NaN into NULL.
fn number(value: f64) -> Value {
    if value.is_finite() { Value::Real(value) } else { Value::Text(numbers::name(value).to_owned()) }
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}
