//! A study in an SQLite file.

use std::{
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, Row, TransactionBehavior, types::Value};

use super::{Change, FORMAT, Store, StoreError, StudyFolder, admit, fold, folded, folder::refuse_network, not_created, schema, trusted};
use crate::{
    events::{Event, Logged},
    runner::Evaluation,
    spec::StudySpec,
    study::StudyState,
};

/// Earlier versions can corrupt a database when a write-ahead log is reset.
const OLDEST_SQLITE: (i32, &str) = (3_051_003, "3.51.3");

/// How long to wait for another process's transaction. They take milliseconds; a disk under load takes longer.
const BUSY: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    db: Connection,
    state: Option<StudyState>,
    /// Of the rows that the state is kept in.
    changes: folded::Changes,
}

impl SqliteStore {
    /// Opens the study in `folder`, which must be there.
    pub fn open(folder: &StudyFolder) -> Result<SqliteStore, StoreError> {
        let path = folder.database();
        let why = match path.metadata() {
            Ok(file) if file.is_file() && file.len() > 0 => return SqliteStore::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE),
            Ok(_) => return Err(holds_nothing(folder.root())),
            Err(_) if folder.root().is_file() => "that is a file; name the study's folder".to_owned(),
            Err(_) if folder.root().is_dir() => "there is no study.sqlite in this folder".to_owned(),
            Err(_) => "there is no such folder".to_owned(),
        };
        Err(StoreError::NotAStudy { path: folder.root().to_owned(), why })
    }

    /// Opens the study in `folder`, with an empty one made first if there is none.
    pub fn open_or_create(folder: &StudyFolder) -> Result<SqliteStore, StoreError> {
        let root = folder.root();
        if let Some(file) = root.ancestors().find(|path| path.exists()).filter(|path| !path.is_dir()) {
            let why = "that is a file, where a study needs a folder: choose another with --study".to_owned();
            return Err(StoreError::NotAStudy { path: file.to_owned(), why });
        }
        std::fs::create_dir_all(root).map_err(|source| StoreError::Io {
            path: root.to_owned(),
            action: "make the study folder",
            source,
        })?;
        SqliteStore::connect(folder.database(), OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
    }

    fn connect(path: PathBuf, flags: OpenFlags) -> Result<SqliteStore, StoreError> {
        if rusqlite::version_number() < OLDEST_SQLITE.0 {
            return Err(StoreError::OldSqlite { found: rusqlite::version().to_owned(), needed: OLDEST_SQLITE.1 });
        }
        refuse_network(path.parent().unwrap_or(&path))?;
        trusted::refuse_links(path.parent().unwrap_or(&path))?;
        // First by looking at the file: opening it with SQLite could already write to it.
        match header(&path) {
            // A creation that was cut short: SQLite undoes it before anything is read.
            Err(StoreError::NotAStudy { .. }) if journal(&path).exists() => {}
            Err(error) => return Err(error),
            Ok(Some((application, format))) => check_format(&path, application, format)?,
            Ok(None) => {}
        }
        let wrap = |source| sqlite_error(&path, "open the study", source);
        let mut db = Connection::open_with_flags(&path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(wrap)?;
        trusted::harden(&db).map_err(wrap)?;
        db.busy_timeout(BUSY).map_err(wrap)?;
        // Whoever only reads is not to wait for a writer, which may have been stopped.
        let tx = db.transaction().map_err(wrap)?;
        let found = inside(&path, &tx)?;
        tx.rollback().map_err(wrap)?;
        if found.is_none() && !flags.contains(OpenFlags::SQLITE_OPEN_CREATE) {
            // Its creation was cut short, and SQLite has undone it.
            return Err(holds_nothing(path.parent().unwrap_or(&path)));
        }
        if found != Some(FORMAT) {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(wrap)?;
            // Another process may have been quicker.
            match inside(&path, &tx)? {
                // Before the write-ahead log is switched on, so that the header tells the format from the start.
                None => schema::create(&tx).map_err(wrap)?,
                Some(format) if format < FORMAT => schema::migrate(&tx, format).map_err(wrap)?,
                Some(_) => {}
            }
            tx.commit().map_err(wrap)?;
        }
        db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).map_err(wrap)?;
        db.pragma_update(None, "synchronous", "full").map_err(wrap)?;
        Ok(SqliteStore { path, db, state: None, changes: folded::Changes::default() })
    }

    /// The study as it was when it was last read.
    pub fn last_state(&self) -> Option<&StudyState> {
        self.state.as_ref()
    }

    /// Whatever is asked of this handle from now on, it does not write.
    pub fn read_only(&mut self) -> Result<(), StoreError> {
        self.db.pragma_update(None, "query_only", true).map_err(|source| sqlite_error(&self.path, "open the study", source))
    }

    /// Of the events after number `after`, up to number `upto`, those of these kinds ([`Event::kind`]), in order, each behind the time of the event before it. The others
    /// are passed over without being read.
    pub fn of_kinds(&mut self, after: u64, upto: u64, kinds: &[&str]) -> Result<Vec<(i64, Logged)>, StoreError> {
        let wrap = |source| sqlite_error(&self.path, "read the study", source);
        let places = vec!["?"; kinds.len()].join(", ");
        let before = "SELECT at FROM event AS before WHERE before.study = event.study AND before.seq = event.seq - 1";
        let of_kinds = format!(
            "SELECT seq, at, payload, ({before}) FROM event WHERE study = ? AND seq > ? AND seq <= ? AND kind IN ({places}) ORDER BY seq"
        );
        let mut statement = self.db.prepare_cached(&of_kinds).map_err(wrap)?;
        let number = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        let range = [Value::Integer(schema::STUDY), number(after), number(upto)];
        let values = range.into_iter().chain(kinds.iter().map(|kind| Value::Text((*kind).to_owned())));
        let mut rows = statement.query(rusqlite::params_from_iter(values)).map_err(wrap)?;
        let mut events = Vec::new();
        while let Some(row) = rows.next().map_err(wrap)? {
            let logged = logged(&self.path, row)?;
            let before = row.get::<_, Option<i64>>(3).map_err(wrap)?;
            events.push((before.unwrap_or(logged.at), logged));
        }
        Ok(events)
    }

    /// The last `most` evaluations of a trial, by step.
    pub fn evaluations(&mut self, trial: u32, most: usize) -> Result<Vec<Evaluation>, StoreError> {
        let wrap = |source| sqlite_error(&self.path, "read the study", source);
        let last = "SELECT metrics FROM report WHERE study = ? AND trial = ? ORDER BY step DESC LIMIT ?";
        let mut statement = self.db.prepare_cached(last).map_err(wrap)?;
        let mut rows = statement.query(rusqlite::params![schema::STUDY, trial, i64::try_from(most).unwrap_or(i64::MAX)]).map_err(wrap)?;
        let mut evaluations = Vec::new();
        while let Some(row) = rows.next().map_err(wrap)? {
            let text = row.get_ref(0).and_then(|text| Ok(text.as_str()?)).map_err(wrap)?;
            let why = |error: serde_json::Error| {
                let why = format!("an evaluation of trial {trial} cannot be read: {error}");
                StoreError::NotAStudy { path: self.path.clone(), why }
            };
            evaluations.push(serde_json::from_str(text).map_err(why)?);
        }
        evaluations.reverse();
        Ok(evaluations)
    }

    /// Appends what `change` answers, in one transaction under the write lock.
    fn transact(&mut self, at: i64, change: &mut Attempt<'_>) -> Result<(), StoreError> {
        let result = self.try_transact(at, change);
        if result.is_err() {
            // It may have folded events that were not kept.
            self.state = None;
            self.changes.forget();
        }
        result
    }

    fn try_transact(&mut self, at: i64, change: &mut Attempt<'_>) -> Result<(), StoreError> {
        let SqliteStore { path, db, state, changes } = self;
        let wrap = |source| sqlite_error(path, "write to the study", source);
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(wrap)?;
        catch_up(path, &tx, state, changes)?;
        let before = state.as_ref().map_or(0, |state| state.search.seq);
        let events = change(state.as_ref())?;
        if events.is_empty() {
            return tx.rollback().map_err(wrap);
        }
        admit(state, at, events, &mut |logged, state| {
            let payload = serde_json::to_string(&logged.event).map_err(|e| corrupt(path, logged.seq, &e))?;
            changes.touch(state.touched(&logged.event));
            schema::append(&tx, &logged, &payload).and_then(|()| schema::project(&tx, &logged, state)).map_err(wrap)
        })?;
        if let Some(state) = state.as_ref().filter(|state| state.search.seq > before) {
            changes.write(&tx, before, state).map_err(wrap)?;
        }
        tx.commit().map_err(wrap)
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &Connection {
        &self.db
    }
}

impl Store for SqliteStore {
    fn create(&mut self, at: i64, spec: StudySpec) -> Result<(), StoreError> {
        self.transact(at, &mut |_| Ok(vec![Event::Created(Box::new(spec.clone()))]))
    }

    fn state(&mut self) -> Result<Option<&StudyState>, StoreError> {
        // In a transaction, so that all of it is of one moment.
        let tx = self.db.unchecked_transaction().map_err(|source| sqlite_error(&self.path, "read the study", source))?;
        catch_up(&self.path, &tx, &mut self.state, &mut self.changes)?;
        drop(tx);
        Ok(self.state.as_ref())
    }

    fn commit(&mut self, at: i64, change: &mut Change<'_>) -> Result<(), StoreError> {
        self.transact(at, &mut |state| Ok(change(state.ok_or_else(not_created)?)))
    }

    fn page(&mut self, after: u64, most: usize) -> Result<Vec<Logged>, StoreError> {
        read(&self.path, &self.db, after, most)
    }
}

/// A change that also sees a study not yet created, and may fail.
type Attempt<'a> = dyn FnMut(Option<&StudyState>) -> Result<Vec<Event>, StoreError> + 'a;

fn catch_up(path: &Path, db: &Connection, state: &mut Option<StudyState>, changes: &mut folded::Changes) -> Result<(), StoreError> {
    const PAGE: usize = 10_000;
    if state.is_none() {
        *state = folded::read(path, db)?;
        if state.is_none() {
            changes.touch_all();
        }
    }
    loop {
        let page = read(path, db, state.as_ref().map_or(0, |s| s.search.seq), PAGE)?;
        for logged in &page {
            if let Err(refused) = fold(state, logged) {
                *state = None;
                return Err(corrupt(path, logged.seq, &refused));
            }
        }
        if page.len() < PAGE {
            return Ok(());
        }
    }
}

pub(super) fn read(path: &Path, db: &Connection, after: u64, most: usize) -> Result<Vec<Logged>, StoreError> {
    let wrap = |source| sqlite_error(path, "read the study", source);
    let mut statement =
        db.prepare_cached("SELECT seq, at, payload FROM event WHERE study = ? AND seq > ? ORDER BY seq LIMIT ?").map_err(wrap)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut rows = statement.query([schema::STUDY, i64::try_from(after).unwrap_or(i64::MAX), most]).map_err(wrap)?;
    let mut events = Vec::new();
    while let Some(row) = rows.next().map_err(wrap)? {
        events.push(logged(path, row)?);
    }
    Ok(events)
}

/// Of a row that begins with `seq`, `at` and `payload`.
fn logged(path: &Path, row: &Row<'_>) -> Result<Logged, StoreError> {
    let wrap = |source| sqlite_error(path, "read the study", source);
    let seq = row.get::<_, i64>(0).map_err(wrap)? as u64;
    let payload = row.get_ref(2).and_then(|text| Ok(text.as_str()?)).map_err(wrap)?;
    let event = serde_json::from_str(payload).map_err(|e| corrupt(path, seq, &e))?;
    Ok(Logged { seq, at: row.get(1).map_err(wrap)?, event })
}

fn holds_nothing(folder: &Path) -> StoreError {
    StoreError::NotAStudy { path: folder.to_owned(), why: "its study.sqlite holds nothing".to_owned() }
}

/// What SQLite undoes a change by that was cut short, before the write-ahead log is switched on.
fn journal(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-journal");
    PathBuf::from(name)
}

/// `application_id` and `user_version` from the first bytes of an SQLite file; `None` when there is no file, or nothing in it.
fn header(path: &Path) -> Result<Option<(i64, i64)>, StoreError> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(100).read_to_end(&mut bytes));
    match read {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StoreError::Io { path: path.to_owned(), action: "read the study", source }),
        Ok(0) => return Ok(None),
        Ok(_) => {}
    }
    if bytes.len() < 100 || !bytes.starts_with(b"SQLite format 3\0") {
        return Err(StoreError::NotAStudy { path: path.to_owned(), why: "this is not an SQLite file".to_owned() });
    }
    let number = |at: usize| i64::from(u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]));
    Ok(Some((number(68), number(60))))
}

/// The format of the study that is there, whose tables are a study's; `None` when there are none.
fn inside(path: &Path, db: &Connection) -> Result<Option<i64>, StoreError> {
    let wrap = |source| sqlite_error(path, "open the study", source);
    if db.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0)).map_err(wrap)? {
        return Ok(None);
    }
    let application = db.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(wrap)?;
    let format = db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(wrap)?;
    check_format(path, application, format)?;
    trusted::check_tables(path, db)?;
    Ok(Some(format))
}

fn check_format(path: &Path, application: i64, format: i64) -> Result<(), StoreError> {
    if application != schema::APPLICATION {
        return Err(StoreError::NotAStudy { path: path.to_owned(), why: "this is another program's database".to_owned() });
    }
    if format > FORMAT {
        return Err(StoreError::NewerFormat { path: path.to_owned(), found: format, known: FORMAT });
    }
    if format < schema::OLDEST {
        return Err(StoreError::OlderFormat { path: path.to_owned(), found: format, known: FORMAT });
    }
    Ok(())
}

fn corrupt(path: &Path, seq: u64, why: &dyn std::fmt::Display) -> StoreError {
    StoreError::Corrupt { path: path.to_owned(), seq, why: why.to_string() }
}

pub(super) fn sqlite_error(path: &Path, action: &'static str, source: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy) => StoreError::Busy { path },
        Some(ErrorCode::DiskFull) => StoreError::DiskFull { path },
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreError::NotWritable { path },
        Some(ErrorCode::DatabaseCorrupt) => {
            StoreError::NotAStudy { path, why: "the file is damaged: go back to a copy, or start a new study".to_owned() }
        }
        Some(ErrorCode::TooBig) => {
            let why = "it holds a value that is longer than any of a study: it is damaged, or not to be trusted".to_owned();
            StoreError::NotAStudy { path, why }
        }
        Some(ErrorCode::NotADatabase) => StoreError::NotAStudy { path, why: "this is not an SQLite file".to_owned() },
        _ => StoreError::Sqlite { path, action, source },
    }
}
