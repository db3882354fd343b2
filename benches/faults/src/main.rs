//! Tries whether a study survives whatever happens to its processes and its disk. See `benches/README.md`.
//!
//! This is the `thawline` program with four more commands: it starts itself as the sweep that it disturbs, with curves in place of models
//! if the environment asks for them ([`curves`]), and with traps under its file operations ([`traps`]).

mod curves;
mod kills;
mod outcome;
mod parallel;
mod place;
mod power;
mod reference;
mod report;
mod selfcheck;
mod sweep;
mod told;
mod trace;
mod traps;
mod writes;
mod zombies;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use thawline::program::Program;

use report::Broken;
use traps::Fault;

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
        /// Of instants, signals and targets: other seeds are other kills
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Sweep this space, search-spaces/quickstart.ron, in place of curves
        #[arg(long)]
        quickstart: Option<PathBuf>,
        /// Studies at a time
        #[arg(long, default_value_t = 2)]
        jobs: usize,
    },
    /// Stop workers until others have their work, then let them go on
    Zombies {
        #[arg(long, default_value_t = 20)]
        count: u64,
        /// Of instants: other seeds are other instants
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Studies at a time
        #[arg(long, default_value_t = 2)]
        jobs: usize,
    },
    /// Let the disk fail at the k-th operation, for every k
    Writes {
        /// Take every so many k
        #[arg(long, default_value_t = 1)]
        every: u64,
        /// The first k
        #[arg(long, default_value_t = 1)]
        first: u64,
        /// Only this fault: error, full, torn or short
        #[arg(long)]
        fault: Option<Fault>,
        /// Sweeps at a time
        #[arg(long, default_value_t = 4)]
        jobs: usize,
    },
    /// Cut the power: open what a disk may then hold
    Power {
        #[arg(long, default_value_t = 1000)]
        images: u64,
        /// Of instants and of what got to the disk: other seeds are other images
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Sweep every so many images to the end
        #[arg(long, default_value_t = 100)]
        ends: u64,
        /// Images at a time
        #[arg(long, default_value_t = 2)]
        jobs: usize,
    },
    /// Damage a study in known ways, which the checks must find
    Selfcheck,
    /// All of these
    All {
        /// For CI, under three minutes
        #[arg(long, conflicts_with = "long", required_unless_present = "long")]
        short: bool,
        /// 1,000 kills, a hundred of them of the quick start, 100 zombies, every k, 10,000 images
        #[arg(long)]
        long: bool,
    },
}

const COMMANDS: [&str; 8] = ["kills", "zombies", "writes", "power", "selfcheck", "all", "help", "--help"];

fn main() -> ExitCode {
    let first = std::env::args().nth(1);
    if first.is_some_and(|first| !COMMANDS.contains(&first.as_str())) {
        if let Err(error) = traps::install() {
            report::error(format!("the traps cannot be set: {error}"));
            return ExitCode::FAILURE;
        }
        return thawline::program::run(Program { runner: curves::runner, ..Program::default() });
    }
    sweep::take_interrupts_as_usual();
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
        Command::Kills { count, seed, quickstart, jobs } => kills::run(count, seed, quickstart, jobs),
        Command::Zombies { count, seed, jobs } => zombies::run(count, seed, jobs),
        Command::Writes { every, first, fault, jobs } => {
            let faults = fault.map_or(Fault::ALL.to_vec(), |fault| vec![fault]);
            writes::run(&faults, first, every, jobs)
        }
        Command::Power { images, seed, ends, jobs } => power::run(images, seed, ends, jobs),
        Command::Selfcheck => selfcheck::run(),
        Command::All { short: true, .. } => {
            selfcheck::run()?;
            kills::run(40, 0, None, 2)?;
            zombies::run(4, 0, 4)?;
            writes::run(&Fault::ALL, 1, 25, 4)?;
            power::run(500, 0, 50, 2)
        }
        Command::All { .. } => {
            selfcheck::run()?;
            let space = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../search-spaces/quickstart.ron");
            kills::run(900, 0, None, 2)?;
            kills::run(100, 0, Some(space), 1)?;
            zombies::run(100, 0, 8)?;
            writes::run(&Fault::ALL, 1, 1, 4)?;
            power::run(10_000, 0, 100, 2)
        }
    }
}
