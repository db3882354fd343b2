//! The events of a study, one a line as JSON, folded and read as commands read them.

use engine::{
    events::Logged,
    record::StudyRecord,
    replay::replay,
    store::{MemoryStore, Store, StudyFolder},
    study::StudyState,
};

pub(crate) fn run(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n').map_while(|line| serde_json::from_slice::<Logged>(line).ok());
    let Some(first) = lines.next() else { return };
    let Ok(mut state) = StudyState::begin(&first) else { return };
    let mut events = vec![first];
    for logged in lines {
        match state.apply(&logged) {
            Ok(true) => events.push(logged),
            // A repetition is never logged.
            Ok(false) => {}
            Err(refused) => {
                drop(refused.to_string());
                break;
            }
        }
    }
    let mut store = MemoryStore::from_events(events);
    drop(replay(&mut store, |_| {}));
    let state = store.state().expect("what was folded once is folded again").expect("it has been created");
    drop((state.is_over(), state.kept_checkpoints(), state.best(), state.steps_repeated(), state.budget_spent(i64::MAX)));
    drop(StudyRecord::read(&mut store, &StudyFolder::new("/strange")));
}
