//! The whole program: reads the command line and the environment, runs a command, and exits as [`crate::exit`] says.

use std::{
    env, io,
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use clap::Parser as _;
use engine::runner::TrialRunner;
use trials::{metrics::Measures, prepare::Prepared, runner::RunnerSettings};

use crate::{
    args::Arguments,
    assets::Assets,
    commands,
    context::{Context, Mode, harmless},
};

/// What libraries read from the environment alone, unless the user has set it: candle adds large tensors on a thread pool of its own
/// whatever a slot's threads are, and mimalloc gives freed buffers back within a step. Together they cost a third of a training step. Where
/// what is free then is given back every ten seconds, that costs no step anything, and memory that one config needed is not kept all night.
#[cfg(unix)]
const SETTINGS: [(&str, &str); 2] = [("CANDLE_NUM_THREADS", "1"), ("MIMALLOC_PURGE_DELAY", "10000")];

/// What a `main` of your own may bring; the default is this program as it is.
#[derive(Debug, Clone)]
pub struct Program {
    /// What is measured of every evaluation.
    pub measures: Measures,
    /// Makes what trains the trials of a study, in each of its workers, from the study's model, data and settings. `train`, the probes of
    /// `check` and the test split are the standard runner's all the same.
    pub runner: fn(&Prepared, RunnerSettings) -> Arc<dyn TrialRunner>,
}

impl Default for Program {
    fn default() -> Program {
        Program { measures: Measures::default(), runner: |prepared, settings| Arc::new(prepared.runner(settings)) }
    }
}

/// Runs the program in this process: a `main` of your own with another `program` is this program with more metrics or another runner, its
/// workers included.
///
/// The process may be replaced by itself, with [`SETTINGS`] in its environment: call this first.
pub fn run(program: Program) -> ExitCode {
    let arguments = Arguments::parse();
    #[cfg(unix)]
    restart_with_settings();
    let term = env::var("TERM").unwrap_or_default();
    let mut context = Context {
        out: Box::new(io::stdout()),
        log: Box::new(io::stderr()),
        mode: Mode::possible(io::stderr().is_terminal(), &term),
        screen: Mode::possible(io::stdout().is_terminal(), &term) == Mode::Bars,
        // <https://no-color.org>
        colours: env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        assets: Assets {
            cache: cache_folder(),
            hub: env::var("HF_ENDPOINT").unwrap_or_else(|_| "https://huggingface.co".to_owned()),
            python: PathBuf::from("python3"),
            debian: PathBuf::from("/usr/share/datasets"),
        },
        measures: program.measures,
        runner: program.runner,
        program: env::current_exe().unwrap_or_else(|_| PathBuf::from("thawline")),
    };
    match commands::run(arguments.command, &mut context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.message.is_empty() {
                // Standard error may be closed; the exit code still tells.
                let _ = writeln!(io::stderr(), "error: {}", harmless(&error));
            }
            ExitCode::from(error.code as u8)
        }
    }
}

/// `$THAWLINE_CACHE`, else `$XDG_CACHE_HOME/thawline`, else `~/.cache/thawline`.
fn cache_folder() -> PathBuf {
    let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("THAWLINE_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("thawline")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/thawline")))
        .unwrap_or_else(|| env::temp_dir().join("thawline"))
}

/// Becomes the same program with [`SETTINGS`] in its environment: the allocator has read its own before `main`. Where the system does not
/// let it, training is slower and nothing else differs.
#[cfg(unix)]
fn restart_with_settings() {
    use std::os::unix::process::CommandExt as _;

    let missing: Vec<_> = SETTINGS.into_iter().filter(|(name, _)| env::var_os(name).is_none()).collect();
    if missing.is_empty() {
        return;
    }
    if let Ok(program) = env::current_exe() {
        let _ = std::process::Command::new(program).args(env::args_os().skip(1)).envs(missing).exec();
    }
}
