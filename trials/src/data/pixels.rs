//! How images become numbers.

use std::path::Path;

use serde_json::{Value, json};

use crate::hub::{HubError, read_json};

/// The file that says so in a Hugging Face folder.
const FILE: &str = "preprocessor_config.json";

/// Statistics of ImageNet, which models are trained with unless they say otherwise: red, green, blue.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// Side, channels and normalisation of a model's input: `(value / 255 - mean) / deviation` for each channel.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelFormat {
    /// Of the square image the model was trained on; others may be given to it.
    pub side: usize,
    /// One for grey, three for red, green, blue.
    pub mean: Vec<f32>,
    pub deviation: Vec<f32>,
}

impl PixelFormat {
    /// What `preprocessor_config.json` of `folder` says; where it says nothing, `side`, and the statistics of ImageNet (their mean for one
    /// channel).
    pub fn read(folder: &Path, channels: usize, side: usize) -> Result<PixelFormat, HubError> {
        let path = folder.join(FILE);
        let fields = match read_json(&path) {
            Ok(fields) => fields,
            Err(HubError::Missing { .. }) => serde_json::Map::new(),
            Err(error) => return Err(error),
        };
        let wrong = |field, problem: &str| HubError::Config { path: path.clone(), field, problem: problem.to_owned() };
        let statistic = |field: &'static str, usual: [f32; 3], lowest: f32| match fields.get(field) {
            None | Some(Value::Null) if channels == 3 => Ok(usual.to_vec()),
            None | Some(Value::Null) => Ok(vec![usual.iter().sum::<f32>() / 3.0; channels]),
            Some(Value::Array(values)) if values.len() == channels => {
                let values: Option<Vec<f32>> =
                    values.iter().map(|v| v.as_f64().map(|v| v as f32).filter(|v| *v >= lowest && *v <= 1.0)).collect();
                values.ok_or_else(|| wrong(field, "must hold numbers from 0 to 1, a deviation above 0"))
            }
            Some(_) => Err(wrong(field, "must have a number for each channel of the first convolution")),
        };
        for field in ["do_rescale", "do_resize"] {
            if fields.get(field) == Some(&Value::Bool(false)) {
                return Err(wrong(field, "is false, which is not read: images are resized, and their values from 0 to 1"));
            }
        }
        let factor = fields.get("rescale_factor").and_then(Value::as_f64);
        if factor.is_some_and(|factor| (factor * 255.0 - 1.0).abs() > 1e-6) {
            return Err(wrong("rescale_factor", "is not 1/255, which alone is read"));
        }
        let asked =
            ["crop_size", "size"].into_iter().find_map(|field| Some((field, fields.get(field)?)).filter(|(_, size)| !size.is_null()));
        let side = match asked {
            None => side,
            Some((field, size)) => asked_side(size)
                .ok_or_else(|| wrong(field, "must be a side from 1 to 4096 pixels, or a height and width that are the same"))?,
        };
        if fields.get("do_normalize") == Some(&Value::Bool(false)) {
            return Ok(PixelFormat { side, mean: vec![0.0; channels], deviation: vec![1.0; channels] });
        }
        let (mean, deviation) = (statistic("image_mean", MEAN, 0.0)?, statistic("image_std", DEVIATION, 1e-6)?);
        Ok(PixelFormat { side, mean, deviation })
    }

    pub fn channels(&self) -> usize {
        self.mean.len()
    }

    /// As `preprocessor_config.json`: the processor of transformers that does what is done here to an image, at every side. (Its resampling 2 is bilinear.)
    pub fn to_json(&self) -> Value {
        json!({
            "image_processor_type": "BitImageProcessor",
            "do_convert_rgb": self.channels() == 3,
            "do_resize": true,
            "size": { "shortest_edge": self.side },
            "resample": 2,
            "do_center_crop": true,
            "crop_size": { "height": self.side, "width": self.side },
            "do_rescale": true,
            "rescale_factor": 1.0 / 255.0,
            "do_normalize": true,
            "image_mean": self.mean,
            "image_std": self.deviation,
        })
    }
}

/// transformers writes a side as a number, or as an object of any of these.
fn asked_side(size: &Value) -> Option<usize> {
    let (height, width) = (size.get("height").and_then(Value::as_u64), size.get("width").and_then(Value::as_u64));
    if height != width {
        return None;
    }
    let side = size.as_u64().or(height).or_else(|| size.get("shortest_edge")?.as_u64())?;
    usize::try_from(side).ok().filter(|side| (1..=4096).contains(side))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_its_absence_too() {
        let folder = tempfile::tempdir().unwrap();
        let usual = PixelFormat::read(folder.path(), 3, 32).unwrap();
        assert_eq!((usual.side, usual.mean, usual.deviation), (32, MEAN.to_vec(), DEVIATION.to_vec()));
        assert_eq!(PixelFormat::read(folder.path(), 1, 28).unwrap().mean.len(), 1);
        let write = |text: &str| std::fs::write(folder.path().join(FILE), text).unwrap();
        write(
            r#"{"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.5, 1.0]}"#,
        );
        let read = PixelFormat::read(folder.path(), 3, 32).unwrap();
        assert_eq!((read.side, &read.mean[..], &read.deviation[..]), (224, &[0.5; 3][..], &[0.25, 0.5, 1.0][..]));
        write(&read.to_json().to_string());
        assert_eq!(PixelFormat::read(folder.path(), 3, 32).unwrap(), read);
        for wrong in [
            r#"{"image_mean": [0.5]}"#,
            r#"{"image_std": [0, 1, 1]}"#,
            r#"{"image_mean": "x"}"#,
            r#"{"size": -4}"#,
            r#"{"size": {"height": 20, "width": 30}}"#,
            r#"{"do_rescale": false}"#,
        ] {
            write(wrong);
            assert!(matches!(PixelFormat::read(folder.path(), 3, 32), Err(HubError::Config { .. })), "{wrong}");
        }
    }
}
