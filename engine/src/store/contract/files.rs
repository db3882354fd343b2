//! What only a store in a file must do: formats, damage, a full disk.

use super::*;

#[test]
fn a_newer_format_is_refused_untouched() {
    let (dir, folder, store) = started_on_disk();
    store.connection().pragma_update(None, "user_version", FORMAT + 1).unwrap();
    drop(store);
    let before = std::fs::read(folder.database()).unwrap();
    let names = || std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
    let files = names();
    for error in [SqliteStore::open(&folder).unwrap_err(), SqliteStore::open_or_create(&folder).unwrap_err()] {
        let text = error.to_string().replace(&dir.path().display().to_string(), "DIR");
        insta::allow_duplicates! { insta::assert_snapshot!(text, @"DIR/study.sqlite: written by a newer Thawline (study format 5; this program knows up to 4): use that program, or another study folder; nothing was changed"); }
    }
    assert_eq!(std::fs::read(folder.database()).unwrap(), before);
    assert_eq!(names(), files);
}

#[test]
fn a_format_that_is_too_old_is_refused() {
    let (dir, folder, store) = started_on_disk();
    store.connection().pragma_update(None, "user_version", schema::OLDEST - 1).unwrap();
    drop(store);
    let text = SqliteStore::open(&folder).unwrap_err().to_string().replace(&dir.path().display().to_string(), "DIR");
    insta::assert_snapshot!(text, @"
    DIR/study.sqlite: this study has format 2, older than what this version works with (format 4)
    Go on with the version that made it, or start a new study in another folder with --study
    ");
}

/// A study whose first trial waits for a slot.
fn started_on_disk() -> (tempfile::TempDir, StudyFolder, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let folder = StudyFolder::new(dir.path());
    let mut store = SqliteStore::open_or_create(&folder).unwrap();
    started(&mut store);
    (dir, folder, store)
}

#[test]
fn an_older_format_is_migrated() {
    let (_dir, folder, mut store) = started_on_disk();
    put(&mut store, &[claimed(0, 1, "cpu#1"), evaluated(1, 4, 0.5)]).unwrap();
    // As the version before left it.
    store.connection().execute_batch("DROP TABLE folded; PRAGMA user_version = 3").unwrap();
    drop(store);
    let mut store = SqliteStore::open(&folder).unwrap();
    let format: i64 = store.connection().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(format, FORMAT);
    assert_eq!(study(&mut store).unwrap().trials[0].fence, 1);
    put(&mut store, &[completed(0, 1, 0.5)]).unwrap();
    assert_kept(&folder);
    // So does one whose rows an older program has not kept up.
    store.connection().execute("UPDATE folded SET seq = seq - 1", []).unwrap();
    add(&mut SqliteStore::open(&folder).unwrap(), 1);
    assert_kept(&folder);
}

#[test]
fn a_state_that_cannot_be_read_is_folded_anew() {
    let (_dir, folder, mut store) = started_on_disk();
    let expected = MemoryStore::from_events(store.events(0).unwrap()).state().unwrap().cloned();
    let expected = format!("{expected:?}");
    for part in [-2, -1, 0] {
        store.connection().execute("UPDATE folded SET bytes = x'00' WHERE part = ?", [part]).unwrap();
        let mut other = SqliteStore::open(&folder).unwrap();
        assert!(folded::read(folder.root(), other.connection()).unwrap().is_none());
        assert_eq!(format!("{:?}", other.state().unwrap().cloned()), expected);
    }
    // The next commit mends all of them, though it changes one trial.
    for (number, part) in [-2, -1, 0].into_iter().enumerate() {
        store.connection().execute("UPDATE folded SET bytes = x'00' WHERE part = ?", [part]).unwrap();
        add(&mut SqliteStore::open(&folder).unwrap(), number as u32 + 1);
        assert_kept(&folder);
    }
}

/// Which may have been stopped in the middle of it.
#[test]
fn a_study_is_read_while_another_process_writes() {
    let (dir, folder, writer) = started_on_disk();
    writer.connection().execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut reader = SqliteStore::open(&folder).unwrap();
    assert_eq!(study(&mut reader).unwrap().trials.len(), 1);
    reader.connection().busy_timeout(std::time::Duration::ZERO).unwrap();
    let text = put(&mut reader, &[claimed(0, 1, "cpu#1")]).unwrap_err().to_string().replace(&dir.path().display().to_string(), "DIR");
    insta::assert_snapshot!(text, @"DIR/study.sqlite: another process has kept it locked for a minute: if its sweep was stopped (Ctrl-Z), `fg` lets it go on; otherwise run the same command again");
    writer.connection().execute_batch("ROLLBACK").unwrap();
    put(&mut reader, &[claimed(0, 1, "cpu#1")]).unwrap();
}

#[test]
fn what_is_not_a_study_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let message =
        |folder: &StudyFolder| SqliteStore::open(folder).unwrap_err().to_string().replace(&dir.path().display().to_string(), "DIR");
    let folder = StudyFolder::new(dir.path());
    insta::assert_snapshot!(message(&folder), @"DIR: not a study: there is no study.sqlite in this folder");
    insta::assert_snapshot!(message(&StudyFolder::new(dir.path().join("x"))), @"DIR/x: not a study: there is no such folder");
    std::fs::write(folder.database(), "").unwrap();
    insta::assert_snapshot!(message(&folder), @"DIR: not a study: its study.sqlite holds nothing");
    std::fs::write(folder.database(), "not a database").unwrap();
    insta::assert_snapshot!(message(&folder), @"DIR/study.sqlite: not a study: this is not an SQLite file");
    std::fs::remove_file(folder.database()).unwrap();
    rusqlite::Connection::open(folder.database()).unwrap().execute_batch("CREATE TABLE t(x)").unwrap();
    insta::assert_snapshot!(message(&folder), @"DIR/study.sqlite: not a study: this is another program's database");
}

#[test]
fn a_damaged_event_is_named() {
    let (dir, folder, store) = started_on_disk();
    store.connection().execute("UPDATE event SET payload = '{\"WorkerEnded\":{}}' WHERE seq = 2", []).unwrap();
    drop(store);
    let error = SqliteStore::open(&folder).unwrap().events(0).unwrap_err().to_string().replace(&dir.path().display().to_string(), "DIR");
    insta::assert_snapshot!(error, @"DIR/study.sqlite: event 2 cannot be read: missing field `worker` at line 1 column 17");
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    let (_dir, _, mut store) = started_on_disk();
    let pages: i64 = store.connection().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    store.connection().pragma_update_and_check(None, "max_page_count", pages + 2, |_| Ok(())).unwrap();
    put(&mut store, &[claimed(0, 1, "cpu#1")]).unwrap();
    let mut step = 0;
    let error = loop {
        step += 1;
        if let Err(error) = put(&mut store, &[evaluated(1, step, 0.5)]) {
            break error;
        }
    };
    assert!(matches!(error, StoreError::DiskFull { .. }) && error.is_environment(), "{error:?}");
    let kept = store.events(0).unwrap().len();
    store.connection().pragma_update_and_check(None, "max_page_count", pages * 100, |_| Ok(())).unwrap();
    put(&mut store, &[evaluated(1, step, 0.5)]).unwrap();
    assert_eq!(store.events(0).unwrap().len(), kept + 1);
}

#[test]
fn one_who_looks_on_reads_what_it_asks_for_and_writes_nothing() {
    let (_dir, folder, mut store) = started_on_disk();
    put(&mut store, &[claimed(0, 1, "cpu#1"), evaluated(1, 2, 0.25), evaluated(1, 4, 0.5), completed(0, 1, 0.5)]).unwrap();
    let mut looking = SqliteStore::open(&folder).unwrap();
    assert!(looking.last_state().is_none());
    looking.read_only().unwrap();
    let seq = study(&mut looking).unwrap().search.seq;
    assert_eq!(looking.last_state().unwrap().search.seq, seq);
    let found = looking.of_kinds(0, seq, &["created", "trial_added", "segment_completed"]).unwrap();
    let found: Vec<(i64, u64, i64, &str)> = found.iter().map(|(before, one)| (*before, one.seq, one.at, one.event.kind())).collect();
    assert_eq!(found, [(1000, 1, 1000, "created"), (2000, 5, 2000, "trial_added"), (2000, seq, 2000, "segment_completed")]);
    assert_eq!(looking.of_kinds(seq - 1, seq, &["segment_completed"]).unwrap().len(), 1);
    assert_eq!(looking.of_kinds(seq, u64::MAX, &["segment_completed"]).unwrap().len(), 0);
    let steps = |evaluations: Vec<crate::runner::Evaluation>| evaluations.iter().map(|one| one.step).collect::<Vec<_>>();
    assert_eq!(steps(looking.evaluations(0, 9).unwrap()), [2, 4]);
    assert_eq!((steps(looking.evaluations(0, 1).unwrap()), looking.evaluations(7, 9).unwrap().len()), (vec![4], 0));
    assert!(put(&mut looking, &[Event::WorkerEnded { worker: "cpu#2".to_owned() }]).is_err());
    // It has not stood in anybody's way.
    put(&mut store, &[Event::WorkerEnded { worker: "cpu#2".to_owned() }]).unwrap();
    assert_eq!(study(&mut looking).unwrap().search.seq, seq + 1);
}
