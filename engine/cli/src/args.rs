//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    name = "thawline",
    version,
    about = "Finds how to fine-tune a pre-trained model: a search space in, a tuned model and a report out.",
    after_help = EXIT_CODES,
    max_term_width = 120
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 failed (an error in the program); 2 usage; 3 the space is wrong; 4 data, model or study cannot be read;
5 no trial succeeded; 6 a check did not hold; 7 environment (device, disk, network); 130 interrupted, study safe.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Get a pretrained model or a data set by name
    Fetch(Fetch),
}

#[derive(Debug, Args)]
pub struct Fetch {
    /// all-MiniLM-L6-v2, bbc-news or fashion-mnist
    pub name: String,
    /// Copy it to this new folder too
    #[arg(long)]
    pub to: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }
}
