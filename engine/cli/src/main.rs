//! The `thawline` program: reads the command line and the environment, runs a command, and exits as [`thawline::exit`] says.

use std::{
    env, io,
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
};

use clap::Parser as _;
use thawline::{args::Arguments, assets::Assets, commands, context::Context};

/// Training frees and takes the same large buffers at every step; this allocator keeps them instead of handing them back to the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let mut context = Context {
        out: Box::new(io::stdout()),
        log: Box::new(io::stderr()),
        interactive: io::stderr().is_terminal(),
        assets: Assets {
            cache: cache_folder(),
            hub: env::var("HF_ENDPOINT").unwrap_or_else(|_| "https://huggingface.co".to_owned()),
            python: PathBuf::from("python3"),
            debian: PathBuf::from("/usr/share/datasets"),
        },
        program: env::current_exe().unwrap_or_else(|_| PathBuf::from("thawline")),
    };
    match commands::run(arguments.command, &mut context) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            if !error.message.is_empty() {
                // Standard error may be closed; the exit code still tells.
                let _ = writeln!(io::stderr(), "error: {error}");
            }
            std::process::ExitCode::from(error.code as u8)
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
