//! Many trials from bytes, on all cores: it is most of what opening a large study takes.

use std::collections::BTreeMap;

use crossbeam_channel::unbounded;
use search_spaces::domain::Parameter;

use super::row::{self, Trial};

/// The rows of some trials, one after the other in one place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// Gives the rows of the trials that follow those it gave before, by number; `None` after the last.
pub(crate) type NextRows<'a, E> = dyn FnMut() -> Result<Option<Rows>, E> + 'a;

impl Rows {
    pub(crate) fn push(&mut self, row: &[u8]) {
        self.bytes.extend_from_slice(row);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[*start..*end])
    }
}

/// Hands the trials to `take` in order, while further rows are read and decoded; whether all could be read, and `take` agreed to each.
pub(super) fn decode<E>(parameters: &[Parameter], next: &mut NextRows<'_, E>, mut take: impl FnMut(Trial) -> bool) -> Result<bool, E> {
    let decode = |rows: &Rows| rows.iter().map(|row| row::read(row, parameters)).collect::<Option<Vec<Trial>>>();
    let (rows_in, rows_out) = unbounded::<(usize, Rows)>();
    let (trials_in, trials_out) = unbounded();
    // Moved in, so that leaving it by an error ends the threads.
    std::thread::scope(move |scope| {
        let mut before_their_turn = BTreeMap::new();
        let mut turn = 0;
        let mut all = true;
        let mut take_in_turn = |(part, trials): (usize, Option<Vec<Trial>>)| {
            before_their_turn.insert(part, trials);
            while let Some(trials) = before_their_turn.remove(&turn) {
                turn += 1;
                all = all && trials.is_some_and(|trials| trials.into_iter().all(&mut take));
            }
        };
        let mut parts = 0;
        while let Some(rows) = next()? {
            if parts < crate::devices::cores() {
                let (rows_out, trials_in) = (rows_out.clone(), trials_in.clone());
                scope.spawn(move || rows_out.iter().try_for_each(|(part, rows)| trials_in.send((part, decode(&rows)))));
            }
            // The threads are there until `rows_in` is gone.
            let _ = rows_in.send((parts, rows));
            parts += 1;
            trials_out.try_iter().for_each(&mut take_in_turn);
        }
        drop((rows_in, trials_in));
        trials_out.iter().for_each(&mut take_in_turn);
        Ok(all)
    })
}
