//! The newest state, kept beside the events in rows: a study of a hundred thousand trials opens in the time of reading them.

use std::{collections::BTreeSet, path::Path};

use rusqlite::{Connection, OptionalExtension as _, Result, params};

use super::{StoreError, schema::STUDY, sqlite};
use crate::study::{
    StudyState,
    kept::{self, Rows},
};

pub(super) const TABLE: &str = "
CREATE TABLE folded(study INTEGER NOT NULL, part INTEGER NOT NULL, seq INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY(study, part)) STRICT;
";

/// Other parts are trials, by their numbers.
const NOW: i64 = -2;
const SETTLED: i64 = -1;

/// Which rows the next commit has to write.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// What is there cannot be read.
    all: bool,
    trials: BTreeSet<u32>,
    /// As written last by this handle, at this event.
    settled: Option<(u64, Vec<u8>)>,
}

impl Changes {
    pub(super) fn touch(&mut self, trials: impl IntoIterator<Item = u32>) {
        self.trials.extend(trials);
    }

    pub(super) fn touch_all(&mut self) {
        self.all = true;
    }

    /// Nothing of what was noted has been written.
    pub(super) fn forget(&mut self) {
        *self = Changes::default();
    }

    /// Writes what has changed between event `before` and `state`; everything, if what is there is not of event `before`, or of another program.
    pub(super) fn write(&mut self, db: &Connection, before: u64, state: &StudyState) -> Result<()> {
        let encoded = |bytes: std::result::Result<Vec<u8>, rmp_serde::encode::Error>| {
            bytes.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
        };
        let seq = state.search.seq;
        let put = |part: i64, bytes: &[u8]| {
            let mut insert = db.prepare_cached("INSERT OR REPLACE INTO folded(study, part, seq, bytes) VALUES (?, ?, ?, ?)")?;
            insert.execute(params![STUDY, part, seq as i64, bytes]).map(|_| ())
        };
        let mut trials = std::mem::take(&mut self.trials);
        let all = std::mem::take(&mut self.all);
        if all || !is_kept(db, before)? {
            db.execute("DELETE FROM folded WHERE study = ?", [STUDY])?;
            trials = (0..state.trials.len() as u32).collect();
            self.settled = None;
        }
        trials.into_iter().try_for_each(|trial| put(i64::from(trial), &encoded(state.kept_row(trial))?))?;
        let settled = encoded(state.kept_settled())?;
        // What another handle has written since is not known here.
        if self.settled.as_ref().is_none_or(|(at, known)| *at != before || *known != settled) {
            put(SETTLED, &settled)?;
        }
        self.settled = Some((seq, settled));
        put(NOW, &encoded(state.kept_now())?)
    }
}

/// Whether the state at event `seq` is there, as this program keeps it.
fn is_kept(db: &Connection, seq: u64) -> Result<bool> {
    let mut statement = db.prepare_cached("SELECT seq, bytes FROM folded WHERE study = ? AND part = ?")?;
    let mut rows = statement.query([STUDY, NOW])?;
    let Some(row) = rows.next()? else { return Ok(false) };
    Ok(row.get::<_, i64>(0)? == seq as i64 && kept::is_readable(row.get_ref(1)?.as_blob()?))
}

/// The state that was kept, if it is of use.
pub(super) fn read(path: &Path, db: &Connection) -> std::result::Result<Option<StudyState>, StoreError> {
    const AT_A_TIME: usize = 1000;
    let wrap = |source| sqlite::sqlite_error(path, "read the study", source);
    let part = |part: i64| {
        let mut statement = db.prepare_cached("SELECT seq, bytes FROM folded WHERE study = ? AND part = ?")?;
        statement.query_row([STUDY, part], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))).optional()
    };
    let (Some((seq, now)), Some((_, settled))) = (part(NOW).map_err(wrap)?, part(SETTLED).map_err(wrap)?) else { return Ok(None) };
    let there = "SELECT EXISTS (SELECT 1 FROM event WHERE study = ? AND seq = ?)";
    let there: bool = db.query_row(there, [STUDY, seq], |row| row.get(0)).map_err(wrap)?;
    let first = sqlite::read(path, db, 0, 1)?;
    let Some(first) = first.first().filter(|_| there) else { return Ok(None) };
    let mut statement = db.prepare_cached("SELECT bytes FROM folded WHERE study = ? AND part >= 0 ORDER BY part").map_err(wrap)?;
    let mut rows = statement.query([STUDY]).map_err(wrap)?;
    let mut some_rows = || {
        let mut some = Rows::default();
        while some.len() < AT_A_TIME
            && let Some(row) = rows.next().map_err(wrap)?
        {
            some.push(row.get_ref(0).and_then(|bytes| Ok(bytes.as_blob()?)).map_err(wrap)?);
        }
        Ok::<_, StoreError>(Some(some).filter(|some| some.len() > 0))
    };
    let state = StudyState::from_kept(first, &now, &settled, &mut some_rows)?;
    Ok(state.filter(|state| state.search.seq == seq as u64))
}
