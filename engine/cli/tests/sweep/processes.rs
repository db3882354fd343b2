//! Sweeps whose processes are killed, stopped and joined.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use super::{
    common::{self, Workplace},
    status, wait_for, wait_for_a_value,
};

/// A sweep of the space as it is, in the background.
fn begin(place: &Workplace) -> Child {
    let mut command = place.command(&["sweep", "space.ron", "--study", "study"]);
    // A group of its own, as a shell would give it.
    command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().unwrap()
}

/// A sweep of 8 trials on one slot that has come to its first value.
fn under_way(epochs: u32) -> (Workplace, Child) {
    let place = Workplace::new();
    let epochs = format!("epochs: {epochs}");
    let space = common::SPACE.replace("epochs: 2", &epochs).replace("cpu:2", "cpu:1").replace("trials: 4", "trials: 8");
    place.write("space.ron", &space);
    let sweep = begin(&place);
    wait_for_a_value(&place);
    (place, sweep)
}

/// To all processes of the sweep, as a terminal does.
fn signal(sweep: &Child, name: &str) {
    assert!(Command::new("kill").args([name, "--", &format!("-{}", sweep.id())]).status().unwrap().success());
}

#[test]
fn a_sweep_that_was_killed_goes_on_where_it_was() {
    let place = Workplace::new();
    place.write("space.ron", &common::SPACE.replace("trials: 4", "trials: 10").replace("epochs: 2", "epochs: 20"));
    let mut sweep = begin(&place);
    wait_for_a_value(&place);
    // SIGKILL: no handler runs.
    sweep.kill().unwrap();
    assert_eq!(sweep.wait().unwrap().code(), None, "the sweep had ended before it was killed");
    place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
    let done = status(&place);
    assert_eq!((&done["state"], &done["trials_started"], &done["trials_failed"]), (&"finished".into(), &10.into(), &0.into()));
}

#[test]
fn an_interrupted_sweep_keeps_what_it_has() {
    let place = Workplace::new();
    place.write("space.ron", &common::SPACE.replace("trials: 4", "trials: 30").replace("epochs: 2", "epochs: 40"));
    let sweep = place.command(&["sweep", "space.ron", "--study", "study"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_a_value(&place);
    Command::new("kill").args(["-INT", &sweep.id().to_string()]).status().unwrap();
    let stopped = place.told(sweep.wait_with_output().unwrap());
    assert_eq!(stopped.code, 130, "{}", stopped.err);
    // Trials that wait may go on: nothing has been saved yet.
    assert!(stopped.out.contains("steps trained so far") && !stopped.out.contains("termination saved"), "{}", stopped.out);
    let page = fs::read_to_string(place.path("study/report/index.html")).unwrap();
    assert!(page.contains("The search has not ended") && !page.contains("training saved"), "{page}");
    let stopped = status(&place);
    assert_eq!((&stopped["state"], &stopped["steps_repeated"]), (&"stopped".into(), &0.into()));
}

/// Ctrl-Z and `fg`.
#[test]
fn the_time_for_which_a_sweep_was_stopped_does_not_count() {
    let place = Workplace::new();
    place.write("space.ron", &common::SPACE.replace("trials: 4", "trials: 8").replace("epochs: 2", "epochs: 40"));
    let mut sweep = begin(&place);
    wait_for_a_value(&place);
    signal(&sweep, "-TSTP");
    sleep(Duration::from_millis(500));
    let before = status(&place);
    sleep(Duration::from_secs(7));
    assert_eq!(status(&place)["steps_trained"], before["steps_trained"], "it is not stopped");
    signal(&sweep, "-CONT");
    assert!(sweep.wait().unwrap().success());
    let done = status(&place);
    assert_eq!((&done["state"], &done["trials_failed"], &done["steps_repeated"]), (&"finished".into(), &0.into(), &0.into()));
    let database = rusqlite::Connection::open(place.path("study/study.sqlite")).unwrap();
    let stops = "SELECT coalesce(sum(json_extract(payload, '$.Stopped.millis')), 0) FROM event WHERE kind = 'stopped'";
    let stopped: i64 = database.query_row(stops, [], |row| row.get(0)).unwrap();
    assert!((6000..60_000).contains(&stopped), "{stopped} ms");
}

#[test]
fn another_sweep_is_refused_or_works_beside_the_first() {
    let (place, mut first) = under_way(60);
    let refused = place.run(&["sweep", "space.ron", "--study", "study"]);
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(refused.err.contains("in use by another sweep") && refused.err.contains("--join"), "{}", refused.err);
    let joined = place.run(&["sweep", "space.ron", "--study", "study", "--join", "--json"]).succeeded();
    assert!(joined.err.contains("working beside the sweep that runs in study"), "{}", joined.err);
    let said: serde_json::Value = serde_json::from_str(&joined.out).unwrap();
    assert_eq!((&said["ended"], &said["trials"]), (&"finished".into(), &8.into()), "{said}");
    // Which of the two ends first is not known.
    assert_eq!(said["others_go_on"] == true, said["report"].is_null(), "{said}");
    assert!(first.wait().unwrap().success());
    let done = status(&place);
    assert_eq!((&done["state"], &done["trials_started"], &done["steps_repeated"]), (&"finished".into(), &8.into(), &0.into()));
    let slots = fs::read_to_string(place.path("study/tables/segments.csv")).unwrap();
    assert!(slots.lines().count() > 8, "{slots}");
}

#[test]
fn a_sweep_that_joined_ends_the_study_when_the_first_is_killed() {
    let (place, mut first) = under_way(30);
    let join = ["sweep", "space.ron", "--study", "study", "--join"];
    let joined = place.command(&join).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(&place, "study", |status| status["segments_running"] == 2);
    signal(&first, "-KILL");
    assert_eq!(first.wait().unwrap().code(), None, "it had ended before it was killed");
    let joined = place.told(joined.wait_with_output().unwrap()).succeeded();
    assert!(joined.out.contains("Test split"), "{}\n{}", joined.out, joined.err);
    assert!(place.path("study/report/index.html").is_file());
    let done = status(&place);
    assert_eq!((&done["state"], &done["trials_started"], &done["trials_failed"]), (&"finished".into(), &8.into(), &0.into()));
}
