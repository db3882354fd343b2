//! BERT for classification (Devlin et al. 2018), as transformers' `BertForSequenceClassification`.

mod base;
mod config;
mod model;
#[cfg(test)]
mod tests;

pub use base::BertBase;
pub use config::BertConfig;
pub use model::Bert;
