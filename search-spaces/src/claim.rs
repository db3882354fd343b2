//! A config that leaves the search: `best.ron`.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

use ron::ser::PrettyConfig;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    checks::{check_data, check_objective},
    config::Config,
    data::{Data, Location},
    domain::Assignment,
    ladder::Ladder,
    lower::{At, Lowerer},
    problem::{Problems, ReadError, Source},
    read::{located, objective, read_source, read_tree, section, task_data, typed, usable},
    schema::sweep::CONFIG_FILE,
    settings::Objective,
};

/// Everything that `thawline train` needs to repeat a trial, and what it claims to reach. Written as RON.
///
/// A field added here is added to `schema::sweep::CONFIG_FILE` too, which is what files are read by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfigFile {
    pub model: Location,
    pub data: Data,
    pub objective: Objective,
    pub config: Config,
    /// Rungs are evaluated even when nothing pauses there, because monitors see those evaluations.
    pub ladder: Ladder,
    pub eval_every: f64,
    /// The study's seed and the trial's number: together they name the random streams.
    pub seed: u64,
    pub trial: u32,
    /// Threads a step was computed with; `None`: as many as there are cores.
    pub threads: Option<usize>,
    pub claim: Option<Claim>,
}

/// What the search measured for this config.
///
/// A field added here is added to `schema::sweep::CLAIM` too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    pub study: String,
    /// Of the objective's metric on the validation split.
    pub value: f64,
    /// The step whose weights reached it.
    pub step: u64,
    /// How it came to be the best, in words.
    pub rule: Option<String>,
}

impl ConfigFile {
    /// Reads a config file. Every mistake in it is reported at once; what is left out has the defaults of a search space.
    pub fn read(path: &Path) -> Result<ConfigFile, ReadError> {
        let source = read_source(path)?;
        let absolute = std::path::absolute(path).map_err(|source| ReadError::Unreadable { path: path.to_path_buf(), source })?;
        lower(&source, &absolute).map_err(ReadError::Problems)
    }

    /// Reads `text` as if it stood in the file `path`, to whose folder relative paths refer.
    pub fn parse(path: &Path, text: &str) -> Result<ConfigFile, Problems> {
        lower(&Source { file: path.to_path_buf(), text: text.to_string() }, path)
    }

    /// As RON, with a comment that says what it is.
    pub fn to_ron(&self) -> Result<String, ron::Error> {
        let layout = PrettyConfig::new().depth_limit(3);
        let body = ron::ser::to_string_pretty(self, layout)?;
        let origin = match &self.claim {
            Some(claim) => {
                let Claim { study, value, step, rule } = claim;
                let rule = rule.as_ref().map_or_else(String::new, |rule| format!("// Chosen as {rule}.\n"));
                let metric = self.objective.metric.name();
                let trial = self.trial;
                format!(
                    "// The config of trial {trial} of the study {study:?}: {metric} {value:.4} on the validation split, at step {step}.\n{rule}"
                )
            }
            None => String::new(),
        };
        Ok(format!("{origin}// Train it with: thawline train FILE --to MODEL_DIR\n{}{body}\n", CONFIG_FILE.name))
    }

    /// Writes the file so that a reader sees the old one or the whole new one.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let text = self.to_ron().map_err(io::Error::other)?;
        let draft = path.with_extension("ron.part");
        let mut file = File::create(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        // The new name is on disk once its folder is.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

fn lower(source: &Source, path: &Path) -> Result<ConfigFile, Problems> {
    let node = read_tree(source, CONFIG_FILE.name)?;
    let mut lowerer = Lowerer::new(source);
    lowerer.places.insert(String::new(), node.span.clone());
    let given = lowerer.match_fields(&node, CONFIG_FILE.name, CONFIG_FILE.fields, &At::new(""));
    let base = path.parent().map(Path::to_path_buf).unwrap_or_default();

    let mut sections = serde_json::Map::new();
    for (field, given) in CONFIG_FILE.fields.iter().zip(&given) {
        let json = match (field.name, given) {
            ("config", Some(node)) => {
                lowerer.free = Err("a config file");
                let template = lowerer.lower(node, field.kind, &At::config("config"));
                template.and_then(|template| template.resolve(&[], &Assignment::default()).ok())
            }
            ("config", None) => None,
            (name, given) => section(&mut lowerer, CONFIG_FILE.fields, name, *given),
        };
        if let Some(json) = json {
            sections.insert(field.name.to_string(), json);
        }
    }
    let mut take = |name: &str| sections.get_mut(name).map(Json::take);
    let model = take("model").map(|json| located(json, &base));
    let data = take("data").map(|json| task_data(json, &base));
    let objective = take("objective").map(objective);
    let data = usable(&mut lowerer, "data", data);
    if let Some(data) = &data {
        check_data(&mut lowerer, data);
    }
    let objective = usable(&mut lowerer, "objective", objective).and_then(|objective| check_objective(&mut lowerer, objective));
    check_rungs(&mut lowerer, sections.get("ladder"));

    let (Some(model), Some(data), Some(objective)) = (model, data, objective) else {
        return Err(Problems::new(lowerer.problems));
    };
    if !lowerer.problems.is_empty() {
        return Err(Problems::new(lowerer.problems));
    }
    let rest = |name: &str| sections.get(name).cloned().unwrap_or_default();
    let file = || -> Result<ConfigFile, String> {
        Ok(ConfigFile {
            model: typed(model)?,
            data,
            objective,
            config: typed(rest("config"))?,
            ladder: typed(rest("ladder"))?,
            eval_every: typed(rest("eval_every"))?,
            seed: typed(rest("seed"))?,
            trial: typed(rest("trial"))?,
            threads: typed(rest("threads"))?,
            claim: typed(rest("claim"))?,
        })
    };
    file().map_err(|message| Problems(vec![source.problem(&node.span, message, None)]))
}

fn check_rungs(lowerer: &mut Lowerer<'_>, ladder: Option<&Json>) {
    let Some(rungs) = ladder.and_then(|ladder| ladder["rungs"].as_array()) else { return };
    let rungs: Vec<Option<u64>> = rungs.iter().map(Json::as_u64).collect();
    if rungs.is_empty() || !rungs.is_sorted_by(|a, b| a < b) {
        let span = lowerer.places.get("ladder.rungs").cloned().unwrap_or(0..0);
        lowerer.report(&span, "the rungs must be growing numbers, at least one", "the last one is the horizon".to_string());
    }
}
