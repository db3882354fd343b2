//! A command a file. Each takes its arguments and the [`Context`], and says how it ended.

mod fetch;

use crate::{args::Command, context::Context, exit::Error};

/// Runs a command to its end.
pub fn run(command: Command, context: &mut Context) -> Result<(), Error> {
    match command {
        Command::Fetch(arguments) => fetch::run(&arguments, context),
    }
}
