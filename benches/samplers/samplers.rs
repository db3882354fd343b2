//! Seconds a proposal, after 100, 1,000 and 10,000 trials of the BBC News space: `cargo bench -p benches`.
//!
//! Shows neither how good the proposals are nor what the store costs.

use std::{hint::black_box, path::Path, time::Duration};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use engine::{
    samplers,
    state::{Phase, SearchState, TrialKind, TrialState},
    streams::{Purpose, stream},
};
use search_spaces::{settings::SamplerKind, space::Space};

fn proposals(criterion: &mut Criterion) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../search-spaces/bbc-news.ron");
    let space = Space::read(&file).expect("a ready-made space has no mistakes");
    let mut group = criterion.benchmark_group("propose");
    for trials in [100, 1000, 10_000] {
        let state = study(&space, trials);
        for kind in [SamplerKind::Random, SamplerKind::Tpe, SamplerKind::Forest] {
            let sampler = samplers::build(kind, 0);
            group.bench_with_input(BenchmarkId::new(format!("{kind:?}"), trials), &state, |bencher, state| {
                bencher.iter(|| {
                    let mut random = stream(0, trials, Purpose::Sampler);
                    sampler.propose(black_box(&space.parameters), black_box(state).view(u32::MAX), &mut random)
                });
            });
        }
    }
    group.finish();
}

/// `trials` random configs; one in three reached the rung above. The values are of no learning curve.
fn study(space: &Space, trials: u32) -> SearchState {
    let ladder = space.ladder(900).expect("the ready-made space has a ladder");
    let mut state = SearchState::new(space.objective, ladder, 2000);
    for number in 0..trials {
        let assignment = space.draw(&mut stream(1, number, Purpose::Sampler));
        let value = f64::from(number * 7919 % 1000) / 1000.0;
        let rungs = if number % 3 == 0 { 2 } else { 1 };
        state.add(TrialState {
            number,
            kind: TrialKind::Search,
            parent: None,
            config: space.config(&assignment).expect("a drawn assignment is a config").into(),
            inside: true,
            assignment: Some(assignment),
            values: vec![value; rungs],
            exceeded: Vec::new(),
            second: Vec::new(),
            phase: Phase::Paused { rung: rungs - 1 },
            stopped_at: None,
        });
    }
    state
}

criterion_group! {
    name = samplers_at_work;
    config = Criterion::default().measurement_time(Duration::from_secs(3)).without_plots();
    targets = proposals
}
criterion_main!(samplers_at_work);
