//! Tries whether a study survives whatever happens to its processes and its disk. See `benches/README.md`.
//!
//! This is the `thawline` program with four more commands: it starts itself as the sweep that it disturbs, with curves in place of models
//! if the environment asks for them ([`curves`]), and with traps under its file operations ([`traps`]).

mod curves;
mod kills;
mod outcome;
mod place;
mod report;
mod sweep;
mod trace;
mod traps;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use thawline::program::Program;

use report::Broken;

/// What `thawline` has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(about = "Kills sweeps, lets their disks fail and cuts their power, and looks whether anything was lost.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Kill supervisors and workers at random instants
    Kills {
        #[arg(long, default_value_t = 100)]
        count: u64,
        /// Of instants, signals and targets; other seeds are other kills
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Sweep the quick start, search-spaces/quickstart.ron, in place of curves
        #[arg(long)]
        quickstart: Option<PathBuf>,
    },
}

const COMMANDS: [&str; 6] = ["kills", "writes", "power", "all", "help", "--help"];

fn main() -> ExitCode {
    let first = std::env::args().nth(1);
    if first.is_some_and(|first| !COMMANDS.contains(&first.as_str())) {
        if let Err(error) = traps::install() {
            report::error(format!("the traps cannot be set: {error}"));
            return ExitCode::FAILURE;
        }
        return thawline::program::run(Program { runner: curves::runner, ..Program::default() });
    }
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(broken) => {
            report::error(broken);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Broken> {
    match command {
        Command::Kills { count, seed, quickstart } => kills::run(count, seed, quickstart),
    }
}
