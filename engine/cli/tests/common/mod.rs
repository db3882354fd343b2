//! A model and a data set small enough to sweep in seconds, and the program run on them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;
use trials::testing::{TinyBert, tiny_bert};

/// A folder with `model/`, `data.tsv` and `space.ron`.
pub(crate) struct Workplace {
    folder: TempDir,
}

/// What a run of the program gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Workplace {
    pub(crate) fn new() -> Workplace {
        let folder = tempfile::tempdir().unwrap();
        tiny_bert(&folder.path().join("model"), &TinyBert::default()).unwrap();
        fs::write(folder.path().join("data.tsv"), reviews(240)).unwrap();
        let place = Workplace { folder };
        place.write("space.ron", SPACE);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The space with one piece of its text replaced.
    pub(crate) fn space_with(&self, old: &str, new: &str) {
        assert!(SPACE.contains(old), "the space has no {old}");
        self.write("space.ron", &SPACE.replacen(old, new, 1));
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_thawline")), arguments)
    }

    /// Another program in place of `thawline`.
    pub(crate) fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        // Nothing of the machine's own settings, and no network.
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        // No Python either, which could fetch.
        command.env("PATH", self.path("nothing")).env("THAWLINE_CACHE", self.path("cache")).env("HF_ENDPOINT", "http://127.0.0.1:9");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.told(self.command(arguments).output().unwrap())
    }

    /// The output with this folder's name taken out.
    pub(crate) fn told(&self, output: Output) -> Run {
        let folder = self.folder.path().to_str().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(folder, "DIR");
        Run { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

impl Run {
    pub(crate) fn succeeded(self) -> Run {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self
    }
}

/// Reviews of films and games whose adjectives tell the label; every seventh has the other's adjective.
pub(crate) fn reviews(count: usize) -> String {
    let good = ["good", "great", "fine", "warm"];
    let bad = ["bad", "poor", "dull", "cold"];
    let things = ["film", "game", "team", "market", "bank"];
    let lines = (0..count).map(|row| {
        let positive = row % 2 == 0;
        let adjectives = if positive == (row % 7 != 0) { good } else { bad };
        let (first, second) = (adjectives[row % 4], adjectives[(row / 4) % 4]);
        let thing = things[(row / 3) % 5];
        let label = if positive { "positive" } else { "negative" };
        format!("the {thing} was {first} and very {second} {row}\t{label}\n")
    });
    std::iter::once("text\tlabel\n".to_owned()).chain(lines).collect()
}

pub(crate) const SPACE: &str = r#"Sweep(
    model: Path("model"),
    data: (
        files: One(Path("data.tsv")),
        split: (validation: 0.25, test: 0.25),
        max_tokens: 24,
    ),
    settings: (
        trials: 4,
        r_min: Share(0.25),
        eta: 2,
        devices: "cpu:2",
    ),
    space: (
        epochs: 2,
        batch_size: Choice([8, 16]),
        optimizer: AdamW(learning_rate: LogUniform(1e-4, 1e-2)),
        unfreeze: Choice([Everything, LastBlocks(k: 1)]),
    ),
)
"#;
