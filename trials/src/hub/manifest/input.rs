//! What a model reads.

use serde::{Deserialize, Serialize};

/// What the model reads: for whoever uses the folder without this program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// The columns of the text, or of the first and the second text of a pair; inputs are cut to so many tokens, the special ones included.
    Texts { columns: Vec<String>, max_tokens: usize },
    /// Resized until the shorter side has `side` pixels, of which the square in the middle is taken; then `(value / 255 - mean) / deviation` for each channel.
    /// `base_side` is that of the images the pre-trained model was made for.
    Images { side: usize, base_side: usize, mean: Vec<f32>, deviation: Vec<f32> },
}
