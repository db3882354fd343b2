//! The model card of a folder that leaves the program.

use std::path::Path;

use reports::model_card::{self, Base, Card, Made, Study};
use search_spaces::data::Location;
use trials::hub::manifest::{self, Manifest, TrainedOn};

use super::ready::Ready;
use crate::{
    assets::{self, Source},
    exit::Error,
};

/// Of what is read of a base model's folder for its name and licence.
const MAX_BYTES: u64 = 1 << 20;

/// `README.md` of the folder `to`: its name and contents.
pub(super) fn card(to: &Path, manifest: &Manifest, ready: &Ready, study: Option<Study<'_>>) -> Result<(String, Vec<u8>), Error> {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let origin = Origin::of(&manifest.config.model, &ready.model);
    let report = serde_json::to_value(&*ready.prepared.report).map_err(|e| Error::failed(format!("cannot write JSON: {e}")))?;
    let made = &manifest.made;
    let card = Card {
        name: &name,
        base: Base { name: &origin.name, repository: origin.repository.as_deref(), licence: origin.licence.as_deref() },
        file: &manifest.config,
        labels: &manifest.labels,
        data_report: Some(&report),
        trained_on_validation: manifest.trained_on == TrainedOn::TrainAndValidation,
        validation: manifest.measured.validation.as_ref().map(evaluated),
        test: manifest.measured.test.as_ref().map(evaluated),
        study,
        made: Made {
            program: &format!("Thawline {}", made.version),
            device: &made.device,
            cpu: &made.cpu,
            threads: made.trained_with_threads,
        },
    };
    let text = model_card::render(&card).map_err(|error| Error::failed(format!("cannot write the model card: {error}")))?;
    Ok(("README.md".to_owned(), text.into_bytes()))
}

fn evaluated(split: &manifest::Evaluated) -> model_card::Evaluated {
    model_card::Evaluated { examples: split.examples, metrics: split.metrics.clone(), interval: split.interval }
}

/// Where a base model is from.
struct Origin {
    name: String,
    repository: Option<String>,
    licence: Option<String>,
}

impl Origin {
    /// Of the model that the config names and that lies at `at`.
    fn of(named: &Location, at: &Path) -> Origin {
        match named {
            Location::Asset(name) => {
                let asset = assets::find(name);
                let repository = asset.and_then(|asset| {
                    asset.sources.iter().find_map(|source| match source {
                        Source::Hub { repository } => Some((*repository).to_owned()),
                        _ => None,
                    })
                });
                // `Apache-2.0 (where it is from)`
                let licence = asset.and_then(|asset| asset.licence.split_whitespace().next()).map(str::to_lowercase);
                Origin { name: name.clone(), repository, licence }
            }
            Location::Path(path) => {
                let read = |name: &str| trials::files::read(&at.join(name), MAX_BYTES).ok();
                Origin {
                    name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                    repository: read("config.json").and_then(|json| repository(&json)),
                    licence: read("README.md").and_then(|card| licence(&String::from_utf8_lossy(&card))),
                }
            }
        }
    }
}

/// The repository that transformers notes where a model was loaded from one.
fn repository(config: &[u8]) -> Option<String> {
    let config: serde_json::Value = serde_json::from_slice(config).ok()?;
    let name = config.get("_name_or_path")?.as_str()?;
    let (owner, model) = name.split_once('/')?;
    let plain = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    (plain(owner) && plain(model)).then(|| name.to_owned())
}

/// The licence that a model card names at its head.
fn licence(card: &str) -> Option<String> {
    let head = card.strip_prefix("---")?;
    let mut lines = head.lines().skip(1).take_while(|line| line.trim_end() != "---");
    let licence = lines.find_map(|line| line.strip_prefix("license:"))?.trim().trim_matches(['"', '\'']);
    let plain = !licence.is_empty() && licence.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    plain.then(|| licence.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_models_name_and_licence_are_read_if_they_are_plain() {
        let named = |name: &str| repository(format!("{{\"_name_or_path\": {name:?}}}").as_bytes());
        assert_eq!(named("google-bert/bert-base-uncased").as_deref(), Some("google-bert/bert-base-uncased"));
        for other in ["bert-base-uncased", "/data/models/bert", "../x", "a/b/c", "a/<b>"] {
            assert_eq!(named(other), None, "{other}");
        }
        assert_eq!(licence("---\nlanguage: en\nlicense: apache-2.0\n---\n# BERT\n").as_deref(), Some("apache-2.0"));
        for other in
            ["# BERT\nlicense: mit\n", "---\ntags:\n- x\n---\nlicense: mit\n", "---\nlicense:\n- mit\n---\n", "---\nlicense: a: b\n---\n"]
        {
            assert_eq!(licence(other), None, "{other}");
        }
    }
}
