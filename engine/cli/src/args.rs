//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    /// Write a commented search space for a data set and a model
    Init(Init),
    /// Check a search space against its model and data, and show what it would do
    Check(Check),
    /// Run, continue or extend a study
    Sweep(Sweep),
    /// Have a study try a config next
    Enqueue(Enqueue),
    /// Say how far a study has come
    Status(Status),
    /// Look on while a study is worked on, or at what it came to
    Watch(Watch),
    /// Write a study's tables, charts and report again
    Report(Report),
    /// Print a study's best config
    Best(Best),
    /// Take every decision of a study again and compare
    Replay(Replay),
    /// Train one config to its full length: production training
    Train(Train),
    /// Write a trained trial of a study as a Hugging Face model folder
    Export(Export),
    /// Say of new texts or images which label a model gives them
    Predict(Predict),
    /// Check that a model folder is what it claims: its files, its data, its values
    Verify(Verify),
    /// Run the search on recorded learning curves, in simulated time
    Simulate(Simulate),
    /// Get a pretrained model or a data set by name
    Fetch(Fetch),
    /// Train segments of a study's trials (started by sweep)
    #[command(hide = true)]
    Worker(Worker),
    /// Read data named on standard input, to see whether a process lives through it (started by other commands)
    #[command(hide = true)]
    Read,
}

impl Command {
    /// How it is to show its progress, if it has any.
    pub(crate) fn shown(&self) -> Option<Shown> {
        match self {
            Command::Init(Init { shown, .. })
            | Command::Check(Check { shown, .. })
            | Command::Sweep(Sweep { shown, .. })
            | Command::Train(Train { shown, .. })
            | Command::Fetch(Fetch { shown, .. }) => Some(*shown),
            _ => None,
        }
    }
}

/// What is shown while a command works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub struct Shown {
    /// How progress is shown on standard error: bars for a terminal, plain lines for logs, none but what goes wrong
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    pub progress: ProgressKind,
    /// The same as --progress none
    #[arg(short, long, conflicts_with = "progress")]
    pub quiet: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ProgressKind {
    /// Bars where standard error is a terminal, plain lines elsewhere
    #[default]
    Auto,
    Bars,
    Plain,
    None,
}

#[derive(Debug, Args)]
pub struct Init {
    /// A CSV, TSV, JSON lines or Parquet file of texts; a folder, tar or IDX file of images; or a data set that `fetch` knows
    pub data: String,
    /// A Hugging Face BERT or ResNet folder, a .safetensors file of a ResNet or MobileNetV2, or a model that `fetch` knows
    #[arg(long)]
    pub model: String,
    /// Where to write the space
    #[arg(long, default_value = "space.ron")]
    pub to: PathBuf,
    /// The column of the text (guessed if not given)
    #[arg(long)]
    pub text: Option<String>,
    /// The column of the label (guessed if not given)
    #[arg(long)]
    pub label: Option<String>,
    #[command(flatten)]
    pub shown: Shown,
}

#[derive(Debug, Args)]
pub struct Check {
    /// The search space
    pub space: PathBuf,
    /// How many configs to draw and show
    #[arg(long, default_value_t = 5)]
    pub samples: usize,
    /// Train a few steps of the cheapest and the dearest config, and say what a study would cost
    #[arg(long)]
    pub probe: bool,
    #[command(flatten)]
    pub overrides: Overrides,
    #[command(flatten)]
    pub shown: Shown,
}

/// Settings in place of the file's.
#[derive(Debug, Clone, Default, Args)]
pub struct Overrides {
    /// Devices and how many trials run at a time on each: cpu:2,cuda:0
    #[arg(long)]
    pub devices: Option<String>,
    /// Configs to try in all, recipes included; a study that goes on can only get more
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub trials: Option<u32>,
    /// Active time to spend in all: 8h, 90m, 1h30m; a study that goes on can only get more
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub budget: Option<u64>,
    /// End the search once a fully trained trial is as good as this
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    pub target: Option<f64>,
    /// Seed of every random draw; a study that goes on keeps its own
    #[arg(long)]
    pub seed: Option<u64>,
    /// What to search for, as in a space: 'Maximize(MacroF1)', 'Minimize(Loss)'
    #[arg(long)]
    pub objective: Option<String>,
    /// Each rung is so many times as far as the one before; about one trial in so many goes on
    #[arg(long)]
    pub eta: Option<String>,
    /// The first rung, as in a space: 'Share(0.12)', 'Epochs(0.5)', 'Examples(300)'
    #[arg(long)]
    pub r_min: Option<String>,
}

#[derive(Debug, Args)]
pub struct Sweep {
    /// The search space
    pub space: PathBuf,
    /// The study's folder; made if it is not there, continued if it is
    #[arg(long)]
    pub study: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Work beside the sweep that runs in this study, if one does
    #[arg(long)]
    pub join: bool,
    /// Print the outcome as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub shown: Shown,
}

#[derive(Debug, Args)]
pub struct Replay {
    /// The study's folder
    pub study: PathBuf,
    /// Print it as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Enqueue {
    /// The study's folder
    pub study: PathBuf,
    /// A config file, such as another study's best.ron, or a space in which everything is fixed; of either only the config counts
    pub config: PathBuf,
    /// What the report calls it [default: the file's name]
    #[arg(long)]
    pub name: Option<String>,
}

#[derive(Debug, Args)]
pub struct Status {
    /// The study's folder
    pub study: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Watch {
    /// The study's folder
    pub study: PathBuf,
    /// Print one picture of it and end, for scripts and where there is no terminal
    #[arg(long)]
    pub once: bool,
}

#[derive(Debug, Args)]
pub struct Report {
    /// The study's folder
    pub study: PathBuf,
    /// Write event files for TensorBoard too, into DIR/tensorboard
    #[arg(long)]
    pub tensorboard: bool,
    /// Write a journal for Optuna and optuna-dashboard too, into DIR/optuna
    #[arg(long)]
    pub optuna: bool,
}

#[derive(Debug, Args)]
pub struct Best {
    /// The study's folder
    pub study: PathBuf,
    /// ron: what `train` takes; json, yaml: in the names of Hugging Face's TrainingArguments, with what has no name there beside them
    #[arg(long, value_enum, default_value_t = Format::Ron)]
    pub format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Ron,
    Json,
    Yaml,
}

#[derive(Debug, Args)]
pub struct Train {
    /// A config such as a study's best.ron, or a space file whose values are all fixed
    pub config: PathBuf,
    /// The model folder to write
    #[arg(long)]
    pub to: PathBuf,
    /// The examples to train on; with train+validation none is left to measure the model on but the test split
    #[arg(long, value_enum, default_value_t = TrainOn::Train)]
    pub on: TrainOn,
    /// Other data in place of the config's: PATH, or train=PATH, validation=PATH, test=PATH for one split each
    #[arg(long, value_name = "[SPLIT=]PATH")]
    pub data: Vec<String>,
    /// The device to train on
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// How often to write a checkpoint that the same command goes on from when it was interrupted
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "3m")]
    pub checkpoint_every: u64,
    #[command(flatten)]
    pub shown: Shown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TrainOn {
    Train,
    #[value(name = "train+validation")]
    TrainAndValidation,
}

#[derive(Debug, Args)]
pub struct Export {
    /// The study's folder
    pub study: PathBuf,
    /// The model folder to write
    #[arg(long)]
    pub to: PathBuf,
    /// A trial that ran its full length; the best one if not given
    #[arg(long)]
    pub trial: Option<u32>,
}

#[derive(Debug, Args)]
pub struct Predict {
    /// A model folder that `export` or `train` wrote, or another Hugging Face classifier
    pub model: PathBuf,
    /// Texts in a CSV, TSV, JSON lines or Parquet file, or a .txt with a text a line; images in a folder, tar, Parquet or IDX file, or one image
    #[arg(long)]
    pub input: PathBuf,
    /// The file to write; standard output if not given
    #[arg(long)]
    pub to: Option<PathBuf>,
    /// What to write [default: by the ending of --to: .csv, .jsonl or .ndjson; csv without one]
    #[arg(long, value_enum)]
    pub format: Option<PredictFormat>,
    /// The column of the text, or the two of a pair: FIRST,SECOND [default: as in training]
    #[arg(long, value_name = "COLUMN")]
    pub text: Option<String>,
    /// The device to compute on
    #[arg(long, default_value = "cpu")]
    pub device: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PredictFormat {
    Csv,
    Jsonl,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// A model folder that `export` or `train` wrote
    pub model: PathBuf,
    /// Train the model again, too, and compare
    #[arg(long)]
    pub train: bool,
    /// Where the data are now: PATH, or train=PATH, validation=PATH, test=PATH for one split each
    #[arg(long, value_name = "[SPLIT=]PATH")]
    pub data: Vec<String>,
    /// Where the pre-trained model is now
    #[arg(long, value_name = "DIR")]
    pub base: Option<PathBuf>,
    /// The device to compute on
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Print what was found as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Simulate {
    /// Tables of learning curves: JSON lines, plain or gzip
    #[arg(required = true)]
    pub tables: Vec<PathBuf>,
    /// As in a space: Forest, Tpe, Random, Sobol, Grid
    #[arg(long)]
    pub sampler: Option<String>,
    /// As in a space: FreezeThaw, Asha, SuccessiveHalving, Hyperband, Pasha, MedianRule, None
    #[arg(long)]
    pub scheduler: Option<String>,
    /// Each rung is so many times as far as the one before; about one trial in so many goes on
    #[arg(long)]
    pub eta: Option<String>,
    /// The first rung, as in a space: 'Share(0.12)', 'Examples(2)' (an example is a point of a curve, a pass the whole of it)
    #[arg(long)]
    pub r_min: Option<String>,
    /// Configs to try at most in each study
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub trials: Option<u32>,
    /// Studies on each table, each with a seed of its own
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub seeds: u32,
    /// The first study's seed
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Simulated time for each study, in full runs of a table's median config
    #[arg(long, default_value_t = 40.0)]
    pub budget: f64,
    /// Trials that run at a time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub workers: u32,
    /// Print a line of JSON for each study
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Fetch {
    /// all-MiniLM-L6-v2, bbc-news or fashion-mnist
    pub name: String,
    /// Copy it to this new folder too
    #[arg(long)]
    pub to: Option<PathBuf>,
    #[command(flatten)]
    pub shown: Shown,
}

#[derive(Debug, Args)]
pub struct Worker {
    /// The study's folder
    #[arg(long)]
    pub store: PathBuf,
    #[arg(long)]
    pub device: String,
    #[arg(long)]
    pub slots: usize,
    #[arg(long)]
    pub threads: usize,
    /// Started by a sweep: ends when standard input is closed, and tells errors on standard output only
    #[arg(long)]
    pub supervised: bool,
}

/// Seconds of `8h`, `90m` or `1h30m`, as in a space.
fn duration(text: &str) -> Result<u64, String> {
    search_spaces::settings::parse_duration(text).ok_or_else(|| "write hours, minutes and seconds, such as 8h, 90m or 1h30m".to_owned())
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
