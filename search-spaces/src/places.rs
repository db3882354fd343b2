//! Where everything stands in a file.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use crate::problem::{Place, Problem, Source};

/// A number that the file names for a field of the config: a fixed value, an option, or a bound of a range; in the space or in a recipe.
#[derive(Debug, Clone, PartialEq)]
pub struct Mention {
    /// By the names of fields and variants: `unfreeze.LastBlocks.k`.
    pub field: String,
    pub place: Place,
    pub value: f64,
}

/// The places of a file's values, for mistakes that are found after it has been read. Empty for what does not come from a file.
///
/// A path is `data.label`, `settings.eta`, `recipes[0].config.optimizer`, or one of the config such as `optimizer.AdamW.learning_rate`.
#[derive(Debug, Clone, Default)]
pub struct Places {
    source: Source,
    spans: BTreeMap<String, Range<usize>>,
    /// In the order of the file.
    mentions: Vec<Mention>,
    /// Values that are not what the file says: a default stands there instead of a mistake.
    guessed: BTreeSet<String>,
    /// Values that stand elsewhere: on the command line.
    elsewhere: BTreeMap<String, (Source, Range<usize>)>,
}

impl Places {
    /// `mentions`: field, place and value. Places are found in one pass, because there may be many.
    pub(crate) fn new(
        source: Source,
        spans: BTreeMap<String, Range<usize>>,
        mut mentions: Vec<(String, Range<usize>, f64)>,
        guessed: BTreeSet<String>,
    ) -> Places {
        mentions.sort_by_key(|(_, span, _)| span.start);
        let (mut offset, mut line, mut column) = (0, 1, 1);
        let place = |(field, span, value): (String, Range<usize>, f64)| {
            for c in source.text[offset..span.start].chars() {
                (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
            }
            offset = span.start;
            Mention { field, place: Place { line, column, span }, value }
        };
        let mentions = mentions.into_iter().map(place).collect();
        Places { source, spans, mentions, guessed, elsewhere: BTreeMap::new() }
    }

    /// Where the value at `path` stands in the file. What is left out has the place of what it belongs to. `None` without a file.
    pub fn place(&self, path: &str) -> Option<Place> {
        self.span(path).map(|span| self.source.place(span))
    }

    /// The value at `path` now stands in `source`.
    pub(crate) fn put(&mut self, path: &str, source: Source, span: Range<usize>) {
        self.elsewhere.insert(path.to_owned(), (source, span));
    }

    fn span(&self, path: &str) -> Option<&Range<usize>> {
        let mut path = path.strip_prefix("space.").unwrap_or(path);
        loop {
            match (self.spans.get(path), path.rfind('.')) {
                (Some(span), _) => return Some(span),
                (None, Some(end)) => path = &path[..end],
                (None, None) => return self.spans.get("space"),
            }
        }
    }

    /// Whether the value at `path` is what the file says or leaves out, at least in part, and not a default in place of a mistake.
    pub fn is_given(&self, path: &str) -> bool {
        !self.guessed.iter().any(|guess| holds(guess, path))
    }

    /// Whether the value at `path`, and all in it, is what the file says or leaves out, and not a default in place of a mistake.
    pub fn is_known(&self, path: &str) -> bool {
        is_known(&self.guessed, path)
    }

    /// A mistake at `path`.
    pub fn problem_at(&self, path: &str, message: impl Into<String>, hint: Option<String>) -> Problem {
        if let Some((source, span)) = self.elsewhere.get(path) {
            return source.problem(span, message, hint);
        }
        match self.span(path) {
            Some(span) => self.source.problem(span, message, hint),
            None => Problem::without_place(&self.source.file, message, hint),
        }
    }

    /// A mistake in what is mentioned.
    pub fn problem_in(&self, mention: &Mention, message: impl Into<String>, hint: Option<String>) -> Problem {
        self.source.problem(&mention.place.span, message, hint)
    }

    /// Every number that the file gives for `field` of the config, in the space and in recipes, in the order of the file.
    pub fn mentions(&self, field: &str) -> impl Iterator<Item = &Mention> {
        self.mentions.iter().filter(move |mention| mention.field == field)
    }
}

/// Whether the path `inner` is `outer` or lies in it.
fn holds(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Whether no path of `guessed` is `path`, lies in it or holds it.
pub(crate) fn is_known(guessed: &BTreeSet<String>, path: &str) -> bool {
    !guessed.iter().any(|guess| holds(guess, path) || holds(path, guess))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_makes_unknown_what_holds_it_and_what_it_holds() {
        let guessed = BTreeSet::from(["data.split".to_owned()]);
        for (path, known) in [
            ("data", false),
            ("data.split", false),
            ("data.split.seed", false),
            ("data.splits", true),
            ("data.label", true),
            ("space", true),
        ] {
            assert_eq!(is_known(&guessed, path), known, "{path}");
        }
    }
}
