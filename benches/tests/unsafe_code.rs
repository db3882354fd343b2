//! The lints let `unsafe` be wherever somebody expects it, and ask for a reason: here is where that may be.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The kernels, which call processors' own instructions and products of matrices.
const KERNELS: &str = "trials/src/ops";

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn unsafe_code_is_in_the_kernels_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for part in ["search-spaces", "engine", "trials", "reports"] {
        sources(&root.join(part), &mut files);
    }
    assert!(files.len() > 200, "{} files", files.len());
    let holds = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        words.into_iter().any(|word| ["unsafe", "unsafe_code"].contains(&word))
    };
    let found: Vec<PathBuf> = files.into_iter().filter(holds).collect();
    let (kernels, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|path| path.starts_with(root.join(KERNELS)));
    assert!(!kernels.is_empty() && others.is_empty(), "{others:?}");
}
