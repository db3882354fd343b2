//! Rungs at which all trials have cost the same.

use std::sync::Arc;

use crossbeam_channel::unbounded;
use engine::{
    devices::Device,
    runner::{Cancel, Completed, Outcome, Segment, SlotInfo, TrialEvent, TrialRunner},
};
use search_spaces::settings::Rungs;

use super::*;
use crate::{
    models::BaseModel,
    runner::{Runner, RunnerSettings},
};

/// 30 examples, batches of 4, three passes: 24 steps.
fn config(unfreeze: Unfreeze) -> Config {
    Config { epochs: 3, unfreeze, ..testing::trial_config() }
}

fn ladder(rungs: &[u64]) -> Ladder {
    Ladder { eta: 3, rungs: rungs.to_vec(), kind: Rungs::EqualCost }
}

/// Trains `config` from rung to rung as the engine does, and until it is over.
fn segments(config: &Config, ladder: &Ladder, folder: &std::path::Path) -> (Vec<Completed>, Vec<Evaluation>) {
    let settings = RunnerSettings { objective: OBJECTIVE, eval_every: 0.5, checkpoint_every_seconds: u64::MAX };
    let task = Arc::new(testing::task(30, 20, 10).task());
    let runner = Runner::new(task, Arc::new(Tiny::new()), Device::Cpu, settings, Measures::default());
    let slot = SlotInfo { name: "cpu/0".to_owned(), device: Device::Cpu, threads: 1 };
    let (mut done, mut evaluations): (Vec<Completed>, Vec<Evaluation>) = (Vec::new(), Vec::new());
    for rung in 0..ladder.rungs.len() {
        let from = done.last().and_then(|completed| completed.checkpoint.clone());
        let segment = Segment {
            trial: 3,
            rung,
            fold: None,
            ladder: ladder.clone(),
            config: config.clone(),
            micro_batch: None,
            assignment: None,
            seed: 5,
            checkpoints: folder.to_owned(),
            artefacts: folder.to_owned(),
        };
        let (sender, receiver) = unbounded();
        let outcome = runner.run(&segment, &slot, from.as_ref(), &sender, &Cancel::default()).unwrap();
        drop(sender);
        evaluations.extend(receiver.iter().filter_map(|event| if let TrialEvent::Evaluated(one) = event { Some(one) } else { None }));
        let Outcome::Completed(completed) = outcome else { panic!("{outcome:?}") };
        let over = completed.full_length;
        done.push(completed);
        if over {
            break;
        }
    }
    (done, evaluations)
}

/// What so many examples of the first pass cost, with so many blocks from the top training.
fn cost(fixture: &Fixture, examples: u64, thawed: usize) -> u64 {
    let blocks = fixture.base.multiply_adds(fixture.task.train.size(), 3);
    let trains: u64 = blocks.iter().rev().take(thawed).sum();
    examples * (blocks.iter().sum::<u64>() + 2 * trains)
}

#[test]
fn a_rung_is_reached_when_the_trial_has_cost_what_its_examples_cost_a_thawed_one() {
    let fixture = Fixture::new(&[90]);
    let folder = tempfile::tempdir().unwrap();
    let ladder = ladder(&[4, 10, 90]);
    let examples = |step: u64| if step.is_multiple_of(8) { 30 * step / 8 } else { 30 * (step / 8) + 4 * (step % 8) };
    for (unfreeze, thawed) in [(Unfreeze::Everything, 5), (Unfreeze::LastBlocks { k: 2 }, 3), (Unfreeze::HeadOnly, 1)] {
        let (done, evaluations) = segments(&config(unfreeze.clone()), &ladder, folder.path());
        let expected = |rung: usize| (1..=24).find(|step| cost(&fixture, examples(*step), thawed) >= cost(&fixture, ladder.rungs[rung], 5));
        let steps: Vec<u64> = done.iter().map(|completed| completed.step).take(2).collect();
        assert_eq!(steps, [expected(0).unwrap(), expected(1).unwrap()], "{unfreeze:?}");
        for (rung, completed) in done.iter().enumerate().take(2) {
            let there = evaluations.iter().find(|evaluation| evaluation.rung == Some(rung)).unwrap();
            assert_eq!((there.step, there.metrics["loss"]), (completed.step, completed.value), "evaluated at the rung");
        }
        assert_eq!(done.iter().map(|completed| completed.steps_trained).sum::<u64>(), 24);
        assert!(done[2].full_length && !done[1].full_length);
    }
}

#[test]
fn what_freezes_much_is_over_before_the_last_rung() {
    let folder = tempfile::tempdir().unwrap();
    let ladder = ladder(&[4, 60, 90]);
    let (done, evaluations) = segments(&config(Unfreeze::HeadOnly), &ladder, folder.path());
    assert_eq!(done.len(), 2, "sixty examples of a thawed trial cost more than ninety of this one");
    let last = done.last().unwrap();
    assert!(last.full_length && !last.stopped_early);
    assert!(last.checkpoint.as_ref().unwrap().path.to_string_lossy().ends_with("-step-24-final.ckpt"));
    assert_eq!(evaluations.last().map(|evaluation| (evaluation.step, evaluation.rung)), Some((24, Some(1))));
    // Straight to the top it is the same trial.
    let straight = tempfile::tempdir().unwrap();
    let (whole, _) = segments(&config(Unfreeze::HeadOnly), &Ladder { rungs: vec![90], ..ladder.clone() }, straight.path());
    assert_eq!((whole[0].value, whole[0].step), (last.value, last.step));
}

#[test]
fn paused_at_such_rungs_or_not_it_is_the_same_trial() {
    let thaws_on_demand = Unfreeze::Gradual { start: 0, blocks: 1, patience: 1, min_delta: 0.5, rewarm: 0.3 };
    for unfreeze in [Unfreeze::Progressive { start: 0, blocks: 1, every: 0.7 }, thaws_on_demand] {
        let (paused, straight) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (config, ladder) = (config(unfreeze), ladder(&[4, 12, 30, 90]));
        let (done, evaluations) = segments(&config, &ladder, paused.path());
        assert!(done.len() >= 3);
        let fixture = Fixture { ladder, eval_every: 0.5, ..Fixture::new(&[90]) };
        let mut trainer = Trainer::new(fixture.job(&config)).unwrap();
        assert_eq!(train(&mut trainer, u64::MAX), evaluations);
        let finished = trainer.finish(straight.path(), None).unwrap();
        assert_eq!(hash(&finished.checkpoint), done.last().unwrap().checkpoint.as_ref().unwrap().blake3);
    }
}
