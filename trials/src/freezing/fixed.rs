//! The same blocks throughout.

use super::Unfreezing;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed {
    pub lowest: usize,
}

impl Unfreezing for Fixed {
    fn lowest(&self, _step: u64) -> usize {
        self.lowest
    }
}
