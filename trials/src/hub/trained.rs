//! A fine-tuned classifier, read from its folder.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::{Map, Value};

use super::{HubError, Weights, read_json, weights::todays_name};
use crate::{
    device::Handle,
    models::{BaseModel, Model},
    prepare::load_base,
};
use engine::streams::{Purpose, stream};

/// A classifier that [`super::export`] wrote, or any that transformers wrote of an architecture that is read here.
pub struct Trained {
    pub base: Arc<dyn BaseModel>,
    /// With the head of the folder.
    pub model: Box<dyn Model>,
    /// Names of the classes by index.
    pub labels: Vec<String>,
}

impl std::fmt::Debug for Trained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trained").field("labels", &self.labels).finish_non_exhaustive()
    }
}

impl Trained {
    /// Reads `folder`.
    ///
    /// # Errors
    /// Everything that a base model may have wrong; and the folder has no head, one of another task, or one whose classes are not those of config.json.
    pub fn load(folder: &Path, device: &Handle) -> Result<Trained, HubError> {
        Trained::of(load_base(folder, device)?, folder, device)
    }

    /// The same with the base model read already.
    pub fn of(base: Arc<dyn BaseModel>, folder: &Path, device: &Handle) -> Result<Trained, HubError> {
        let config = folder.join("config.json");
        let fields = read_json(&config)?;
        check_task(&fields, &config)?;
        let head = base.blocks().len() - 1;
        let failed = |source| HubError::Device { path: folder.to_owned(), source };
        // Which tensors a head has, the model says: one for any number of classes has the names.
        let names = |model: &dyn Model| -> Vec<String> {
            let head = model.parameters().iter().filter(|parameter| parameter.block == head);
            head.map(|parameter| todays_name(&parameter.name)).collect()
        };
        let unlike = base.instantiate(1, &mut stream(0, 0, Purpose::HeadWeights)).map_err(failed)?;
        let names = names(unlike.as_ref());
        let mut weights = Weights::read(folder, device, |name| names.iter().any(|wanted| wanted == name))?;
        // The classifier's weight comes last but one, its bias last.
        let classes = names.last().and_then(|bias| weights.shape(bias)).and_then(|shape| shape.first().copied()).unwrap_or(0);
        if classes == 0 {
            let tensor = names.last().cloned().unwrap_or_default();
            return Err(HubError::NoHead { path: weights.listing().to_owned(), tensor });
        }
        let labels = labels(&fields, &config, classes)?;
        let mut model = base.instantiate(classes, &mut stream(0, 0, Purpose::HeadWeights)).map_err(failed)?;
        model.parameters_mut().thaw_from(head).map_err(failed)?;
        for (parameter, var) in model.parameters().thawed().filter(|(parameter, _)| parameter.block == head) {
            let tensor = weights.take(&todays_name(&parameter.name), var.dims())?;
            var.set(&tensor).map_err(failed)?;
        }
        Ok(Trained { base, model, labels })
    }
}

/// Refuses heads of other tasks, whose tensors may have the same names.
fn check_task(fields: &Map<String, Value>, path: &Path) -> Result<(), HubError> {
    let wrong = |field, problem: String| Err(HubError::Config { path: path.to_owned(), field, problem });
    match fields.get("problem_type").and_then(Value::as_str) {
        None | Some("single_label_classification") => {}
        Some(other) => return wrong("problem_type", format!("is {other:?}, but only single_label_classification is read")),
    }
    let class = fields.get("architectures").and_then(|classes| classes.get(0)).and_then(Value::as_str);
    match class.and_then(|class| class.split_once("For")) {
        None | Some((_, "SequenceClassification" | "ImageClassification")) => Ok(()),
        Some((_, task)) => {
            wrong("architectures", format!("says that the model is for {task}; only classifiers of texts and images are read"))
        }
    }
}

/// What config.json calls the classes; where it says nothing, what transformers would: `LABEL_0` and so on.
fn labels(fields: &Map<String, Value>, path: &Path, classes: usize) -> Result<Vec<String>, HubError> {
    let Some(Value::Object(names)) = fields.get("id2label") else { return Ok((0..classes).map(|id| format!("LABEL_{id}")).collect()) };
    let by_id: BTreeMap<usize, String> =
        names.iter().filter_map(|(id, name)| Some((id.parse().ok()?, name.as_str()?.to_owned()))).collect();
    if by_id.len() != names.len() || !by_id.keys().copied().eq(0..classes) {
        let problem = format!("must name {classes} classes, \"0\" to \"{}\", as many as the head has", classes - 1);
        return Err(HubError::Config { path: path.to_owned(), field: "id2label", problem });
    }
    Ok(by_id.into_values().collect())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::{
        data::batch::{Batch, Inputs},
        hub::export,
        models::Pass,
        testing::{TinyBert, tiny_bert},
    };

    #[test]
    fn a_folder_that_was_exported_gives_the_same_logits_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("base"), folder.path().join("out"));
        for pooler in [true, false] {
            tiny_bert(&from, &TinyBert { pooler, ..TinyBert::default() }).unwrap();
            let base = load_base(&from, &Device::Cpu).unwrap();
            let labels = ["no", "yes", "maybe"].map(str::to_owned);
            let model = base.instantiate(3, &mut stream(7, 3, Purpose::HeadWeights)).unwrap();
            export(&to, &base.classifier(&labels, None), model.parameters()).unwrap();
            let trained = Trained::load(&to, &Device::Cpu).unwrap();
            assert_eq!(trained.labels, labels);
            let tensor = |values: Vec<u32>| candle_core::Tensor::from_vec(values, (1, 4), &Device::Cpu).unwrap();
            let mask = candle_core::Tensor::ones((1, 4), candle_core::DType::F32, &Device::Cpu).unwrap();
            let inputs = Inputs::Tokens { ids: tensor(vec![2, 9, 11, 3]), types: tensor(vec![0; 4]), mask };
            let batch = Batch::new(inputs, vec![0], &Device::Cpu).unwrap();
            let logits = |model: &dyn Model| model.forward(&batch, &Pass::evaluation()).unwrap().to_vec2::<f32>().unwrap();
            assert_eq!(logits(trained.model.as_ref()), logits(model.as_ref()));
            std::fs::remove_dir_all(&to).unwrap();
        }
    }

    #[test]
    fn what_is_no_classifier_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("out");
        tiny_bert(folder.path(), &TinyBert::default()).unwrap();
        let told = |folder: &Path| Trained::load(folder, &Device::Cpu).unwrap_err().to_string().replace(folder.to_str().unwrap(), "F");
        insta::assert_snapshot!(told(folder.path()), @"F/model.safetensors: there is no classification head (`classifier.bias`): this is a model to start from; fine-tune it first");
        let base = load_base(folder.path(), &Device::Cpu).unwrap();
        let model = base.instantiate(2, &mut stream(7, 3, Purpose::HeadWeights)).unwrap();
        export(&to, &base.classifier(&["a", "b"].map(str::to_owned), None), model.parameters()).unwrap();
        let config = std::fs::read_to_string(to.join("config.json")).unwrap();
        let with = |old: &str, new: &str| {
            assert!(config.contains(old), "{config}");
            std::fs::write(to.join("config.json"), config.replace(old, new)).unwrap();
            told(&to)
        };
        insta::assert_snapshot!(with("single_label_classification", "regression"), @r#"F/config.json: field `problem_type`: is "regression", but only single_label_classification is read"#);
        insta::assert_snapshot!(with("BertForSequenceClassification", "BertForTokenClassification"), @"F/config.json: field `architectures`: says that the model is for TokenClassification; only classifiers of texts and images are read");
        insta::assert_snapshot!(with("\"1\": \"b\"", "\"2\": \"b\""), @r#"F/config.json: field `id2label`: must name 2 classes, "0" to "1", as many as the head has"#);
    }
}
