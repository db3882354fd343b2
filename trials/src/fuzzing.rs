//! What fuzz targets run of this crate, given the bytes of a file: see `benches/fuzz`. No part of its interface.

use std::{path::Path, sync::OnceLock};

use search_spaces::claim::ConfigFile;

use crate::{
    checkpoint,
    data::{
        Task,
        image::{decode::Wanted, idx::Idx},
        table::{self, Table},
    },
    hub::manifest::Manifest,
    metrics::Measures,
    testing::{Tiny, task, trial_config_file},
    trainer::{Job, Trainer},
};

/// A table in the format that the ending of `file` says; the error is what a user is told.
pub fn table(file: &str, bytes: &[u8], names: Option<&[String]>) -> Result<Table, String> {
    table::parse(Path::new(file), &mut || Ok(bytes.to_vec()), names, None).map_err(|error| error.to_string())
}

/// An IDX file: its sizes, and how many bytes it holds.
pub fn idx(bytes: &[u8]) -> Result<(Vec<usize>, usize), String> {
    Idx::read(bytes).map(|idx| (idx.shape, idx.values.len()))
}

/// A picture, made 32 pixels a side in so many channels.
pub fn picture(bytes: &[u8], channels: usize) -> Result<Vec<u8>, String> {
    Wanted { side: 32, channels }.decode(bytes).map(|decoded| decoded.pixels)
}

/// The manifest of a model folder.
pub fn manifest(bytes: &[u8]) -> Result<Manifest, String> {
    Manifest::parse(Path::new("/strange/thawline.json"), bytes).map_err(|error| error.to_string())
}

/// Everything in a checkpoint, and a step of training from it if it is of [`tiny_checkpoint`]'s trial: how many values it holds.
pub fn checkpoint(bytes: &[u8]) -> Result<usize, String> {
    let contents = checkpoint::parse(Path::new("strange.ckpt"), bytes.to_vec()).map_err(|error| error.to_string())?;
    let values = contents.names().iter().filter_map(|name| contents.get(name)).map(|(_, values)| values.len()).sum();
    let mut trainer = Trainer::resume_from(tiny().job(), &contents).map_err(|error| error.to_string())?;
    if !trainer.is_over() {
        trainer.train_step().map_err(|error| error.to_string())?;
        trainer.evaluate_if_due().map_err(|error| error.to_string())?;
    }
    Ok(values)
}

/// A checkpoint of a small trial after so many steps, written to `folder`.
pub fn tiny_checkpoint(folder: &Path, steps: u64) -> Vec<u8> {
    let mut trainer = Trainer::new(tiny().job()).expect("a trial that can be trained");
    for _ in 0..steps {
        trainer.train_step().expect("a step");
        trainer.evaluate_if_due().expect("an evaluation");
    }
    std::fs::read(trainer.save(folder).expect("a checkpoint").path).expect("the checkpoint")
}

/// A trial of milliseconds.
struct TinyTrial {
    task: Task,
    base: Tiny,
    measures: Measures,
    file: ConfigFile,
}

fn tiny() -> &'static TinyTrial {
    static TINY: OnceLock<TinyTrial> = OnceLock::new();
    TINY.get_or_init(|| TinyTrial {
        task: task(12, 6, 0).task(),
        base: Tiny::new(),
        measures: Measures::default(),
        file: trial_config_file(),
    })
}

impl TinyTrial {
    fn job(&self) -> Job<'_> {
        let ConfigFile { objective, config, ladder, eval_every, seed, trial, .. } = &self.file;
        let TinyTrial { task, base, measures, .. } = self;
        Job {
            task,
            base,
            measures,
            objective: *objective,
            config,
            ladder,
            eval_every: *eval_every,
            seed: *seed,
            trial: *trial,
            micro_batch: None,
            alive: &|| (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_gone_on_from_unless_it_speaks_of_what_cannot_be() {
        let folder = tempfile::tempdir().unwrap();
        let whole = tiny_checkpoint(folder.path(), 3);
        assert!(checkpoint(&whole).unwrap() > 100);
        let changed = |from: &str, to: &str| {
            let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
            let text = String::from_utf8(whole[8..8 + header].to_vec()).unwrap();
            assert!(text.contains(from), "{text}");
            let text = text.replacen(from, to, 1);
            let bytes = [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &whole[8 + header..]].concat();
            checkpoint(&bytes).unwrap_err()
        };
        let step = format!(r#"\"progress\":{{\"step\":{}"#, u64::MAX);
        insta::assert_snapshot!(changed(r#"\"progress\":{\"step\":3"#, &step), @"the checkpoint strange.ckpt does not fit this trial: it speaks of step 18446744073709551615 of 6");
        insta::assert_snapshot!(changed(r#"\"lowest\":0,\"trained\""#, r#"\"lowest\":9,\"trained\""#), @"the checkpoint strange.ckpt does not fit this trial: it speaks of block 9 of 5");
        let updates = format!(r#"\"updates\":{{\"embeddings.weight\":{}"#, u64::MAX);
        insta::assert_snapshot!(changed(r#"\"updates\":{\"embeddings.weight\":3"#, &updates), @"the checkpoint strange.ckpt does not fit this trial: after 3 steps embeddings.weight cannot have been updated 18446744073709551615 times");
    }
}
