//! Texts to token ids, as Hugging Face transformers does it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use serde_json::Value;
use tokenizers::{
    AddedToken, Encoding, PostProcessor, Tokenizer as Inner, TruncationParams, models::wordpiece::WordPiece, normalizers::BertNormalizer,
    pre_tokenizers::bert::BertPreTokenizer, processors::bert::BertProcessing,
};

use super::error::DataError;
use crate::files;

/// Of each file: ten times as much as the largest vocabularies take.
pub(crate) const MAX_TOKENIZER_BYTES: u64 = 256 << 20;

/// A model folder's tokenizer.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: Inner,
    file: PathBuf,
    padding: u32,
}

/// A tokenizer that truncates.
#[derive(Debug, Clone)]
pub struct Encoder {
    inner: Inner,
}

/// The tokens of a text or a pair of texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// With the special tokens, not padded.
    pub ids: Vec<u32>,
    /// 0, or 1 for the second text.
    pub types: Vec<u32>,
    /// Something was left out to keep the limit.
    pub truncated: bool,
}

impl Tokenizer {
    /// From `tokenizer.json`, or a BERT tokenizer from `vocab.txt` and the settings in `tokenizer_config.json`, if there is one.
    ///
    /// Without the settings a vocabulary with capital letters is taken as cased. Truncation and padding that `tokenizer.json` asks for are ignored.
    pub fn from_folder(folder: &Path) -> Result<Tokenizer, DataError> {
        let config = folder.join("tokenizer_config.json");
        let config = if config.is_file() { json(&config)? } else { Value::Null };
        let file = folder.join("tokenizer.json");
        let (mut inner, file) = if file.is_file() {
            let bytes = read(&file)?;
            (guarded(|| Inner::from_bytes(bytes)).map_err(|e| wrong(&file, &e))?, file)
        } else {
            let file = folder.join("vocab.txt");
            if !file.is_file() {
                return Err(wrong(folder, "the folder holds neither `tokenizer.json` nor `vocab.txt`"));
            }
            (from_vocabulary(&file, &config)?, file)
        };
        let padding = padding(&inner, &config);
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|e| wrong(&file, &e))?;
        Ok(Tokenizer { inner, file, padding })
    }

    /// Id that pads a batch. Where the tokenizer names none it is 0: what it stands for is masked anyway.
    pub fn padding(&self) -> u32 {
        self.padding
    }

    /// The file it was read from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// One more than the highest id: the rows that the model's embedding table needs at least.
    pub fn ids(&self) -> usize {
        // What pads, and what is put around a text, need not be in the vocabulary.
        let around = guarded(|| self.inner.encode_fast("", true)).map_or_else(|_| Vec::new(), |encoding| encoding.get_ids().to_vec());
        let highest = self.inner.get_vocab(true).into_values().chain(around).chain([self.padding]).max();
        highest.map_or(0, |id| id as usize + 1)
    }

    /// With inputs of at most `max_tokens`, the special ones included; of a pair the longer text is cut first.
    pub fn encoder(&self, max_tokens: usize) -> Result<Encoder, DataError> {
        let special = self.inner.get_post_processor().map_or(0, |p| p.added_tokens(true));
        if max_tokens <= special {
            return Err(DataError::TooFewTokens { given: max_tokens, special });
        }
        let mut inner = self.inner.clone();
        inner
            .with_truncation(Some(TruncationParams { max_length: max_tokens, ..TruncationParams::default() }))
            .map_err(|e| wrong(&self.file, &e))?;
        Ok(Encoder { inner })
    }
}

impl Encoder {
    /// The error is the tokenizer's own text, without the place.
    pub fn encode(&self, text: &str, pair: Option<&str>) -> Result<Encoded, String> {
        let encoding: Encoding = guarded(|| match pair {
            None => self.inner.encode_fast(text, true),
            Some(pair) => self.inner.encode_fast((text, pair), true),
        })?;
        if encoding.is_empty() {
            return Err("the tokenizer turns the text into no tokens at all".into());
        }
        Ok(Encoded {
            ids: encoding.get_ids().to_vec(),
            types: encoding.get_type_ids().to_vec(),
            truncated: !encoding.get_overflowing().is_empty(),
        })
    }
}

/// The tokenizer's own code panics on some files that it has read without a word.
fn guarded<T>(step: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(_) => Err("the tokenizer's parts do not fit together".to_owned()),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, DataError> {
    files::read(file, MAX_TOKENIZER_BYTES).map_err(|source| DataError::Read { file: file.to_owned(), source })
}

fn from_vocabulary(file: &Path, config: &Value) -> Result<Inner, DataError> {
    files::check(file, MAX_TOKENIZER_BYTES).map_err(|source| DataError::Read { file: file.to_owned(), source })?;
    let Some(name) = file.to_str() else { return Err(wrong(file, "the path is not valid UTF-8")) };
    let model = WordPiece::from_file(name).build().map_err(|e| wrong(file, &e))?;
    let mut inner = Inner::new(model);
    let id = |token: &str| inner.token_to_id(token).ok_or_else(|| wrong(file, &format!("the vocabulary lacks the token {token}")));
    id("[UNK]")?;
    let post = BertProcessing::new(("[SEP]".into(), id("[SEP]")?), ("[CLS]".into(), id("[CLS]")?));
    let flag = |name: &str| config.get(name).and_then(Value::as_bool);
    let cased = || inner.get_vocab(false).into_keys().any(|token| !token.starts_with('[') && token.chars().any(char::is_uppercase));
    let lowercase = flag("do_lower_case").unwrap_or_else(|| !cased());
    let normalizer = BertNormalizer::new(true, flag("tokenize_chinese_chars").unwrap_or(true), flag("strip_accents"), lowercase);
    let special: Vec<AddedToken> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        .iter()
        .filter(|token| inner.token_to_id(token).is_some())
        .map(|&token| AddedToken::from(token, true))
        .collect();
    inner.with_normalizer(Some(normalizer)).map_err(|e| wrong(file, &e))?;
    inner.with_pre_tokenizer(Some(BertPreTokenizer));
    inner.with_post_processor(Some(post));
    inner.add_special_tokens(special).map_err(|e| wrong(file, &e))?;
    Ok(inner)
}

fn padding(inner: &Inner, config: &Value) -> u32 {
    let named = config.get("pad_token").and_then(|token| token.as_str().or_else(|| token.get("content")?.as_str()));
    named
        .and_then(|token| inner.token_to_id(token))
        .or_else(|| inner.get_padding().map(|padding| padding.pad_id))
        .or_else(|| inner.token_to_id("[PAD]"))
        .or_else(|| inner.token_to_id("<pad>"))
        .unwrap_or(0)
}

fn json(file: &Path) -> Result<Value, DataError> {
    serde_json::from_slice(&read(file)?).map_err(|e| wrong(file, &e))
}

fn wrong(file: &Path, reason: &(impl ToString + ?Sized)) -> DataError {
    DataError::Tokenizer { file: file.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        text: String,
        pair: Option<String>,
        max_tokens: usize,
        ids: Vec<u32>,
        types: Vec<u32>,
    }

    fn fixture() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizer")
    }

    /// What transformers gives; `make.py` beside the file writes it.
    fn cases(name: &str) -> Vec<Case> {
        let mut all = json(&fixture().join("expected.json")).unwrap();
        serde_json::from_value(all[name].take()).unwrap()
    }

    /// A folder with some of the fixture's files and this `tokenizer_config.json`.
    fn folder(files: &[&str], config: Option<&str>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            fs::copy(fixture().join(file), folder.path().join(file)).unwrap();
        }
        if let Some(config) = config {
            fs::write(folder.path().join("tokenizer_config.json"), config).unwrap();
        }
        folder
    }

    fn check(tokenizer: &Tokenizer, cases: &[Case]) {
        assert!(cases.len() > 30);
        for case in cases {
            let encoded = tokenizer.encoder(case.max_tokens).unwrap().encode(&case.text, case.pair.as_deref()).unwrap();
            let what = format!("{:?} with {:?}, at most {}", case.text, case.pair, case.max_tokens);
            assert_eq!((encoded.ids, encoded.types), (case.ids.clone(), case.types.clone()), "{what}");
        }
    }

    #[test]
    fn tokenizer_json_gives_what_transformers_gives() {
        let folder = folder(&["tokenizer.json"], None);
        check(&Tokenizer::from_folder(folder.path()).unwrap(), &cases("uncased"));
    }

    #[test]
    fn vocabulary_gives_what_transformers_gives() {
        let uncased = folder(&["vocab.txt"], Some(r#"{"do_lower_case": true}"#));
        check(&Tokenizer::from_folder(uncased.path()).unwrap(), &cases("uncased"));
        let cased = folder(&["vocab.txt"], Some(r#"{"do_lower_case": false}"#));
        check(&Tokenizer::from_folder(cased.path()).unwrap(), &cases("cased"));
    }

    #[test]
    fn without_settings_capitals_in_the_vocabulary_decide() {
        let cased = folder(&["vocab.txt"], None);
        check(&Tokenizer::from_folder(cased.path()).unwrap(), &cases("cased"));
        let uncased = folder(&["vocab.txt"], None);
        let lower = fs::read_to_string(fixture().join("vocab.txt")).unwrap();
        let lower: String = lower.split_inclusive('\n').filter(|t| t.starts_with('[') || **t == *t.to_lowercase()).collect();
        fs::write(uncased.path().join("vocab.txt"), lower).unwrap();
        let encoder = Tokenizer::from_folder(uncased.path()).unwrap().encoder(8).unwrap();
        assert_eq!(encoder.encode("THE", None).unwrap(), encoder.encode("the", None).unwrap());
    }

    #[test]
    fn truncation_is_told() {
        let encoder = Tokenizer::from_folder(&fixture()).unwrap().encoder(6).unwrap();
        assert!(!encoder.encode("the film the film", None).unwrap().truncated);
        assert!(encoder.encode("the film the film the", None).unwrap().truncated);
        assert!(encoder.encode("the film", Some("the film")).unwrap().truncated);
    }

    #[test]
    fn padding_and_size() {
        let tokenizer = Tokenizer::from_folder(&fixture()).unwrap();
        assert_eq!((tokenizer.padding(), tokenizer.ids()), (0, 186));
        let other = folder(&["tokenizer.json"], Some(r#"{"pad_token": {"content": "[MASK]"}}"#));
        assert_eq!(Tokenizer::from_folder(other.path()).unwrap().padding(), 4);
    }

    #[test]
    fn what_is_wrong_with_a_folder_is_said() {
        let message = |folder: &tempfile::TempDir| {
            let error = Tokenizer::from_folder(folder.path()).unwrap_err();
            assert_eq!(error.field(), Some("model"));
            error.to_string().replace(&folder.path().display().to_string(), "MODEL")
        };
        let empty = folder(&[], None);
        insta::assert_snapshot!(message(&empty), @"MODEL: the folder holds neither `tokenizer.json` nor `vocab.txt`");
        fs::write(empty.path().join("vocab.txt"), "[PAD]\n[UNK]\n[CLS]\nthe\n").unwrap();
        insta::assert_snapshot!(message(&empty), @"MODEL/vocab.txt: the vocabulary lacks the token [SEP]");
        fs::write(empty.path().join("tokenizer.json"), "{").unwrap();
        insta::assert_snapshot!(message(&empty), @"MODEL/tokenizer.json: EOF while parsing an object at line 1 column 1");
        let few = Tokenizer::from_folder(&fixture()).unwrap().encoder(3).unwrap_err();
        insta::assert_snapshot!(few, @"`max_tokens: 3` leaves no room for text: the tokenizer adds 3 special tokens, so at least 4 are needed");
    }
}
