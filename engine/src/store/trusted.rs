//! What keeps a study of a stranger from doing more than being read: links out of its folder, and code in its database.

use std::{collections::BTreeSet, path::Path};

use rusqlite::{Connection, Result, config::DbConfig, limits::Limit};

use super::{StoreError, schema};

/// Of one value in the database. The largest event is the first, with the space in it: a few hundred kilobytes.
const MAX_VALUE_BYTES: i32 = 64 << 20;
/// Of the database. 100,000 trials take one or two gigabytes.
const MAX_STUDY_BYTES: u64 = 64 << 30;

/// Refuses a study folder in which something is a symbolic link: the locks, the database and the checkpoints are written, and some are removed, wherever a link leads.
pub(super) fn refuse_links(root: &Path) -> Result<(), StoreError> {
    // What cannot be listed cannot be opened either.
    let Ok(entries) = root.read_dir() else { return Ok(()) };
    let mut links: Vec<_> = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink())).collect();
    links.sort_by_key(std::fs::DirEntry::file_name);
    match links.first() {
        Some(link) => Err(StoreError::Link { path: link.path() }),
        None => Ok(()),
    }
}

/// To be called before anything else is asked of the database: what its schema names is not run, and no value is longer than may be.
/// (<https://sqlite.org/security.html>)
pub(super) fn harden(db: &Connection) -> Result<()> {
    for (config, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    ] {
        db.set_db_config(config, on)?;
    }
    db.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)?;
    db.pragma_update(None, "cell_size_check", true)
}

/// Refuses a database with anything in it that no study has, such as a view in place of the events, and one that is larger than any study.
pub(super) fn check_tables(path: &Path, db: &Connection) -> Result<(), StoreError> {
    let not_a_study = |why: String| StoreError::NotAStudy { path: path.to_owned(), why };
    let bytes = path.metadata().map_or(0, |file| file.len());
    if bytes > MAX_STUDY_BYTES {
        return Err(not_a_study(format!("its database has {bytes} bytes; at most {MAX_STUDY_BYTES} are read")));
    }
    let wrap = |source| super::sqlite::sqlite_error(path, "look at the study's tables", source);
    let known = known().map_err(wrap)?;
    match things(db).map_err(wrap)?.into_iter().find(|thing| !known.contains(thing)) {
        Some((kind, name)) => {
            Err(not_a_study(format!("its database has the {kind} {name:?}, which no study has: it is not to be trusted")))
        }
        None => Ok(()),
    }
}

/// What a new study's database has.
fn known() -> Result<BTreeSet<(String, String)>> {
    let db = Connection::open_in_memory()?;
    schema::create(&db)?;
    things(&db)
}

/// Tables, indices, views and triggers by their kinds and names.
fn things(db: &Connection) -> Result<BTreeSet<(String, String)>> {
    let mut statement = db.prepare("SELECT type, name FROM sqlite_schema")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        store::{SqliteStore, Store, StudyFolder},
        testing::spec,
    };

    /// A study, after these statements of another program.
    fn study(statements: &str) -> (tempfile::TempDir, StudyFolder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = StudyFolder::new(dir.path().join("s"));
        SqliteStore::open_or_create(&folder).unwrap().create(0, spec(9)).unwrap();
        Connection::open(folder.database()).unwrap().execute_batch(statements).unwrap();
        (dir, folder)
    }

    fn error(folder: &StudyFolder, dir: &tempfile::TempDir) -> String {
        let error = SqliteStore::open(folder).and_then(|mut store| store.state().map(drop)).unwrap_err();
        error.to_string().replace(dir.path().to_str().unwrap(), "D")
    }

    #[test]
    fn a_database_with_anything_else_in_it_is_refused() {
        let (dir, folder) = study("");
        assert!(SqliteStore::open(&folder).unwrap().state().unwrap().is_some());
        drop(dir);
        let (dir, folder) = study(
            "DROP TABLE event; CREATE VIEW event AS SELECT 1 AS study, 1 AS seq, 0 AS at, '' AS kind, hex(zeroblob(1000000000)) AS payload",
        );
        insta::assert_snapshot!(error(&folder, &dir), @r#"D/s/study.sqlite: not a study: its database has the view "event", which no study has: it is not to be trusted"#);
        let (dir, folder) = study("CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM event; END");
        insta::assert_snapshot!(error(&folder, &dir), @r#"D/s/study.sqlite: not a study: its database has the trigger "t", which no study has: it is not to be trusted"#);
    }

    #[test]
    fn an_event_is_no_longer_than_may_be() {
        let (dir, folder) = study("UPDATE event SET payload = printf('%.*c', 70000000, '[')");
        insta::assert_snapshot!(error(&folder, &dir), @"D/s/study.sqlite: not a study: it holds a value that is longer than any of a study: it is damaged, or not to be trusted");
    }

    #[test]
    #[cfg(unix)]
    fn nothing_is_written_through_a_link() {
        let (dir, folder) = study("");
        let outside = dir.path().join("letters.txt");
        std::fs::write(&outside, "Dear all").unwrap();
        for name in ["sweep.lock", "checkpoints"] {
            let link = folder.root().join(name);
            std::os::unix::fs::symlink(&outside, &link).unwrap();
            insta::allow_duplicates! {
                insta::assert_snapshot!(error(&folder, &dir).replace(name, "NAME"), @"D/s/NAME: is a symbolic link: what a study writes and removes must lie in its own folder; put what it leads to in its place, or link the whole study folder");
            }
            assert!(SqliteStore::open_or_create(&folder).is_err());
            std::fs::remove_file(&link).unwrap();
        }
        assert_eq!(std::fs::read_to_string(outside).unwrap(), "Dear all");
        // The whole study may be linked.
        let linked = dir.path().join("linked");
        std::os::unix::fs::symlink(folder.root(), &linked).unwrap();
        assert!(SqliteStore::open(&StudyFolder::new(linked)).unwrap().state().unwrap().is_some());
    }
}
