//! What the curves have trained, step by step: more than the study knows.

use std::{collections::BTreeMap, fs, io, path::Path};

/// Work done again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Again {
    /// Segments that were taken up before the last step they had come to.
    pub(crate) segments: u64,
    pub(crate) lost: u64,
    /// In one of them.
    pub(crate) most: u64,
}

impl Again {
    pub(crate) fn take(&mut self, other: &Again) {
        self.segments += other.segments;
        self.lost += other.lost;
        self.most = self.most.max(other.most);
    }
}

/// Reads a trace. Folds have no checkpoints and are left out.
pub(crate) fn read(path: &Path) -> io::Result<Again> {
    Ok(again(&fs::read_to_string(path)?))
}

fn again(trace: &str) -> Again {
    let mut again = Again::default();
    let mut reached: BTreeMap<&str, u64> = BTreeMap::new();
    for line in trace.lines() {
        let mut words = line.split(' ');
        let (Some(trial), Some(what), Some(step)) = (words.next(), words.next(), words.next().and_then(|step| step.parse().ok())) else {
            continue;
        };
        if trial.contains('/') {
            continue;
        }
        let known = reached.entry(trial).or_default();
        if what == "from" && step < *known {
            again.segments += 1;
            again.lost += *known - step;
            again.most = again.most.max(*known - step);
        }
        *known = step;
    }
    again
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_trained_again_is_counted() {
        let trace = "0 from 0\n0 step 1\n0 step 2\n1 from 0\n1 step 1\n0 step 3\n0 from 2\n0 step 3\n2/0 step 5\n2/0 from 0\n1 from 1\n";
        assert_eq!(again(trace), Again { segments: 1, lost: 1, most: 1 });
    }
}
