use config::Unfreeze as U;
use proptest::prelude::*;

use super::*;

const BLOCKS: usize = 6;
const EPOCH: u64 = 10;

fn make(config: &U) -> Box<dyn Unfreezing> {
    unfreezing(config, BLOCKS, EPOCH)
}

#[test]
fn fixed_kinds_never_change() {
    for (config, lowest) in
        [(U::HeadOnly, 5), (U::Everything, 0), (U::LastBlocks { k: 0 }, 5), (U::LastBlocks { k: 2 }, 3), (U::LastBlocks { k: 5 }, 0)]
    {
        let mut unfreezing = make(&config);
        for step in 0..100 {
            unfreezing.observe(1.0, step);
            assert_eq!(unfreezing.lowest(step), lowest, "{config:?}");
        }
    }
}

#[test]
fn progressive_thaws_by_passes() {
    let unfreezing = make(&U::Progressive { start: 1, blocks: 2, every: 0.5 });
    let lowest: Vec<usize> = (0..16).map(|step| unfreezing.lowest(step)).collect();
    assert_eq!(lowest, [4, 4, 4, 4, 4, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn gradual_thaws_when_nothing_improves() {
    let mut unfreezing = make(&U::Gradual { start: 1, blocks: 2, patience: 2, min_delta: 0.1, rewarm: 0.4 });
    let mut lowest = Vec::new();
    for (number, cost) in [0.9, 0.7, 0.65, 0.65, 0.62, 0.61, 0.58, 0.57, 0.56].into_iter().enumerate() {
        unfreezing.observe(cost, 3 * (number as u64 + 1));
        lowest.push(unfreezing.lowest(3 * (number as u64 + 1)));
    }
    // The best stays 0.7 at first: nothing improves on it by 0.1; then all is thawed.
    assert_eq!(lowest, [4, 4, 4, 2, 2, 0, 0, 0, 0]);
    // Thawed after step 12: four steps of warming up, of which the first is step 12 counted from 0.
    assert_eq!((11..17).map(|step| unfreezing.warmth(3, step)).collect::<Vec<_>>(), [0.25, 0.25, 0.5, 0.75, 1.0, 1.0]);
    assert_eq!(unfreezing.warmth(0, 18), 0.25);
    assert_eq!(unfreezing.warmth(4, 12), 1.0, "never frozen");
}

#[test]
fn gradual_takes_its_state_over_in_the_middle_of_a_count() {
    let config = U::Gradual { start: 0, blocks: 1, patience: 3, min_delta: 0.0, rewarm: 1.0 };
    let mut straight = make(&config);
    for step in 1..=6 {
        straight.observe(1.0, step);
    }
    let mut continued = make(&config);
    let state = serde_json::to_string(&straight.state().unwrap()).unwrap();
    continued.restore(serde_json::from_str(&state).unwrap());
    for unfreezing in [&mut straight, &mut continued] {
        assert_eq!(unfreezing.lowest(6), 4, "thawed once");
        unfreezing.observe(1.0, 7);
        assert_eq!(unfreezing.lowest(7), 3, "the third since");
        assert_eq!(unfreezing.warmth(4, 5), 0.2);
    }
}

#[test]
fn layer_decay_is_once_a_block_below_the_head() {
    assert_eq!((0..4).map(|block| layer_factor(0.5, block, 4)).collect::<Vec<_>>(), [0.125, 0.25, 0.5, 1.0]);
    assert_eq!(layer_factor(1.0, 0, 100), 1.0);
}

fn any() -> impl Strategy<Value = U> {
    prop_oneof![
        Just(U::HeadOnly),
        Just(U::Everything),
        (0..9u32).prop_map(|k| U::LastBlocks { k }),
        (0..9u32, 1..4u32, 0.01..3.0).prop_map(|(start, blocks, every)| U::Progressive { start, blocks, every }),
        (0..9u32, 1..4u32, 1..4u32, 0.0..2.0).prop_map(|(start, blocks, patience, rewarm)| U::Gradual {
            start,
            blocks,
            patience,
            min_delta: 0.01,
            rewarm
        }),
    ]
}

proptest! {
    #[test]
    fn thawed_stays_thawed_and_the_head_trains(config in any(), costs in prop::collection::vec(0.0..1.0, 30)) {
        let mut unfreezing = make(&config);
        let mut before = BLOCKS - 1;
        for (step, cost) in costs.into_iter().enumerate() {
            let lowest = unfreezing.lowest(step as u64);
            prop_assert!(lowest <= before);
            before = lowest;
            for block in lowest..BLOCKS {
                let warmth = unfreezing.warmth(block, step as u64);
                prop_assert!(warmth > 0.0 && warmth <= 1.0);
            }
            unfreezing.observe(cost, step as u64 + 1);
        }
    }
}
