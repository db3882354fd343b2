//! Median seconds of a suggestion after so many observations of 8 parameters: `cargo run --release -p benches --example latency -- Forest 10000`.
//!
//! `compare.py` beside it asks Optuna the same.

use std::path::Path;

use engine::{
    clock::Stopwatch,
    samplers,
    state::{Phase, SearchState, TrialKind, TrialState},
    streams::{Purpose, stream},
};
use search_spaces::{
    domain::{Domain, Parameter},
    settings::SamplerKind,
    space::Space,
};

const SUGGESTIONS: u32 = 21;

#[expect(clippy::print_stdout, reason = "an example says what it found")]
fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = || "usage: latency Random|Tpe|Forest OBSERVATIONS".to_owned();
    let [sampler, observations] = arguments.as_slice() else { return Err(usage()) };
    let kind = match sampler.as_str() {
        "Random" => SamplerKind::Random,
        "Tpe" => SamplerKind::Tpe,
        "Forest" => SamplerKind::Forest,
        _ => return Err(usage()),
    };
    let observations: u32 = observations.parse().map_err(|_| usage())?;
    let parameters: Vec<Parameter> = (0..8)
        .map(|number| {
            let domain = if number < 5 { Domain::LogUniform { low: 1e-6, high: 1.0 } } else { Domain::Uniform { low: 0.0, high: 1.0 } };
            Parameter { path: format!("p{number}"), domain, condition: None }
        })
        .collect();
    let state = study(&parameters, observations);
    let sampler = samplers::build(kind, 0);
    let mut seconds: Vec<f64> = (0..SUGGESTIONS)
        .filter_map(|number| {
            let mut random = stream(2, number, Purpose::Sampler);
            let stopwatch = Stopwatch::start();
            sampler.propose(&parameters, state.view(u32::MAX), &mut random).map(|_| stopwatch.seconds())
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    println!("{}", seconds[seconds.len() / 2]);
    Ok(())
}

/// Random configs at the first of three rungs; the value is the sum of the places, so that there is something to learn.
fn study(parameters: &[Parameter], observations: u32) -> SearchState {
    let text = r#"Sweep(model: Path("m"), data: Text(files: One(Path("d"))), objective: Minimize(Loss), space: (epochs: 9))"#;
    let space = Space::parse(Path::new("latency.ron"), text).unwrap_or_else(|problems| panic!("{problems}"));
    let ladder = space.ladder(1000).unwrap_or_else(|problem| panic!("{problem}"));
    let config = std::sync::Arc::new(space.recipes[0].config.clone());
    let mut state = SearchState::new(space.objective, ladder, u32::MAX);
    for number in 0..observations {
        let assignment = search_spaces::draw::draw(parameters, &mut stream(1, number, Purpose::Sampler));
        let value = parameters.iter().map(|parameter| parameter.domain.to_unit(assignment.0[&parameter.path])).sum();
        state.add(TrialState {
            number,
            kind: TrialKind::Search,
            parent: None,
            config: config.clone(),
            assignment: Some(assignment),
            inside: true,
            values: vec![value],
            exceeded: Vec::new(),
            second: Vec::new(),
            phase: Phase::Paused { rung: 0 },
            stopped_at: None,
        });
    }
    state
}
