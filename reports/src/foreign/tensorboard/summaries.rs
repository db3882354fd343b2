//! Summaries: what an event holds.

use prost::Message as _;

use super::proto::{
    Content, DataClass, DataType, Dimension, Event, HParams, HParamsData, PluginData, Shape, Summary, SummaryMetadata, SummaryValue,
    Tensor, What,
};

/// An event of `values` at `millis` since 1970.
pub(super) fn event(millis: i64, step: u64, values: Vec<SummaryValue>) -> Event {
    Event { wall_time: seconds(millis), step: i64::try_from(step).unwrap_or(i64::MAX), what: Some(What::Summary(Summary { values })) }
}

pub(super) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

/// What every event file begins with.
pub(super) fn version(millis: i64) -> Event {
    Event { wall_time: seconds(millis), step: 0, what: Some(What::FileVersion("brain.Event:2".to_owned())) }
}

/// A point of a curve.
pub(super) fn scalar(tag: impl Into<String>, value: f64) -> SummaryValue {
    SummaryValue { tag: tag.into(), metadata: None, content: Some(Content::Simple(value as f32)) }
}

/// The same with words on what the curve shows; the first point's count.
pub(super) fn described(point: SummaryValue, description: &str) -> SummaryValue {
    // Metadata without a plugin would hide the curve.
    let plugin = Some(PluginData { name: "scalars".to_owned(), content: Vec::new() });
    let metadata = SummaryMetadata { plugin, description: description.to_owned(), data_class: DataClass::Scalar.into() };
    SummaryValue { metadata: Some(metadata), ..point }
}

/// Markdown for the plugin `text`.
pub(super) fn text(tag: &str, text: &str) -> SummaryValue {
    let tensor = Tensor {
        data_type: DataType::String.into(),
        shape: Some(Shape { dimensions: Vec::new() }),
        strings: vec![text.as_bytes().to_vec()],
    };
    with_plugin(tag, "text", Vec::new(), tensor)
}

/// What the HParams plugin reads out of the metadata; the value says nothing.
pub(super) fn hparams(data: HParamsData) -> SummaryValue {
    let tag = match data {
        HParamsData::Experiment(_) => "_hparams_/experiment",
        HParamsData::Start(_) => "_hparams_/session_start_info",
        HParamsData::End(_) => "_hparams_/session_end_info",
    };
    let shape = Shape { dimensions: vec![Dimension { size: 0 }] };
    let nothing = Tensor { data_type: DataType::Float.into(), shape: Some(shape), strings: Vec::new() };
    with_plugin(tag, "hparams", HParams { version: 0, data: Some(data) }.encode_to_vec(), nothing)
}

fn with_plugin(tag: &str, name: &str, content: Vec<u8>, tensor: Tensor) -> SummaryValue {
    let plugin = Some(PluginData { name: name.to_owned(), content });
    let metadata = SummaryMetadata { plugin, description: String::new(), data_class: DataClass::Tensor.into() };
    SummaryValue { tag: tag.to_owned(), metadata: Some(metadata), content: Some(Content::Tensor(tensor)) }
}
