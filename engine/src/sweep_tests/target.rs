//! A value that is good enough ends a search.

use super::*;

fn with_target(target: Option<f64>, finalists: u32) -> StudySpec {
    let mut spec = spec(40);
    let settings = &mut spec.space.settings;
    (settings.target, settings.finalists, settings.finalist_seeds, settings.scheduler) = (target, finalists, 2, SchedulerKind::Asha);
    spec
}

#[test]
fn the_search_ends_with_the_first_full_training_that_is_good_enough() {
    for slots in [1, 3] {
        let runner = CurveRunner { step_takes: Duration::from_micros(200), ..CurveRunner::default() };
        let sweep = Sweep::new(runner, SchedulerKind::Asha, slots);
        let store = MemoryStore::default();
        assert_eq!(sweep.run(&store, &with_target(Some(0.8), 2)), Ended::TargetReached);
        let then = state(&store);
        let reached = then.target_reached.unwrap();
        assert!(then.search.trials()[reached as usize].values.last().unwrap() >= &0.8);
        let searched = then.search.searched().len();
        assert!(searched < 40, "{searched}");
        assert!(then.is_over() && then.trials.iter().all(|trial| trial.claim.is_none()));
        // What had come out best by then is trained again all the same.
        let finalists = then.search.trials().iter().filter(|trial| trial.kind == TrialKind::Finalist);
        let full = then.search.searched().filter(|trial| trial.phase == Phase::Complete).count();
        assert_eq!(finalists.filter(|trial| trial.phase == Phase::Complete).count(), full.min(2));
        assert_eq!(mismatches(&store), []);

        // The same again has nothing to do; a target beyond it goes on, with what had been cut off too.
        assert_eq!(sweep.run(&store, &with_target(Some(0.8), 2)), Ended::TargetReached);
        assert_eq!(state(&store).search.searched().len(), searched);
        assert_eq!(sweep.run(&store, &with_target(None, 2)), Ended::Finished);
        let then = state(&store);
        assert_eq!((then.search.searched().len(), then.target_reached), (40, None));
        assert!(then.search.index().active().next().is_none());
        assert_eq!(sweep.runner.repeated(), 0, "a step was trained twice");
        assert_eq!(mismatches(&store), []);
        // Known to be reached at once.
        assert_eq!(sweep.run(&store, &with_target(Some(0.7), 2)), Ended::TargetReached);
    }
}

#[test]
fn a_target_that_nobody_comes_to_changes_nothing() {
    let run = |target| {
        let store = MemoryStore::default();
        assert_eq!(Sweep::new(CurveRunner::default(), SchedulerKind::Asha, 1).run(&store, &with_target(target, 0)), Ended::Finished);
        trials(state(&store).search.trials())
    };
    assert_eq!(run(Some(2.0)), run(None));
}
