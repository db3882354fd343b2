//! The newest state, kept beside the events in rows: a study of a hundred thousand trials opens in the time of reading them.

use std::{collections::BTreeSet, path::Path};

use rusqlite::{Connection, Result, params};

use super::{StoreError, schema::STUDY, sqlite};
use crate::study::{StudyState, kept::Kept};

pub(super) const TABLE: &str = "
CREATE TABLE folded(study INTEGER NOT NULL, part INTEGER NOT NULL, seq INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY(study, part)) STRICT;
";

/// Other parts are trials, by their numbers.
const NOW: i64 = -2;
const SETTLED: i64 = -1;

/// Which rows the next commit has to write.
#[derive(Debug, Default)]
pub(super) struct Changes {
    trials: BTreeSet<u32>,
    /// As written last by this handle, at this event.
    settled: Option<(u64, Vec<u8>)>,
}

impl Changes {
    pub(super) fn touch(&mut self, trials: impl IntoIterator<Item = u32>) {
        self.trials.extend(trials);
    }

    /// Nothing of what was noted has been written.
    pub(super) fn forget(&mut self) {
        *self = Changes::default();
    }

    /// Writes what has changed between event `before` and `state`; everything, if what is there is not of event `before`.
    pub(super) fn write(&mut self, db: &Connection, before: u64, state: &StudyState) -> Result<()> {
        let encoded = |bytes: std::result::Result<Vec<u8>, rmp_serde::encode::Error>| {
            bytes.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
        };
        let seq = state.search.seq;
        let put = |part: i64, bytes: &[u8]| {
            let mut insert = db.prepare_cached("INSERT OR REPLACE INTO folded(study, part, seq, bytes) VALUES (?, ?, ?, ?)")?;
            insert.execute(params![STUDY, part, seq as i64, bytes]).map(|_| ())
        };
        let newest: Option<i64> = newest(db)?;
        let mut trials = std::mem::take(&mut self.trials);
        if newest != Some(before as i64) {
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

fn newest(db: &Connection) -> Result<Option<i64>> {
    let mut statement = db.prepare_cached("SELECT seq FROM folded WHERE study = ? AND part = ?")?;
    let mut rows = statement.query([STUDY, NOW])?;
    rows.next()?.map(|row| row.get(0)).transpose()
}

/// The state that was kept, if it is of use.
pub(super) fn read(path: &Path, db: &Connection) -> std::result::Result<Option<StudyState>, StoreError> {
    let wrap = |source| sqlite::sqlite_error(path, "read the study", source);
    let kept = rows(db).map_err(wrap)?;
    if kept.now.is_empty() {
        return Ok(None);
    }
    let first = sqlite::read(path, db, 0, 1)?;
    Ok(first.first().and_then(|first| StudyState::from_kept(first, &kept)))
}

fn rows(db: &Connection) -> Result<Kept> {
    let mut kept = Kept::default();
    let mut statement = db.prepare_cached("SELECT part, bytes FROM folded WHERE study = ? ORDER BY part")?;
    let mut rows = statement.query([STUDY])?;
    while let Some(row) = rows.next()? {
        let bytes = row.get(1)?;
        match row.get(0)? {
            NOW => kept.now = bytes,
            SETTLED => kept.settled = bytes,
            _ => kept.rows.push(bytes),
        }
    }
    Ok(kept)
}
