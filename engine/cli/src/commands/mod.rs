//! A command a file. Each takes its arguments and the [`Context`], and says how it ended.

mod best;
mod card;
mod check;
mod enqueue;
mod export;
mod failures;
mod fetch;
mod folder;
mod goals;
mod init;
mod interrupt;
mod next;
mod outcome;
mod places;
mod predict;
mod read;
mod ready;
mod replay;
mod report;
mod setup;
mod simulate;
mod status;
mod study;
mod sweep;
mod test_split;
mod train;
mod verify;
mod watch;
mod worker;

use crate::{args::Command, context::Context, exit::Error};

/// Runs a command to its end.
pub fn run(command: Command, context: &mut Context) -> Result<(), Error> {
    if let Some(shown) = command.shown() {
        context.show_as(shown);
    }
    match command {
        Command::Init(arguments) => init::run(&arguments, context),
        Command::Check(arguments) => check::run(&arguments, context),
        Command::Sweep(arguments) => sweep::run(&arguments, context),
        Command::Enqueue(arguments) => enqueue::run(&arguments, context),
        Command::Status(arguments) => status::run(&arguments, context),
        Command::Watch(arguments) => watch::run(&arguments, context),
        Command::Replay(arguments) => replay::run(&arguments, context),
        Command::Report(arguments) => report::run(&arguments, context),
        Command::Best(arguments) => best::run(&arguments, context),
        Command::Train(arguments) => train::run(&arguments, context),
        Command::Export(arguments) => export::run(&arguments, context),
        Command::Predict(arguments) => predict::run(&arguments, context),
        Command::Verify(arguments) => verify::run(&arguments, context),
        Command::Simulate(arguments) => simulate::run(&arguments, context),
        Command::Fetch(arguments) => fetch::run(&arguments, context),
        Command::Worker(arguments) => worker::run(&arguments, context),
        Command::Read => read::run(),
    }
}
