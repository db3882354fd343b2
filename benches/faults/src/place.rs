//! A folder with everything a sweep needs, and the sweep's command.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;
use trials::testing::{TinyBert, tiny_bert};

use crate::{curves, sweep::PATIENCE};

/// What is swept.
#[derive(Debug, Clone)]
pub(crate) enum Job {
    /// Curves: one rate is searched, and `settings` are added to the space's. A step takes so many milliseconds.
    Curves { settings: String, step_millis: u64 },
    /// The space at this path, with a scheduler that gives the same leaderboard whatever happens.
    QuickStart(PathBuf),
}

impl Job {
    /// Finalists and their repeats after the search.
    pub(crate) fn curves(trials: u32, step_millis: u64) -> Job {
        Job::Curves { settings: format!("trials: {trials}, finalists: 2, finalist_seeds: 2, seed: 7"), step_millis }
    }

    /// With cross-validation at the end.
    pub(crate) fn folded(trials: u32, step_millis: u64) -> Job {
        Job::Curves { settings: format!("trials: {trials}, finalists: 2, finalist_seeds: 2, folds: 2, seed: 8"), step_millis }
    }
}

/// Where studies of one job are made.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
    job: Job,
}

impl Place {
    pub(crate) fn new(job: &Job) -> io::Result<Place> {
        let folder = tempfile::Builder::new().prefix("thawline-faults-").tempdir_in(scratch())?;
        let at = |name: &str| folder.path().join(name);
        let space = match job {
            Job::Curves { settings, .. } => {
                tiny_bert(&at("model"), &TinyBert { layers: 1, hidden: 4, heads: 1, ..TinyBert::default() }).map_err(io::Error::other)?;
                fs::write(at("data.tsv"), texts())?;
                SPACE.replace("SETTINGS", settings)
            }
            Job::QuickStart(space) => quick_start(space)?,
        };
        fs::write(at("space.ron"), space)?;
        fs::create_dir(at("studies"))?;
        Ok(Place { folder, job: job.clone() })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Holds studies alone: what the traps watch.
    pub(crate) fn studies(&self) -> PathBuf {
        self.path("studies")
    }

    /// Sweeps `study` on `slots` slots.
    pub(crate) fn sweep(&self, study: &Path, slots: usize) -> io::Result<Command> {
        let mut command = self.program()?;
        command.args(["sweep", "space.ron", "--study"]).arg(study).arg("--devices").arg(format!("cpu:{slots}"));
        Ok(command)
    }

    /// Works on `study` without a sweep of its own.
    pub(crate) fn worker(&self, study: &Path, slots: usize) -> io::Result<Command> {
        let mut command = self.program()?;
        command.args(["worker", "--device", "cpu", "--threads", "1", "--slots"]).arg(slots.to_string()).arg("--store").arg(study);
        Ok(command)
    }

    fn program(&self) -> io::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.current_dir(self.folder.path());
        // Nothing of the machine's own settings, and no network. The last two are what the program would start itself again with.
        command.env_clear().env("PATH", self.path("nothing")).env("THAWLINE_CACHE", self.path("cache"));
        command.env("HF_ENDPOINT", "http://127.0.0.1:9").env("CANDLE_NUM_THREADS", "1").env("MIMALLOC_PURGE_DELAY", "10000");
        if let Job::Curves { step_millis, .. } = self.job {
            command.env(curves::TRACE, self.path("trace")).env(curves::STEP, step_millis.to_string());
        }
        Ok(command)
    }

    /// How long a sweep may take to do anything that is waited for, in seconds.
    pub(crate) fn patience(&self) -> f64 {
        if self.is_real() { 5.0 * PATIENCE } else { PATIENCE }
    }

    pub(crate) fn is_real(&self) -> bool {
        matches!(self.job, Job::QuickStart(_))
    }

    /// Leaves the folder for somebody to look at.
    pub(crate) fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

/// In memory, if there is such a file system: a kill does not reach what a disk holds, and power cuts are made up from a log.
fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    folder.canonicalize().unwrap_or(folder)
}

fn quick_start(space: &Path) -> io::Result<String> {
    let text = fs::read_to_string(space)?;
    let folder = space.canonicalize()?.parent().map(Path::to_owned).unwrap_or_default();
    let scheduled =
        text.replacen("settings: (", "settings: (\n        scheduler: SuccessiveHalving,\n        checkpoint_every: \"1s\",", 1);
    Ok(scheduled.replace("Path(\"quickstart/", &format!("Path(\"{}/quickstart/", folder.display())))
}

fn texts() -> String {
    let words = ["good", "bad"];
    let rows = (0..48).map(|row| format!("the film was {} {row}\t{}\n", words[row % 2], words[row % 2]));
    std::iter::once("text\tlabel\n".to_owned()).chain(rows).collect()
}

const SPACE: &str = r#"Sweep(
    model: Path("model"),
    data: (files: One(Path("data.tsv")), split: (validation: 0.25, test: 0.0), max_tokens: 12),
    settings: (eta: 3, r_min: Examples(8), eval_every: 1.0, sampler: Tpe, scheduler: SuccessiveHalving, SETTINGS),
    space: (epochs: 2, batch_size: 1, optimizer: AdamW(learning_rate: LogUniform(1e-5, 1e-1))),
)
"#;
