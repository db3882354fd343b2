//! `thawline simulate`

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use engine::{
    clock::Stopwatch,
    simulator::{self, SECONDS_A_RUN, Simulated, Table},
};
use flate2::read::MultiGzDecoder;
use search_spaces::{problem::Problems, space::Space};
use serde::Serialize;

use crate::{args::Simulate, context::Context, exit::Error, progress::text};

/// Budgets at which regret is told, in full runs, as far as `--budget` goes.
const BUDGETS: [f64; 5] = [3.0, 5.0, 10.0, 20.0, 40.0];

/// A run, as a line of JSON.
#[derive(Debug, Serialize)]
struct Line<'a> {
    table: &'a str,
    seed: u64,
    workers: usize,
    sampler: String,
    scheduler: String,
    trials: usize,
    /// Each new incumbent: full runs of the table's median row, and the value.
    trace: Vec<(f64, f64)>,
    /// Full runs that all workers together have trained.
    spent: f64,
    /// Real seconds that the simulation took.
    seconds: f64,
}

/// One study.
struct Run {
    seed: u64,
    simulated: Simulated,
    seconds: f64,
}

pub(super) fn run(arguments: &Simulate, context: &mut Context) -> Result<(), Error> {
    if !(arguments.budget.is_finite() && arguments.budget > 0.0) {
        return Err(Error::usage(format!("--budget is a number of full runs above 0, not {}", arguments.budget)));
    }
    let tables = arguments.tables.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let budgets = budgets(arguments.budget);
    // By table and seed, at each budget.
    let mut regrets: Vec<Vec<Vec<f64>>> = Vec::new();
    for (table, path) in tables.iter().zip(&arguments.tables) {
        let space = space(table, arguments)?;
        let runs = runs(table, &space, arguments).map_err(|why| Error::usage(format!("{}: {why}", path.display())))?;
        for run in &runs {
            let trace = run.simulated.incumbents(table.objective).into_iter().map(|(at, value)| (at / SECONDS_A_RUN, value)).collect();
            let line = Line {
                table: &table.name,
                seed: run.seed,
                workers: arguments.workers as usize,
                sampler: format!("{:?}", space.settings.sampler),
                scheduler: format!("{:?}", space.settings.scheduler),
                trials: run.simulated.trials,
                trace,
                spent: run.simulated.spent / SECONDS_A_RUN,
                seconds: run.seconds,
            };
            if arguments.json {
                context.say_json_line(&line)?;
            }
        }
        regrets.push(runs.iter().map(|run| regret(table, &run.simulated, &budgets)).collect());
    }
    if arguments.json { Ok(()) } else { context.say(summary(&tables, &regrets, &budgets)) }
}

fn budgets(most: f64) -> Vec<f64> {
    let mut budgets: Vec<f64> = BUDGETS.into_iter().filter(|budget| *budget < most).collect();
    budgets.push(most);
    budgets
}

fn read(path: &Path) -> Result<Table, Error> {
    let wrong = |why: &dyn std::fmt::Display| Error::input(format!("{}: {why}", path.display()));
    let mut file = BufReader::new(File::open(path).map_err(|error| wrong(&format!("it cannot be opened: {error}")))?);
    let start = file.fill_buf().map_err(|error| wrong(&error))?;
    let zipped = start.starts_with(&[0x1f, 0x8b]);
    let text: Box<dyn BufRead> = if zipped { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) };
    Table::read(text).map_err(|error| wrong(&error))
}

fn space(table: &Table, arguments: &Simulate) -> Result<Space, Error> {
    let mut space = table.space();
    let given = [
        ("settings.sampler", "--sampler", &arguments.sampler),
        ("settings.scheduler", "--scheduler", &arguments.scheduler),
        ("settings.eta", "--eta", &arguments.eta),
        ("settings.r_min", "--r-min", &arguments.r_min),
    ];
    let given = given.into_iter().filter_map(|(path, option, text)| Some((path, option, text.as_deref()?)));
    let problems: Vec<_> =
        given.filter_map(|(path, option, text)| space.set(path, text, option).err()).flat_map(|problems| problems.0).collect();
    if !problems.is_empty() {
        return Err(Error::usage(Problems::new(problems)));
    }
    // Time ends a simulation.
    space.settings.trials = arguments.trials.unwrap_or(u32::MAX);
    Ok(space)
}

/// A run a seed, on all cores.
fn runs(table: &Table, space: &Space, arguments: &Simulate) -> Result<Vec<Run>, String> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= arguments.seeds as usize {
                return Ok(done);
            }
            let mut space = space.clone();
            let seed = arguments.seed.wrapping_add(number as u64);
            space.settings.seed = seed;
            let spec = simulator::spec(space, table).map_err(|problem| problem.to_string())?;
            let stopwatch = Stopwatch::start();
            let simulated = simulator::simulate(&spec, table, arguments.workers as usize, arguments.budget * SECONDS_A_RUN)
                .map_err(|e| e.to_string())?;
            done.push((number, Run { seed, simulated, seconds: stopwatch.seconds() }));
        }
    };
    let done = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..engine::devices::cores().min(arguments.seeds as usize)).map(|_| scope.spawn(work)).collect();
        let done = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        done.collect::<Result<Vec<Vec<_>>, String>>()
    })?;
    let mut all: Vec<(usize, Run)> = done.into_iter().flatten().collect();
    all.sort_by_key(|(number, _)| *number);
    Ok(all.into_iter().map(|(_, run)| run).collect())
}

/// At each budget.
fn regret(table: &Table, simulated: &Simulated, budgets: &[f64]) -> Vec<f64> {
    let incumbents = simulated.incumbents(table.objective);
    let by = |budget: f64| incumbents.iter().take_while(|(at, _)| *at <= budget * SECONDS_A_RUN * (1.0 + 1e-12)).last();
    budgets.iter().map(|budget| table.regret(by(*budget).map(|(_, value)| *value))).collect()
}

/// Mean regret by table and budget, and over all tables with a 95 % interval.
fn summary(tables: &[Table], regrets: &[Vec<Vec<f64>>], budgets: &[f64]) -> String {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let mut rows = vec![["normalised regret after".to_owned()].into_iter().chain(budgets.iter().map(|b| format!("{b} runs"))).collect()];
    for (table, regrets) in tables.iter().zip(regrets) {
        let cells = (0..budgets.len()).map(|at| format!("{:.3}", mean(&regrets.iter().map(|regret| regret[at]).collect::<Vec<_>>())));
        rows.push([table.name.clone()].into_iter().chain(cells).collect());
    }
    if tables.len() > 1 {
        let seeds = regrets[0].len();
        let cells = (0..budgets.len()).map(|at| {
            let by_seed: Vec<f64> = (0..seeds).map(|seed| mean(&regrets.iter().map(|table| table[seed][at]).collect::<Vec<_>>())).collect();
            let middle = mean(&by_seed);
            let variance = by_seed.iter().map(|value| (value - middle).powi(2)).sum::<f64>() / (seeds as f64 - 1.0).max(1.0);
            format!("{middle:.3} +- {:.3}", 1.96 * (variance / seeds as f64).sqrt())
        });
        rows.push([format!("mean of {} tables", tables.len())].into_iter().chain(cells).collect());
    }
    text::table(&rows)
}
