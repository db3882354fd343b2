//! The text of a space for images.

use std::path::Path;

use search_spaces::data::{Data, Files, ImageData, Location, Split, Unreadable};
use trials::{
    data::{DataReport, image},
    models::{BaseModel, Takes, convnet::ConvNetBase},
};

use super::{
    super::read,
    Located,
    template::{HEAD, classes_told},
};
use crate::exit::Error;

/// What the text depends on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    /// RON of the model's location.
    model: String,
    /// RON of the data's location.
    data: String,
    pub(super) classes: Vec<(String, usize)>,
    /// Images that cannot be read.
    unreadable: u64,
    /// Side of the images the model was trained on.
    side: usize,
    /// Blocks below the head.
    blocks: usize,
}

impl Facts {
    /// Reads model and data.
    pub(super) fn gather(model: &Located, data: &Located, program: &Path) -> Result<Facts, Error> {
        let base = ConvNetBase::load(&model.path, &trials::device::Handle::Cpu).map_err(Error::input)?;
        let Takes::Pixels(format) = base.takes() else { return Err(Error::failed("a network of images takes no images")) };
        let all = ImageData {
            files: Files::One(Location::Path(data.path.clone())),
            side: None,
            split: Split { validation: 0.15, test: 0.15, seed: 0 },
            unreadable: Unreadable::Drop,
            max_train: None,
            max_validation: None,
        };
        read::try_data(&Data::Images(all.clone()), program)?;
        let (_, report) = image::load(&all, &format).map_err(Error::input)?;
        Ok(Facts {
            model: model.ron.clone(),
            data: data.ron.clone(),
            classes: classes(&report),
            unreadable: report.files.iter().map(|file| file.dropped).sum(),
            side: format.side,
            blocks: base.blocks().len() - 1,
        })
    }

    pub(super) fn images(&self) -> usize {
        self.classes.iter().map(|(_, count)| count).sum()
    }
}

/// Whether `model` reads images.
pub(super) fn reads_images(model: &Path) -> bool {
    ConvNetBase::is_one(model)
}

fn classes(report: &DataReport) -> Vec<(String, usize)> {
    let of = |label: usize| report.splits.iter().map(|split| split.by_label[label] as usize).sum();
    report.labels.iter().enumerate().map(|(label, name)| (name.clone(), of(label))).collect()
}

pub(super) fn render(facts: &Facts) -> String {
    let (classes, metric, why) = classes_told(&facts.classes);
    let unreadable = match facts.unreadable {
        0 => String::new(),
        count => {
            format!("        // {count} images cannot be read: they are left out. Reject would stop instead.\n        unreadable: Drop,\n")
        }
    };
    format!(
        "{HEAD}Sweep(
    model: {model},

    // {images} images; {class_count} classes: {classes}.
    data: Images(
        files: One({data}),
{unreadable}        // Images are resized to so many pixels on a side; None is what the model was trained on, {side}. Half the side takes a quarter of the time.
        side: None,
        // These shares of the images are kept apart: configs are compared on the first, and the second is yours to look at once, at the end.
        split: (validation: 0.15, test: 0.15),
    ),

    // {why}
    objective: Maximize({metric}),

    settings: (
        // Configs to try. The first is always the literature's default recipe, so that the report can say what was gained over it.
        trials: 24,
        // Stop after this much time, whatever is done by then: \"30m\", \"8h\". The study can be extended later.
        // budget: \"8h\",
        // Every config first trains one pass; the best third of them go on to three passes; the best third of those to the end.
        r_min: Epochs(1),
        eta: 3,
        seed: 0,
    ),

    // Plain values are fixed. Those in a domain are searched: LogUniform(low, high) draws more evenly over orders of magnitude,
    // Choice([...]) takes one of a list.
    space: (
        // Passes over the training data.
        epochs: 9,
        batch_size: Choice([16, 32, 64]),
        // The learning rate matters most. Too low learns slowly, too high forgets what the model knows. Each optimizer has a range of its own.
        optimizer: Weighted([
            (2, Sgd(learning_rate: LogUniform(1e-3, 0.1), momentum: 0.9, nesterov: true, l2: LogUniform(1e-5, 1e-2))),
            (1, AdamW(learning_rate: LogUniform(1e-4, 1e-2), weight_decay: LogUniform(1e-4, 0.3))),
        ]),
        schedule: Choice([Cosine(), Linear()]),
        // Share of the steps over which the learning rate rises at the start; it should be over before the first rung.
        warmup: Choice([0.0, 0.05]),
        // Which of the model's {blocks} blocks below the head train: all, the upper half, or none.
        unfreeze: Weighted([(3, Everything), (1, LastBlocks(k: {half})), (1, HeadOnly)]),
        dropout: (hidden: 0.0, attention: 0.0, classifier: Uniform(0.0, 0.5)),
        label_smoothing: Choice([0.0, 0.1]),
        clip_norm: None,
        // Random changes of training images. Set flip to 0 where left and right differ, as in digits.
        augment: (flip: 0.5, crop: Int(0, {crop}), mix: Choice([Off, MixUp(alpha: 0.2)])),
    ),
)
",
        model = facts.model,
        images = facts.images(),
        class_count = facts.classes.len(),
        data = facts.data,
        side = facts.side,
        blocks = facts.blocks,
        half = (facts.blocks / 2).max(1),
        crop = (facts.side / 8).max(1),
    )
}
