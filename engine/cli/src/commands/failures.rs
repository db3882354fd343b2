//! What is wrong with a file, and with the model and the data it names, gathered to be told at once.

use std::{fmt::Display, path::Path};

use search_spaces::{
    data::{Files, Location},
    places::Places,
    problem::{Problem, Problems},
};
use trials::data::DataError;

use super::setup;
use crate::exit::Error;

/// Why model and data are not ready, piece by piece.
pub(super) struct Failures<'a> {
    pub(super) places: &'a Places,
    /// Mistakes of the file.
    pub(super) problems: Vec<Problem>,
    /// What is wrong with the files that it names.
    input: Vec<String>,
    /// Those of the data, once it is known where they are.
    pub(super) files: Option<&'a Files>,
}

impl<'a> Failures<'a> {
    pub(super) fn of(places: &'a Places, problems: Vec<Problem>) -> Failures<'a> {
        Failures { places, problems, input: Vec::new(), files: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.problems.is_empty() && self.input.is_empty()
    }

    /// Something wrong with data: a mistake of the file where another value in it would help, else of the data.
    pub(super) fn take(&mut self, error: &DataError) {
        if let DataError::Several { errors } = error {
            for error in errors {
                self.take(error);
            }
            return;
        }
        // With wrong names of columns none can be said to be missing.
        let of_columns = matches!(error, DataError::MissingColumn { .. } | DataError::ColumnCount { .. });
        if of_columns && !self.places.is_known("data.columns") {
            return;
        }
        match error.file().and_then(|file| self.field_of(file)).filter(|_| error.field() == Some("data.files")).or(error.field()) {
            Some(field) if error.is_of_the_space() => self.problem(field, error.to_string(), None),
            field => self.input(field.unwrap_or("data"), error),
        }
    }

    /// The field that names `file`, where there are several.
    fn field_of(&self, file: &Path) -> Option<&'static str> {
        let Some(Files::Splits { train, validation, test }) = self.files else { return None };
        let named = [
            ("data.files.Splits.train", Some(train)),
            ("data.files.Splits.validation", validation.as_ref()),
            ("data.files.Splits.test", test.as_ref()),
        ];
        let is_file = |location: &Location| matches!(location, Location::Path(path) if path == file);
        named.into_iter().find(|(_, location)| location.is_some_and(is_file)).map(|(field, _)| field)
    }

    /// A mistake in the value of `field`.
    pub(super) fn problem(&mut self, field: &str, message: String, hint: Option<String>) {
        if self.places.is_known(field) {
            self.problems.push(self.places.problem_at(field, message, hint));
        }
    }

    /// Something wrong with what `field` names.
    pub(super) fn input(&mut self, field: &str, why: impl Display) {
        if self.places.is_given(field) {
            let place = self.places.problem_at(field, "", None);
            self.input.push(format!("{why}\n  (`{field}`, {}:{}:{})", place.file.display(), place.line, place.column));
        }
    }

    pub(super) fn into_error(self) -> Error {
        let Failures { problems, input, .. } = self;
        let error = if problems.is_empty() { Error::input } else { Error::space };
        let problems = (!problems.is_empty()).then(|| setup::told(&Problems::new(problems)));
        error(problems.into_iter().chain(input).collect::<Vec<String>>().join("\n\n"))
    }
}
