//! `thawline.json`: what a model folder claims, and everything that is needed to check it or to train the model again.
//!
//! Bit identity is promised for one program on one kind of CPU, device and number of threads. [`Made`] says which those were, [`Tolerance`] how
//! near a value must come elsewhere.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use search_spaces::claim::ConfigFile;
use serde::{Deserialize, Serialize};

use super::HubError;
use crate::files;

/// Its name in the folder.
pub const FILE: &str = "thawline.json";
/// What this program writes. A file with a higher number is refused: what it says may mean something else.
pub const FORMAT: u32 = 1;
/// It names labels and files; nothing in it grows with the data.
const MAX_BYTES: u64 = 64 << 20;

/// Everything in the file, in its order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this file: [`FORMAT`].
    pub format: u32,
    /// What the search had measured; `None` for what no study found.
    pub claim: Option<Claim>,
    /// What the weights in this folder gave when they were read back from it, before it got its name.
    pub measured: Measured,
    pub tolerance: Tolerance,
    /// Label names by class index.
    pub labels: Vec<String>,
    pub input: Input,
    /// Which examples it was trained on.
    pub trained_on: TrainedOn,
    /// As `thawline train` takes it, but as JSON: with the data at their places it trains the model again.
    pub config: ConfigFile,
    pub data: DataHashes,
    /// Of the pre-trained weights, however they are stored: the blake3 that a study keeps of them, in hex.
    pub base_blake3: String,
    pub made: Made,
    /// Every file of the folder that the model is read from, by name. What people may add or edit (README.md, this file) is not among them.
    pub files: BTreeMap<String, Hashed>,
}

/// What a study says of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    pub study: String,
    pub trial: u32,
    /// How it came to be the best, in words; `None` for another trial.
    pub rule: Option<String>,
    /// The objective's metric.
    pub metric: String,
    /// On the validation split.
    #[serde(with = "engine::numbers")]
    pub value: f64,
    /// The step whose weights have `value`.
    pub step: u64,
    /// On the test split, if the study has looked at it with these weights.
    pub test: Option<Test>,
}

/// The objective's metric on the test split, with its 95 % interval where there is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Test {
    #[serde(with = "engine::numbers")]
    pub value: f64,
    #[serde(with = "engine::numbers")]
    pub low: f64,
    #[serde(with = "engine::numbers")]
    pub high: f64,
    pub examples: u64,
}

/// What weights give on the splits that they were not trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// `None` where the model was trained on these examples too: there is no honest value.
    pub validation: Option<Evaluated>,
    /// `None` where there is no test split, or nobody has looked at it.
    pub test: Option<Evaluated>,
}

/// One split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    pub examples: u64,
    /// By name: `accuracy`, `macro_f1`, `matthews`, `loss`, and what the program measures besides.
    #[serde(with = "engine::numbers")]
    pub metrics: BTreeMap<String, f64>,
    /// The ends of the 95 % interval of the objective's metric over other splits of that size (percentile bootstrap); only of a test split, and only where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// Of all logits, example by example, little-endian `f32`: equal where every bit is.
    pub logits_blake3: String,
}

/// How far from what was measured a value may be where bit identity is not promised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tolerance {
    /// Of the same weights, evaluated again: this much, or two examples of the split where that is more.
    pub evaluated: f64,
    /// Of weights that are trained again: this much, or two standard errors of a share, `1 / sqrt(examples)`, where that is more.
    pub trained: f64,
    pub why: String,
}

impl Default for Tolerance {
    fn default() -> Tolerance {
        let why = "bit for bit with the same program, CPU, device and threads (`made`); elsewhere sums are rounded otherwise. Logits of the same weights \
                   then differ by about 1e-5, which changes the label of an example only where two classes are as near. Training feeds such differences \
                   back at every step: it ends elsewhere, as with another seed.";
        Tolerance { evaluated: 0.002, trained: 0.02, why: why.to_owned() }
    }
}

impl Tolerance {
    /// For weights evaluated again on a split of so many examples.
    pub fn of_evaluation(&self, examples: u64) -> f64 {
        self.evaluated.max(2.0 / examples.max(1) as f64)
    }

    /// For weights trained again.
    pub fn of_training(&self, examples: u64) -> f64 {
        self.trained.max(1.0 / (examples.max(1) as f64).sqrt())
    }
}

/// What the model reads: for whoever uses the folder without this program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// The columns of the text, or of the first and the second text of a pair; inputs are cut to so many tokens, the special ones included.
    Texts { columns: Vec<String>, max_tokens: usize },
    /// The square in the middle, resized to `side` pixels; then `(value / 255 - mean) / deviation` for each channel.
    /// `base_side` is that of the images the pre-trained model was made for.
    Images { side: usize, base_side: usize, mean: Vec<f32>, deviation: Vec<f32> },
}

/// Which examples a model was trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrainedOn {
    #[serde(rename = "train")]
    Train,
    #[serde(rename = "train+validation")]
    TrainAndValidation,
}

/// The data by their content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataHashes {
    /// Of all examples as this folder's tokenizer or image size has them, with labels, groups and splits.
    pub content_blake3: String,
    /// Files that the config names, as they lie there. A folder of images has no such hash: `content_blake3` is of what is in it.
    pub files: Vec<DataFile>,
    /// Examples of each split.
    pub splits: Splits,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    pub split: SplitName,
    pub path: PathBuf,
    pub bytes: u64,
    /// In hex.
    pub blake3: String,
}

/// What a file of data is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitName {
    /// All splits are taken from it.
    All,
    Train,
    Validation,
    Test,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Splits {
    pub train: u64,
    pub validation: u64,
    pub test: u64,
}

/// A file's length and hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashed {
    pub bytes: u64,
    /// In hex.
    pub blake3: String,
}

/// Who wrote the folder, and on what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// `export` or `train`.
    pub command: String,
    pub version: String,
    /// Of the executable, in hex.
    pub program_blake3: String,
    /// Of the CPU; empty where the system does not say.
    pub cpu: String,
    /// `cpu`, `cuda:0`, `metal`.
    pub device: String,
    /// That `measured` was computed with.
    pub threads: usize,
    /// That the model was trained with: the config's, where it names a number.
    pub trained_with_threads: Option<usize>,
    /// Of every random stream of its training.
    pub seed: u64,
}

impl Made {
    /// Whether the same numbers are promised, bit for bit.
    pub fn is_here(&self, here: &Made) -> bool {
        !self.cpu.is_empty() && (&self.program_blake3, &self.cpu, &self.device) == (&here.program_blake3, &here.cpu, &here.device)
    }
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error(
        "{} is missing: only folders that `thawline export` or `thawline train` wrote say what they claim",
        path.display()
    )]
    Missing { path: PathBuf },
    #[error("{} cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is no manifest of a model: {problem}", path.display())]
    Broken { path: PathBuf, problem: String },
    #[error("{} has format {found}, this program reads {FORMAT}: use a newer one", path.display())]
    Newer { path: PathBuf, found: u64 },
}

impl Manifest {
    /// Reads that of the model folder `folder`. It may come from a stranger: the config in it is one that a file can hold.
    pub fn read(folder: &Path) -> Result<Manifest, ManifestError> {
        let path = folder.join(FILE);
        let bytes = files::read(&path, MAX_BYTES).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ManifestError::Missing { path: path.clone() },
            _ => ManifestError::Read { path: path.clone(), source },
        })?;
        Manifest::parse(&path, &bytes)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Manifest, ManifestError> {
        #[derive(Deserialize)]
        struct Head {
            format: u64,
        }
        let broken = |problem: String| ManifestError::Broken { path: path.to_owned(), problem };
        let head: Head = serde_json::from_slice(bytes).map_err(|e| broken(e.to_string()))?;
        if head.format > u64::from(FORMAT) {
            return Err(ManifestError::Newer { path: path.to_owned(), found: head.format });
        }
        let mut manifest: Manifest = serde_json::from_slice(bytes).map_err(|e| broken(e.to_string()))?;
        let text = manifest.config.to_ron().map_err(|e| broken(e.to_string()))?;
        // Relative places are below the folder that whoever wrote it stood in, which nobody knows now.
        let root = path.parent().unwrap_or(Path::new("/")).join("config");
        manifest.config = ConfigFile::parse(&root, &text).map_err(|problems| broken(format!("its config: {problems}")))?;
        if manifest.labels.len() < 2 {
            return Err(broken("it names fewer than two labels".to_owned()));
        }
        Ok(manifest)
    }

    /// As the file holds it.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// What of the folder is no longer what the manifest says, a line each: files that are missing or changed, and files that a model would be read from
    /// in place of those.
    pub fn changed(&self, folder: &Path) -> Result<Vec<String>, HubError> {
        let mut lines = Vec::new();
        for (name, before) in &self.files {
            let path = folder.join(name);
            // A stranger's name may lead out of the folder.
            if Path::new(name).file_name().is_none_or(|plain| plain != name.as_str()) {
                lines.push(format!("{name:?} is not the name of a file in the folder"));
                continue;
            }
            match Hashed::of(&path) {
                Ok(now) if now == *before => {}
                Ok(now) => lines.push(now.told(&path, before)),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    lines.push(format!("{} is missing: its blake3 was {}", path.display(), before.blake3));
                }
                Err(source) => return Err(HubError::Read { path, source }),
            }
        }
        for name in names(folder)? {
            if is_read(&name) && !self.files.contains_key(&name) {
                lines.push(format!("{} was not there: a model may be read from it", folder.join(name).display()));
            }
        }
        Ok(lines)
    }
}

/// Whether a model may be read from a file of this name, here or by transformers.
fn is_read(name: &str) -> bool {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    name != FILE && matches!(ending, "json" | "txt" | "safetensors" | "bin" | "py" | "model" | "jinja")
}

/// The hashes of every file in `folder` that a model is read from.
pub fn hashes(folder: &Path) -> Result<BTreeMap<String, Hashed>, HubError> {
    let mut found = BTreeMap::new();
    for name in names(folder)?.into_iter().filter(|name| is_read(name)) {
        let path = folder.join(&name);
        found.insert(name, Hashed::of(&path).map_err(|source| HubError::Read { path, source })?);
    }
    Ok(found)
}

/// Names of the files in `folder`, in order.
fn names(folder: &Path) -> Result<Vec<String>, HubError> {
    let failed = |source| HubError::Read { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.path().is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

impl Hashed {
    /// Of a regular file, of any length.
    pub fn of(path: &Path) -> io::Result<Hashed> {
        files::check(path, u64::MAX)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(path)?)?;
        Ok(Hashed { bytes: hasher.count(), blake3: hasher.finalize().to_hex().to_string() })
    }

    /// That `path`, which is this now, was `before`.
    pub fn told(&self, path: &Path, before: &Hashed) -> String {
        format!("{} has the blake3 {}, not {}", path.display(), self.blake3, before.blake3)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use search_spaces::{
        claim::Claim as FileClaim,
        data::{Data, Files, Location, Missing, Split, TextColumns, TextData},
        ladder::Ladder,
        settings::{Direction, Metric, Objective},
    };

    use super::*;
    use crate::testing::trial_config;

    fn manifest() -> Manifest {
        let data = TextData {
            files: Files::One(Location::Path("/data/reviews.tsv".into())),
            columns: None,
            text: TextColumns::One("text".to_owned()),
            label: "label".to_owned(),
            group: None,
            split: Split { validation: 0.2, test: 0.1, seed: 0 },
            missing: Missing::Reject,
            max_tokens: 24,
            max_train: None,
            max_validation: None,
        };
        let hashed = Hashed { bytes: 3, blake3: blake3::hash(b"abc").to_hex().to_string() };
        Manifest {
            format: FORMAT,
            claim: Some(Claim {
                study: "reviews".to_owned(),
                trial: 3,
                rule: None,
                metric: "accuracy".to_owned(),
                value: 0.1 + 0.2,
                step: 30,
                test: Some(Test { value: 0.8, low: f64::NAN, high: f64::INFINITY, examples: 10 }),
            }),
            measured: Measured {
                validation: Some(Evaluated {
                    examples: 20,
                    metrics: [("accuracy".to_owned(), 0.1 + 0.2)].into(),
                    interval: None,
                    logits_blake3: String::new(),
                }),
                test: None,
            },
            tolerance: Tolerance::default(),
            labels: vec!["no".to_owned(), "yes".to_owned()],
            input: Input::Texts { columns: vec!["text".to_owned()], max_tokens: 24 },
            trained_on: TrainedOn::Train,
            config: ConfigFile {
                model: Location::Asset("all-MiniLM-L6-v2".to_owned()),
                data: Data::Text(data),
                objective: Objective { metric: Metric::Accuracy, direction: Direction::Maximize },
                config: trial_config(),
                ladder: Ladder::default(),
                eval_every: 0.25,
                seed: 1,
                trial: 3,
                threads: Some(1),
                claim: Some(FileClaim { study: "reviews".to_owned(), value: 0.1 + 0.2, step: 30, rule: None }),
            },
            data: DataHashes {
                content_blake3: "c".to_owned(),
                files: vec![DataFile { split: SplitName::All, path: "/data/reviews.tsv".into(), bytes: 3, blake3: String::new() }],
                splits: Splits { train: 70, validation: 20, test: 10 },
            },
            base_blake3: "b".to_owned(),
            made: Made {
                command: "export".to_owned(),
                version: "0.1.0".to_owned(),
                program_blake3: "p".to_owned(),
                cpu: "some CPU".to_owned(),
                device: "cpu".to_owned(),
                threads: 2,
                trained_with_threads: Some(1),
                seed: 1,
            },
            files: [("model.safetensors".to_owned(), hashed)].into(),
        }
    }

    #[test]
    fn what_is_written_is_read_to_the_last_bit() {
        let manifest = manifest();
        let json = manifest.to_json().unwrap();
        let read = Manifest::parse(Path::new("/m/thawline.json"), &json).unwrap();
        // NaN is no equal of itself.
        assert_eq!(read.to_json().unwrap(), json);
        assert_eq!(read.config, manifest.config);
        let claim = read.claim.unwrap();
        assert_eq!(claim.value.to_bits(), (0.1f64 + 0.2).to_bits());
        assert!(claim.test.unwrap().low.is_nan());
    }

    #[test]
    fn what_no_file_may_say_is_refused() {
        let told = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut json: serde_json::Value = serde_json::from_slice(&manifest().to_json().unwrap()).unwrap();
            change(&mut json);
            let text = serde_json::to_vec(&json).unwrap();
            Manifest::parse(Path::new("/m/thawline.json"), &text).unwrap_err().to_string()
        };
        insta::assert_snapshot!(told(&|json| json["format"] = 2.into()), @"/m/thawline.json has format 2, this program reads 1: use a newer one");
        insta::assert_snapshot!(told(&|json| json["labels"] = "no".into()), @r#"/m/thawline.json is no manifest of a model: invalid type: string "no", expected a sequence at line 1 column 1601"#);
        insta::assert_snapshot!(told(&|json| json["config"]["config"]["epochs"] = 0.into()), @"
        /m/thawline.json is no manifest of a model: its config: /m/config:25:17: `epochs` must be from 1 to 1000000, not 0
           |
        25 |         epochs: 0,
           |                 ^
        ");
        let error = Manifest::read(Path::new("/nowhere")).unwrap_err();
        insta::assert_snapshot!(error, @"/nowhere/thawline.json is missing: only folders that `thawline export` or `thawline train` wrote say what they claim");
    }

    #[test]
    fn a_changed_missing_or_added_file_is_named_with_both_hashes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let told = || {
            let lines = manifest().changed(folder.path()).unwrap();
            lines.join("\n").replace(folder.path().to_str().unwrap(), "F")
        };
        insta::assert_snapshot!(told(), @"F/model.safetensors is missing: its blake3 was 6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
        fs::write(&path, b"abc").unwrap();
        // Words may be edited.
        fs::write(folder.path().join("README.md"), b"words").unwrap();
        assert_eq!(told(), "");
        assert_eq!(hashes(folder.path()).unwrap(), manifest().files);
        fs::write(&path, b"abd").unwrap();
        fs::write(folder.path().join("tokenizer.json"), b"{}").unwrap();
        insta::assert_snapshot!(told(), @"
        F/model.safetensors has the blake3 90bfae301eb52a7298ef6a1408b29b37ce9d9a83f00fba3ddaa21e0550edf8fa, not 6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85
        F/tokenizer.json was not there: a model may be read from it
        ");
        let mut stranger = manifest();
        stranger.files = [("../model.safetensors".to_owned(), Hashed { bytes: 0, blake3: String::new() })].into();
        assert_eq!(stranger.changed(folder.path()).unwrap().len(), 3);
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut whole = manifest().to_json().unwrap();
            let at = at.index(whole.len());
            whole[at] = byte;
            for bytes in [bytes, whole] {
                let _ = Manifest::parse(Path::new("/m/thawline.json"), &bytes);
            }
        }
    }

    #[test]
    fn tolerances_grow_where_examples_are_few() {
        let tolerance = Tolerance::default();
        assert_eq!([40, 100_000].map(|examples| tolerance.of_evaluation(examples)), [0.05, 0.002]);
        assert_eq!([100, 100_000].map(|examples| tolerance.of_training(examples)), [0.1, 0.02]);
    }
}
